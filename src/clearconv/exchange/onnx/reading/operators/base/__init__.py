"""What the files of operators share."""
