"""The orders of axes in which learners keep images and weights."""

import re
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Layout:
    """The layout of arrays in the learner's code, as the letters of their axes.

    A letter of the library's order that is missing is an axis of length 1 left out; ``1`` is an
    axis of length 1 added; letters in brackets are one axis.

    Attributes
    ----------
    x, weight, bias : str
        "NHWC", "HWIO", "O"; ``""`` is a plain number.
    said : str
        Description for people; ``""`` for the library's own layout.
    other : str
        "keep": p is the share kept; "one-hot": labels are one-hot; "y": a derivative is computed
        from the output.
    y : str
        Layout of y, if it is not like that of `x`.
    alone : bool
        Whether to try it only for classes, which may be written for one sample at a time.
    """

    x: str = "NCHW"
    weight: str = "OIHW"
    bias: str = "O"
    said: str = ""
    other: str = ""
    y: str = ""
    alone: bool = False

    @property
    def batch(self) -> bool:
        """Whether several images go in at once."""
        return "N" in self.x or self.x == "any"

    @property
    def channels(self) -> bool:
        """Whether there is an axis of channels."""
        return "C" in self.x or "H" not in self.x

    @property
    def filters(self) -> bool:
        """Whether there is an axis of output channels."""
        return self.channels or bool(self.y)


_ONE = "one image at a time"
_LAST = "channels last, (N, H, W, C)"
_BATCH_LAST = "batch last, (H, W, C, N)"
_COLUMN = "one sample at a time, as a column"
_IMAGES = (
    Layout(),
    Layout("NHWC", said=_LAST),
    Layout("HWCN", said=_BATCH_LAST),
    Layout("CHW", said=f"{_ONE}, (C, H, W)"),
    Layout("HWC", said=f"{_ONE}, (H, W, C)"),
    Layout("HW", said="one map at a time, (H, W)"),
)
_CONV = (
    Layout(),
    Layout("NHWC", "HWIO", said=f"{_LAST}; weights (KH, KW, C, O)"),
    Layout("NHWC", "HWIO", "111O", said=f"{_LAST}; weights (KH, KW, C, O); bias (1, 1, 1, O)"),
    Layout("NHWC", "OHWI", said=f"{_LAST}; weights (O, KH, KW, C)"),
    Layout("HWCN", "HWIO", said=f"{_BATCH_LAST}; weights (KH, KW, C, O)"),
    Layout("CHW", said=f"{_ONE}, (C, H, W)"),
    Layout("HWC", "HWIO", said=f"{_ONE}, (H, W, C); weights (KH, KW, C, O)"),
    Layout("HWC", "OHWI", said=f"{_ONE}, (H, W, C); weights (O, KH, KW, C)"),
    Layout("NCHW", "OIHW", "O1", said="bias (O, 1)"),
    Layout("CHW", "OIHW", "O1", said=f"{_ONE}, (C, H, W); bias (O, 1)"),
    Layout("NCHW", "IOHW", said="weights (C, O, KH, KW)"),
    Layout("HW", "HW", "", said="one map and one kernel at a time, (H, W)"),
    Layout(
        "HW", "OHW", said="one map at a time, (H, W), to (H, W, O); weights (O, KH, KW)", y="HWC"
    ),
    Layout(
        "HW", "OHW", said="one map at a time, (H, W), to (O, H, W); weights (O, KH, KW)", y="CHW"
    ),
)
_LINEAR = (
    Layout("NI", "IO", said="weights (inputs, outputs)"),
    Layout("NI", "OI", said="weights (outputs, inputs)"),
    Layout("NI", "IO", "1O", said="weights (inputs, outputs); bias (1, outputs)"),
    Layout("IN", "OI", "O1", said="samples in columns; weights (outputs, inputs)"),
    Layout("IN", "IO", "O1", said="samples in columns; weights (inputs, outputs)"),
    Layout("I1", "OI", "O1", said="one sample at a time, a column; weights (outputs, inputs)"),
    Layout("I", "IO", said="one sample at a time; weights (inputs, outputs)"),
    Layout("I", "OI", said="one sample at a time; weights (outputs, inputs)"),
)
_COLUMNS = "a row for each window"
_COLS = tuple(
    Layout("NCHW", cols, said=said)
    for cols, said in (
        ("(NL)K", f"{_COLUMNS}, image after image"),
        ("NKL", "a column for each window, one matrix an image"),
        ("K(LN)", "a column for each window, the images alternating"),
        ("K(NL)", "a column for each window, image after image"),
        ("NLK", f"{_COLUMNS}, one matrix an image"),
    )
) + (
    Layout("CHW", "KL", said=f"{_ONE}; a column for each window"),
    Layout("CHW", "LK", said=f"{_ONE}; {_COLUMNS}"),
    Layout("HW", "KL", said="one map at a time; a column for each window"),
    Layout("HW", "LK", said=f"one map at a time; {_COLUMNS}"),
)
_FLAT = (
    Layout("NI"),
    Layout("IN", bias="O1", said="samples in columns"),
    Layout("I", said="one sample at a time"),
    Layout("I1", said=_COLUMN, alone=True),
)
_LABELS = tuple(
    Layout(one.x, bias=one.bias, said="; ".join(filter(None, (one.said, said))), other=other)
    for one in _FLAT
    if not one.alone
    for other, said in (("", ""), ("one-hot", "labels one-hot"))
)
_NORM = (
    Layout("NI"),
    Layout("NCHW", said="images, (N, C, H, W)"),
    Layout("NHWC", said=f"images, {_LAST}"),
    Layout("NCHW", "", "1C11", said="images, (N, C, H, W); gamma and beta (1, C, 1, 1)"),
    Layout("NI", "", "1C", said="gamma and beta (1, C)"),
    Layout("IN", "", "C1", said="samples in columns"),
)
_ACTIVATION = (
    Layout("any"),
    Layout("any", said="the derivative is computed from the output", other="y"),
)

#: Kind -> the layouts that are tried, the most likely first.
LAYOUTS: dict[str, tuple[Layout, ...]] = {
    "conv2d": _CONV,
    "max_pool2d": _IMAGES,
    "avg_pool2d": _IMAGES,
    "linear": _LINEAR,
    "im2col": _COLS,
    "col2im": _COLS,
    "softmax": _FLAT,
    "softmax_cross_entropy": _LABELS,
    "batch_norm": _NORM,
    "relu": _ACTIVATION,
    "sigmoid": _ACTIVATION,
    "dropout": (
        Layout("any", said="p is the share dropped"),
        Layout("any", said="p is the share kept", other="keep"),
        Layout("NI", said="matrices only; p is the share dropped"),
        Layout("NI", said="matrices only; p is the share kept", other="keep"),
    ),
}

_WITH_AXES = {"x", "y", "weight", "bias", "cols"}
_BY_CHANNEL = {"gamma", "beta", "running_mean", "running_var"}


def give(array: Array, role: str, layout: Layout) -> Any:
    """Convert one of the library's arrays to the learner's layout."""
    ours, theirs = _letters(role, array, layout)
    if ours == theirs:
        return array
    kept = [letter for letter in ours if letter in theirs]
    array = array[tuple(slice(None) if letter in kept else 0 for letter in ours)]
    order = [letter for letter in theirs if letter.isalpha()]
    array = array.transpose([kept.index(letter) for letter in order])
    sizes = dict(zip(order, array.shape, strict=True))
    shape = [prod(sizes.get(letter, 1) for letter in group) for group in _groups(theirs)]
    return array.reshape(shape) if shape else float(array)


def take(array: Array, role: str, layout: Layout, like: tuple[int, ...]) -> Array:
    """Convert the learner's array to the library's layout, if its shape allows.

    Parameters
    ----------
    array : ndarray
        Array that the learner's code returned.
    role : str
        "x", "weight", ...: the argument whose layout it has.
    layout : Layout
        The learner's layout.
    like : tuple of int
        The shape that it should have in the library.

    Returns
    -------
    ndarray
        Array of shape `like` if it had the expected shape; otherwise with its axes exchanged if
        their number is as expected, else unchanged.
    """
    ours, theirs = _letters(role, np.empty(like), layout)
    sizes = dict(zip(ours, like, strict=True))
    expected = [prod(sizes.get(letter, 1) for letter in group) for group in _groups(theirs)]
    letters = [letter for letter in theirs if letter.isalpha()]
    if list(array.shape) == expected:
        array = array.reshape([sizes[letter] for letter in letters])
    elif array.ndim != len(letters):
        return array
    array = array.transpose([letters.index(letter) for letter in ours if letter in letters])
    return array[tuple(slice(None) if letter in letters else None for letter in ours)]


def _letters(role: str, array: Array, layout: Layout) -> tuple[str, str]:
    """Return the letters of an array's axes here and there."""
    if layout.x == "any" or role not in _WITH_AXES | _BY_CHANNEL:
        return "NABDEFG"[: array.ndim], "NABDEFG"[: array.ndim]
    if role in ("x", "y"):
        if array.ndim == 2:
            flat = layout.x.replace("C", "I") if len(layout.x) < 3 else "NI"
            return "NI", flat
        return "NCHW", layout.y if role == "y" and layout.y else layout.x
    if role == "weight":
        return ("OI", layout.weight) if array.ndim == 2 else ("OIHW", layout.weight)
    if role == "bias":
        return "O", layout.bias
    if role == "cols":
        return "NKL", layout.weight
    return "C", layout.bias.replace("O", "C")


def _groups(letters: str) -> list[str]:
    return [a or b for a, b in re.findall(r"\((\w+)\)|(\w)", letters)]
