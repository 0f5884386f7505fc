"""Read ONNX files: from bytes to operators, from operators to a graph of layers.

``file`` reads operators and constants as plain data, ``order`` puts them in the order they run,
``folding`` computes what depends on constants alone, ``building`` collects layers.
"""
