"""Layers that act in training alone."""
