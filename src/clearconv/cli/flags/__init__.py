"""How options become settings."""
