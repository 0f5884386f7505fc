"""When a model gives no answer: calibrated probabilities, and distance to what it knows."""
