"""Weights that PyTorch has saved, read without PyTorch."""

from clearconv.exchange.pytorch.load import load_pytorch

__all__ = ["load_pytorch"]
