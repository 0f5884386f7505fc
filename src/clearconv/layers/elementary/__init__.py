"""Arithmetic as layers, for models that were written elsewhere: any function, any axes."""
