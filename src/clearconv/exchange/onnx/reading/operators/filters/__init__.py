"""Operators with filters or matrices of weights."""
