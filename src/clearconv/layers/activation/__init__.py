"""Elementwise functions and softmax."""
