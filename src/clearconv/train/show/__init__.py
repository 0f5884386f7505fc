"""The output of training: its history, a line per epoch, TensorBoard files."""
