"""Layers that change an array's shape."""
