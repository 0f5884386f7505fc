"""Operators that give numbers mean 0 and deviation 1, or that sum to 1."""
