"""Layers that work on each number by itself."""
