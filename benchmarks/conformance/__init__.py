"""ONNX's own tests of its operators, run on models as clearconv reads them."""
