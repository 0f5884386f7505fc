"""Operators that work on each number by itself, and arithmetic between tensors."""
