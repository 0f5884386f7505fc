"""A model's numbers: as declared, as first drawn, as stored."""
