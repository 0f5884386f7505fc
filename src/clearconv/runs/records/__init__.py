"""The content of each file of a run: read, checked value by value, and written."""
