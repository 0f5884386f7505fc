"""What windows, patches and resampling have in common: sizes, positions and memory order."""
