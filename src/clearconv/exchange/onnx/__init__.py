"""ONNX: models leave with their preprocessing inside, and prove themselves.

The package onnx is imported only when a file is written or read; see ``package``.
"""
