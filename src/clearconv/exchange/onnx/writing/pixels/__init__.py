"""The preprocessing as a graph: from a picture of any size to what a network sees."""
