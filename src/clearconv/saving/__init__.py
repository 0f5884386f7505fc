"""Models as bytes and back."""
