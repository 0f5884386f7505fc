"""Operators that join, cut, reorder and resize."""
