"""Heat maps over images, as pixels."""

import numpy as np

from clearconv.arrays import Array
from clearconv.pages import Pixels

#: From cold to hot: hue and lightness both change, for readers who confuse hues.
_WARM = np.array([(58, 16, 102), (160, 36, 108), (228, 96, 50), (252, 180, 50), (255, 240, 140)])
#: Where covering a pixel helps the class.
_COLD = np.array([(20, 40, 110), (20, 90, 170), (60, 150, 215), (130, 200, 240), (215, 240, 255)])


def overlay(pixels: Pixels, heat: Array) -> Pixels:
    """Lay a map over an image: the image in grey, the map in colour.

    Parameters
    ----------
    pixels : ndarray of uint8, shape (H, W, 3) or (H, W, 1)
        The image.
    heat : ndarray of shape (H, W)
        Scaled by its largest magnitude; positive is warm (violet to yellow), negative blue, 0 stays
        grey.

    Returns
    -------
    ndarray of uint8, shape (H, W, 3)
    """
    luma = pixels.astype(np.float64) @ ([0.299, 0.587, 0.114] if pixels.shape[2] == 3 else [1.0])
    grey = np.repeat((30 + 0.7 * luma)[..., np.newaxis], 3, axis=2)  # (H, W, 3)
    share = heat / max(float(np.abs(heat).max()), 1e-12)
    colour = np.where(share[..., np.newaxis] >= 0, _ramp(_WARM, share), _ramp(_COLD, -share))
    cover = np.minimum(1.0, 1.6 * np.abs(share))[..., np.newaxis] * 0.72
    return (grey * (1 - cover) + colour * cover).round().astype(np.uint8)


def _ramp(colours: Array, share: Array) -> Array:
    """Return the colour (H, W, 3) at each share from 0 to 1."""
    place = np.clip(share, 0, 1) * (len(colours) - 1)
    low = np.minimum(place.astype(np.int64), len(colours) - 2)
    rest = (place - low)[..., np.newaxis]
    return colours[low] * (1 - rest) + colours[low + 1] * rest
