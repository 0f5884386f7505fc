"""The commands that bring models in and take them out."""
