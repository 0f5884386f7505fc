"""Learning from few photographs: frozen layers of an earlier model, and a head of our own."""
