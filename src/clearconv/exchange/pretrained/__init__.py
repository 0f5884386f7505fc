"""Weights that others have trained: what is known, how they are had, and how a run starts."""
