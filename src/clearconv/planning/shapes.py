"""The shapes of the images, and the treatment of other shapes than the input's that fits them."""

from dataclasses import dataclass

import numpy as np

from clearconv.data.splitting.twins import Integers
from clearconv.runs.settings import Resize

#: From this share that a crop would cut from a typical image, another treatment is proposed.
MUCH = 0.4  # a picture of 16:9 loses 44 % to a square
#: From this share, a letterbox would show too small a picture.
_MOST = 0.7
#: Shapes are alike if nine in ten lie within this factor of each other: squashed, all are out of
#: proportion in the same way.
_ALIKE = 1.25


@dataclass(frozen=True)
class Shapes:
    """Shapes of the images, and the proposed way of fitting them to the network's input.

    Attributes
    ----------
    narrowest, median, widest : float
        Width / height of the images.
    cut : float
        Share of its area that a typical image, the median, would lose to a crop; in a letterbox,
        the share of the input that is filled.
    most : float
        Share that every tenth image would lose to a crop, or more.
    proposed : {"crop", "squash", "letterbox"}
        What fits these images.
    why : str
        The reason.
    """

    narrowest: float
    median: float
    widest: float
    cut: float
    most: float
    proposed: Resize
    why: str


def shapes_of(sizes: Integers, size: tuple[int, int]) -> Shapes:
    """Measure the images' shapes, and propose how to fit them to an input.

    Parameters
    ----------
    sizes : ndarray of int64, shape (n, 2)
        Rows and columns of each image.
    size : (int, int)
        Rows and columns of the input.

    Returns
    -------
    Shapes
    """
    wide = sizes[:, 1] / sizes[:, 0]
    own = size[1] / size[0]
    cuts = 1 - np.minimum(wide, own) / np.maximum(wide, own)
    cut, most = float(np.median(cuts)), float(np.quantile(cuts, 0.9, method="higher"))
    low, high = np.quantile(wide, (0.05, 0.95))
    proposed: Resize
    if cut < MUCH:
        proposed, why = "crop", "it cuts little, and keeps proportions and the input's pixels"
    elif high <= _ALIKE * low:
        proposed, why = "squash", "all images have about the same shape, and change alike"
    elif cut < _MOST:
        proposed, why = "letterbox", "shapes differ: it shows all of each image, in proportion"
    else:
        proposed, why = "squash", "a letterbox would fill most of the input"
    return Shapes(
        float(wide.min()), float(np.median(wide)), float(wide.max()), cut, most, proposed, why
    )
