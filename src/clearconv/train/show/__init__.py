"""What training shows: its history, its epochs' lines, TensorBoard's files."""
