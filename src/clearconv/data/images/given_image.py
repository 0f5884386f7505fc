"""One image from a program: a file, an array, or a Pillow image."""

import os
from typing import Any, TypeAlias, TypeGuard

import numpy as np
import numpy.typing as npt
from PIL import Image

from clearconv.data.images.decode import Pixels, load_image, prepared
from clearconv.data.images.formats import BrokenImage
from clearconv.data.images.preprocessing import Preprocessing
from clearconv.errors import DataError

#: Types that represent one image.
ImageLike: TypeAlias = str | os.PathLike[str] | npt.NDArray[np.uint8] | Image.Image


def is_file(image: object) -> bool:
    """Return whether this is the name of a file and not pixels."""
    return isinstance(image, str | os.PathLike)


def is_one_image(images: object) -> TypeGuard[ImageLike]:
    """Return whether this is one image and not several; an array (a, b, 1 | 3 | 4) is one."""
    if is_file(images) or isinstance(images, Image.Image):
        return True
    if not isinstance(images, np.ndarray):
        return False
    return images.ndim == 2 or (images.ndim == 3 and images.shape[2] in (1, 3, 4))


def image_pixels(image: ImageLike, how: Preprocessing, name: str = "the image") -> Pixels:
    """Return an image's pixels, reduced as a data folder's are but not yet resized.

    Parameters
    ----------
    image : str, Path, Pillow image, or ndarray of uint8, shape (H, W) or (H, W, 1 | 3 | 4)
        A file is read as by ``load_image``, and a Pillow image is treated the same way. An array is
        grey, red, green and blue, or these with opacity; 0 is black, 255 white.
    how : Preprocessing
        Says to which side a larger image is reduced, and how.
    name : str
        Name in errors of an image without a file name.

    Returns
    -------
    pixels : ndarray of uint8, shape (H, W, 3) or (H, W, 1)

    Raises
    ------
    DataError
        If a file cannot be read, or the image is something else.
    """
    if isinstance(image, str | os.PathLike):
        return load_image(image, how.side_of(file=True), how.definition)
    side = how.side_of(file=False)
    if not isinstance(image, Image.Image):
        pixels = _checked(image, name)
        if pixels.shape[2] == 1 and (side is None or min(pixels.shape[:2]) <= side):
            return pixels
        image = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
    try:
        return prepared(image, side, how.definition)
    except BrokenImage as why:
        raise DataError(f"{name} cannot be used: {why}.") from None


def _checked(image: Any, name: str) -> Pixels:
    """Return an array of pixels as (H, W, C), or raise."""
    needed = (
        "uint8 from 0 to 255 of shape (H, W), (H, W, 1), (H, W, 3) or (H, W, 4) is needed, a "
        "Pillow image, or the path of a file"
    )
    if not hasattr(image, "__array__"):
        raise DataError(f"{name} is {type(image).__name__}, but {needed}.")
    array = np.asarray(image)
    if array.dtype != np.uint8:
        raise DataError(f"{name} is {array.dtype}, but {needed}.{to_bytes(array)}")
    pixels = array[..., np.newaxis] if array.ndim == 2 else array
    if pixels.ndim != 3 or pixels.shape[2] not in (1, 3, 4) or 0 in pixels.shape:
        first = array.ndim == 3 and array.shape[0] in (1, 3, 4)
        swap = " Write x.transpose(1, 2, 0)." if first else ""
        raise DataError(f"{name} has shape {array.shape}, but {needed}.{swap}")
    return pixels


def to_bytes(array: npt.NDArray[Any]) -> str:
    """Suggest how to convert other numbers to bytes, if their type and range show it.

    Parameters
    ----------
    array : ndarray
        Pixels of another dtype than uint8.

    Returns
    -------
    str
        A sentence with a blank before it; empty if nothing is known.
    """
    if array.dtype.kind == "b":
        return " Convert it with x.astype('uint8') * 255."
    if array.size == 0 or array.dtype.kind not in "iuf":
        return ""
    low, high = float(array.min()), float(array.max())
    if 0 <= low and high <= 1 and array.dtype.kind == "f":
        return " Convert numbers from 0 to 1 with (255 * x).round().astype('uint8')."
    if 0 <= low and high <= 255:
        rounded = ".round()" if array.dtype.kind == "f" else ""
        return f" Convert it with x{rounded}.astype('uint8')."
    if array.dtype == np.uint16:
        return " Convert 16 bits to 8 with (x // 257).astype('uint8')."
    if not np.isfinite(low + high):
        return " Some of its numbers are not finite."
    return f" Its numbers are from {low:g} to {high:g}: undo their scaling."
