"""Operators that work on each number by itself, or on each row."""
