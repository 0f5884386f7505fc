"""Occlusion: cover a part of the image, and see how much confidence the model loses."""

import numpy as np

from clearconv.arrays import Array
from clearconv.errors import ArgumentError, ShapeError
from clearconv.explain.gradient_maps import targets
from clearconv.layers import Node
from clearconv.ops import softmax
from clearconv.runs.evaluation import judged_at_once

_BATCH = 32
#: A patch's side as a share of the image's shorter side: about ten places along it.
_SHARE = 5


def occlusion(
    model: Node,
    x: Array,
    target: int | None = None,
    size: int | None = None,
    stride: int | None = None,
    fill: float = 0.0,
) -> Array:
    r"""Slide a grey patch over one image and record how much the class's probability drops.

    It needs only the model's answers and no gradient, so it is an independent check of whether a
    Grad-CAM map can be trusted.

    Parameters
    ----------
    model : Node
        Gives logits, one per class.
    x : ndarray of shape (C, H, W)
        One input, prepared as in training.
    target : int, optional
        Class to explain; by default the most probable.
    size : int, optional
        Side of the patch in pixels; by default a fifth of the image's shorter side, at least 2.
    stride : int, optional
        Step of the patch; by default half its side. The last row and column are always covered.
    fill : float
        Value of the patch. 0 is the mean colour of the training images if these were normalised by
        their mean.

    Returns
    -------
    drop : ndarray of shape (H, W)
        Mean over the patches that cover a pixel of :math:`p_c(x) - p_c(x_{covered})`; from -1 to 1,
        negative where covering the pixel helps the class.

    Raises
    ------
    ShapeError
        If x is not one image.
    ArgumentError
        If the class does not exist, or patch and stride do not fit the image.

    References
    ----------
    Zeiler and Fergus, "Visualizing and understanding convolutional networks", 2014, section 4.2.
    """
    if x.ndim != 3:
        raise ShapeError(f"occlusion: x has shape {x.shape}, but one image (C, H, W) is needed.")
    size, stride = patch(x.shape[1:], size, stride)
    H, W = x.shape[1:]
    logits = model.forward(x[np.newaxis])
    chosen = targets(logits, target)[0]
    whole = softmax.forward(logits)[0, chosen]
    corners = [(top, left) for top in _starts(H, size, stride) for left in _starts(W, size, stride)]
    total, covered = np.zeros((H, W)), np.zeros((H, W))
    together = min(_BATCH, judged_at_once(model))
    for start in range(0, len(corners), together):
        part = corners[start : start + together]
        batch = np.repeat(x[np.newaxis], len(part), axis=0)  # (n, C, H, W)
        for image, (top, left) in zip(batch, part, strict=True):
            image[:, top : top + size, left : left + size] = fill
        left_over = softmax.forward(model.forward(batch))[:, chosen]
        for (top, left), probability in zip(part, left_over, strict=True):
            place = slice(top, top + size), slice(left, left + size)
            total[place] += whole - probability
            covered[place] += 1
    return (total / covered).astype(x.dtype)


def patch(
    image: tuple[int, ...], size: int | None = None, stride: int | None = None
) -> tuple[int, int]:
    """Return side and step of the patch for an image (H, W), checked, with defaults for None."""
    shorter = min(image)
    size = min(shorter, max(2, round(shorter / _SHARE))) if size is None else size
    stride = max(1, size // 2) if stride is None else stride
    if not (1 <= size <= shorter and 1 <= stride <= size):
        raise ArgumentError(
            f"occlusion: size={size} and stride={stride}, but the patch must fit into "
            f"{image[0]} x {image[1]} pixels, and its step be from 1 to its size, so that every "
            "pixel is covered."
        )
    return size, stride


def _starts(length: int, size: int, stride: int) -> list[int]:
    last = length - size
    return sorted({*range(0, last + 1, stride), last})
