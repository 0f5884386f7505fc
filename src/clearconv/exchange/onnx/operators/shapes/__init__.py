"""Operators that join, reorder and resize."""
