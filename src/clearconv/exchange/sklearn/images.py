"""What a caller of scikit-learn passes as X: files, pictures of any size, or arrays of numbers."""

from collections.abc import Sequence
from math import isqrt
from typing import Any

import numpy as np
import numpy.typing as npt

from clearconv.data import Preprocessing
from clearconv.data.images.decode import Pixels
from clearconv.data.images.given_image import ImageLike, image_pixels, is_file
from clearconv.data.images.resize import with_channels
from clearconv.errors import DataError

#: Levels of a pixel.
_LEVELS = 255


def are_pictures(X: Any) -> bool:
    """Return whether X lists pictures, each a file or pixels of its own size, and not numbers.

    Parameters
    ----------
    X : object
        What was passed to ``fit`` or ``predict``.

    Returns
    -------
    bool
        True for a list or one-dimensional array of paths, Pillow images, or arrays of at least two
        axes whose shapes differ.
    """
    if isinstance(X, np.ndarray):
        return X.ndim == 1 and X.dtype.kind in "OU" and len(X) > 0 and _is_picture(X[0])
    if hasattr(X, "iloc"):  # a column of a table
        return getattr(X, "ndim", 2) == 1 and len(X) > 0 and _is_picture(X.iloc[0])
    if not isinstance(X, list | tuple) or not len(X) or not _is_picture(X[0]):
        return False
    return not all(isinstance(x, np.ndarray) for x in X) or len({x.shape for x in X}) > 1


def _is_picture(x: object) -> bool:
    if isinstance(x, np.ndarray):
        return x.ndim >= 2
    return is_file(x) or hasattr(x, "getexif")  # every Pillow image has it


def pictures(X: Any) -> list[ImageLike]:
    """Return pictures as a list, paths as plain text.

    Parameters
    ----------
    X : sequence of pictures
        See `are_pictures`.

    Returns
    -------
    list
    """
    return [str(x) if is_file(x) else x for x in X]


def read_picture(image: ImageLike, how: Preprocessing, name: str) -> Pixels:
    """Return a picture's pixels, reduced as the preprocessing says.

    Parameters
    ----------
    image : str, Pillow image or ndarray of uint8
        The picture.
    how : Preprocessing
        Says to which side a larger picture is reduced, and how.
    name : str
        Name in errors of a picture without a file.

    Returns
    -------
    ndarray of uint8, shape (H, W, 3)

    Raises
    ------
    DataError
        If it cannot be read.
    """
    return with_channels(image_pixels(image, how, name), 3)


def shaped(X: npt.NDArray[Any], image_shape: Sequence[int] | None) -> npt.NDArray[Any]:
    """Return numbers as images (n, H, W, C).

    Parameters
    ----------
    X : ndarray of shape (n, features), (n, H, W) or (n, H, W, C)
        The numbers.
    image_shape : (H, W) or (H, W, C), optional
        Shape of a row of (n, features). By default it is a square if the number of features is a
        square number, otherwise one row of pixels.

    Returns
    -------
    ndarray of shape (n, H, W, C)
        The same numbers.

    Raises
    ------
    DataError
        If the numbers do not fit the shape.
    """
    if X.ndim == 2:
        features = X.shape[1]
        side = isqrt(features)
        square = (side, side) if side * side == features else (1, features)
        given = square if image_shape is None else image_shape
        shape = tuple(given) if isinstance(given, Sequence) else ()
        if len(shape) not in (2, 3) or any(int(n) != n or n < 1 for n in shape):
            raise DataError(
                f"`image_shape={image_shape!r}`, but (height, width) or (height, width, channels) "
                "is needed."
            )
        if np.prod(shape) != features:
            raise DataError(
                f"X has {features} features, but `image_shape={shape}` needs {np.prod(shape)}. "
                "Give the height and width of the images before they were flattened."
            )
        X = X.reshape(len(X), *shape)
    images = X[..., np.newaxis] if X.ndim == 3 else X  # (n, H, W, C)
    if images.ndim != 4 or images.shape[3] not in (1, 3):
        swap = " Write X.transpose(0, 2, 3, 1)." if X.ndim == 4 and X.shape[1] in (1, 3) else ""
        raise DataError(
            f"X has shape {X.shape}, but (n, features), (n, H, W) or (n, H, W, C), with 1 or 3 "
            f"channels, is needed.{swap}"
        )
    return images


def limits(images: npt.NDArray[Any]) -> tuple[float, float]:
    """Return the numbers that stand for black and white: those of bytes, else least and largest."""
    if images.dtype == np.uint8:
        return 0.0, float(_LEVELS)
    return float(images.min()), float(images.max())


def as_bytes(images: npt.NDArray[Any], black: float, white: float) -> Pixels:
    r"""Return numbers as pixels: black becomes 0, white 255, what lies beyond is cut off.

    Parameters
    ----------
    images : ndarray
        Numbers of any dtype.
    black, white : float
        From `limits` of the training images.

    Returns
    -------
    ndarray of uint8, the shape of `images`

    Notes
    -----
    .. math:: p = \mathrm{round}\Big(255 \, \frac{x - black}{white - black}\Big)
    """
    if images.dtype == np.uint8 and (black, white) == (0, _LEVELS):
        return images
    if white <= black:  # all training images are the same in each pixel
        return np.zeros(images.shape, np.uint8)
    with np.errstate(over="ignore"):
        levels = (images.astype(np.float64) - black) * (_LEVELS / (white - black))
    return np.clip(np.rint(levels), 0, _LEVELS).astype(np.uint8)
