"""How layers are joined: in sequence, side by side, and with shortcuts."""
