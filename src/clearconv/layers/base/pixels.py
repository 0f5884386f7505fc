"""Pixels handed to a model that was trained on scaled ones."""

from collections.abc import Mapping
from typing import Any
from warnings import warn

import numpy as np

from clearconv.arrays import Array

#: Pixel values of a picture span at least this much; a scaled image without a negative number
#: has no pixel below the mean, and rarely spans this much while staying below 1.
_CONTRAST = 0.5


def warn_of_pixels(x: Array, info: Mapping[str, Any]) -> None:
    """Warn where x looks like pixels, from 0 to 1 or to 255, that were not scaled for the model.

    Parameters
    ----------
    x : ndarray of shape (N, C, H, W) or (C, H, W)
        Input of the model.
    info : dict
        The model's ``info``; without a mean and a deviation nothing is known of its inputs.

    Notes
    -----
    Scaled by (pixel - mean) / deviation, every picture with a pixel darker than the mean has a
    negative number, and none has one above (1 - mean) / deviation.
    """
    scale = info.get("preprocessing")
    if not isinstance(scale, Mapping) or x.ndim < 3 or x.size == 0:
        return
    mean, std = (np.atleast_1d(scale.get(name, usual)) for name, usual in (("mean", 0), ("std", 1)))
    if not (mean.dtype.kind == std.dtype.kind == "f" and (std > 0).all()):
        return  # a model of another program
    low, high, most = float(x.min()), float(x.max()), float(np.max((1 - mean) / std))
    scaled = bool(mean.any() or (std != 1).any())
    up_to_1 = scaled and high <= 1 and high - low >= _CONTRAST
    if low < 0 or not (up_to_1 or high > 1.01 * max(1, most)):
        return
    warn(
        f"predict: x holds numbers from {low:.3g} to {high:.3g}, as pixels are before they are "
        "scaled, but the model was trained on (pixel / 255 - mean) / std with mean "
        f"{_listed(mean)} and std {_listed(std)}: its answers will be wrong. "
        "clearconv.train.predict(run, images) scales images itself; to call the model, make its "
        "input with clearconv.data.Preprocessing.from_dict(model.info['preprocessing'])(image), "
        "one image of uint8, (H, W, 3) or (H, W), at a time.",
        stacklevel=3,
    )


def _listed(values: Array) -> str:
    return ", ".join(f"{value:.3g}" for value in values)
