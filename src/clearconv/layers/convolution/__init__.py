"""Layers of weighted sums: convolutions and the fully connected layer."""
