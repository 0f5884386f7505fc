"""The golden input: what a file is tested with, and the logits that it must then give."""

import base64
import json
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from clearconv.arrays import Array, Shape
from clearconv.data import Preprocessing
from clearconv.data.images.given_image import image_pixels
from clearconv.layers import Node
from clearconv.random import generator

#: Largest difference of logits, relative to the largest of them (at least 1), that is no drift.
TOLERANCE = 1e-4

_CELL = 11  # pixels of a picture's patches: edges in all places, and small when compressed


@dataclass(frozen=True, eq=False)
class Golden:
    """An input with the logits that belong to it.

    Attributes
    ----------
    codes : ndarray of uint8
        A picture (H, W, 3); for files that take tensors, numbers from which one is made.
    logits : ndarray of shape (classes,)
        What clearconv computes from it with the numbers that the file holds.
    """

    codes: np.ndarray[Any, np.dtype[np.uint8]]
    logits: Array

    @classmethod
    def of(cls, model: Node, preprocessing: Preprocessing | None) -> "Golden":
        """Make an input, a picture where a preprocessing is given, and compute its logits."""
        if preprocessing is None:
            codes = golden_codes(model.input_shape)
            seen = tensor_of(codes)
        else:
            codes = golden_picture(preprocessing)
            seen = preprocessing(image_pixels(codes, preprocessing))
        return cls(codes, model.forward(model.as_input(seen)))

    def to_text(self) -> str:
        """Return it as JSON, for a file's metadata."""
        return json.dumps(
            {
                "shape": self.codes.shape,
                "zlib": base64.b64encode(zlib.compress(self.codes.tobytes(), 9)).decode(),
                "logits": [float(value) for value in self.logits.reshape(-1)],
                "tolerance": TOLERANCE,
            }
        )


def golden_picture(preprocessing: Preprocessing) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Return a picture of coloured patches that every step of the preprocessing changes."""
    rows, columns = preprocessing.size
    if preprocessing.resize != "none":
        shorter = preprocessing.side or max(rows, columns)
        rows, columns = shorter + 21, shorter * 3 // 2 + 2
    return _patches((rows, columns, 3), min(_CELL, max(1, rows // 4)))


def golden_codes(input_shape: Shape) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Return bytes of which `tensor_of` makes an input for a network of this shape."""
    if len(input_shape) == 1:
        return _patches((1, *input_shape, 1), 1).reshape(input_shape)
    C, H, W = input_shape
    return np.ascontiguousarray(_patches((H, W, C), max(1, min(_CELL, H // 4))).transpose(2, 0, 1))


def tensor_of(codes: np.ndarray[Any, np.dtype[np.uint8]]) -> Array:
    """Return (code - 128) / 64 as float32: from -2 to 2, every number exact."""
    return (codes.astype(np.float32) - 128) / 64


def _patches(shape: Shape, cell: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    H, W, C = shape
    coarse = (-(-H // cell), -(-W // cell), C)
    colours = generator(0, "golden").integers(0, 256, coarse, dtype=np.uint8)
    return np.ascontiguousarray(colours.repeat(cell, axis=0).repeat(cell, axis=1)[:H, :W])
