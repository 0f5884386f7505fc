"""From a model to the bytes of an ONNX file."""
