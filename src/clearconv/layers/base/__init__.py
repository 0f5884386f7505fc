"""What every layer is made of: nodes, parameters, tapes and specifications."""
