"""How images are divided into parts, and which of them must stay together."""
