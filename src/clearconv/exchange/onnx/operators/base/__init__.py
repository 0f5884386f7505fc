"""What the files of operators share: values, nodes and attributes of a graph."""
