"""Operators that take one number from each window."""
