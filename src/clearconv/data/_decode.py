"""One image file to upright 8-bit RGB pixels, the same way wherever an image is read."""

import math
import os
from io import BytesIO
from pathlib import Path

import numpy as np
import numpy.typing as npt

# The two plugins that Pillow does not load by itself; it would load all of them to find these.
from PIL import Image, TiffImagePlugin, UnidentifiedImageError, WebPImagePlugin  # noqa: F401

from clearconv.errors import DataError

Pixels = npt.NDArray[np.uint8]

#: What files may hold; a name's ending does not matter. GIF and WebP give their first frame.
FORMATS = ("JPEG", "PNG", "BMP", "GIF", "WEBP", "TIFF")
FORMATS_IN_WORDS = "JPEG, PNG, BMP, GIF, WebP or TIFF"

#: Shorter side, in pixels, that images are reduced to when they are read.
CACHE_SIDE = 256

_ORIENTATION_TAG = 0x0112
#: EXIF orientation -> what turns the stored picture upright.
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def side_for(size: tuple[int, int]) -> int:
    """Return the shorter side that pictures are reduced to for a network's input.

    Parameters
    ----------
    size : (int, int)
        Rows and columns of the input.

    Returns
    -------
    int
        256, or 8/7 of the input's longer side where that is more: a crop shows a part only.
    """
    return max(CACHE_SIDE, math.ceil(max(size) * CACHE_SIDE / 224))


class BrokenImage(Exception):
    """Why a file gives no picture, in a few words."""


def load_image(path: str | os.PathLike[str], side: int | None = CACHE_SIDE) -> Pixels:
    """Read one image file exactly as a data folder's images are read.

    So that predicting a file and evaluating the same file within a folder agree.

    Parameters
    ----------
    path : str or path
        The file: JPEG, PNG, BMP, GIF, WebP or TIFF, whatever its name ends in.
    side : int or None
        A larger picture is reduced (Hamming) until its shorter side has this many pixels;
        None keeps its size.

    Returns
    -------
    pixels : ndarray of uint8, shape (H, W, 3)
        Red, green, blue; upright by its EXIF tag; transparent parts on white.

    Raises
    ------
    DataError
        If the file cannot be read as an image; says why.
    """
    try:
        return decode(read_bytes(Path(path)), side)
    except BrokenImage as why:
        raise DataError(f"{os.fspath(path)} cannot be read: {why}.") from None


def read_bytes(path: Path) -> bytes:
    """Return the file's bytes, or raise `BrokenImage`."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        broken = path.is_symlink()
        raise BrokenImage("a link to nowhere" if broken else "no such file") from None
    except OSError as error:
        raise BrokenImage((error.strerror or str(error)).lower()) from None
    if not data:
        raise BrokenImage("the file is empty")
    return data


def decode(data: bytes, side: int | None) -> Pixels:
    """Return the picture in `data` as (H, W, 3), or raise `BrokenImage`."""
    return decode_sized(data, side)[0]


def decode_sized(data: bytes, side: int | None) -> tuple[Pixels, tuple[int, int]]:
    """Return the picture as `decode` does, and the (H, W) that it has in the file, upright."""
    try:
        with Image.open(BytesIO(data), formats=FORMATS) as image:
            limit = Image.MAX_IMAGE_PIXELS
            if limit is not None and image.width * image.height > limit:
                raise BrokenImage(f"{image.width} x {image.height} pixels are too many")
            stored = image.size
            if side is not None:
                # JPEG can be decoded at 1/2, 1/4 or 1/8 size; twice the wanted size keeps quality.
                image.draft(None, (2 * side, 2 * side))
            image.load()
            upright = _upright(image)
            # Reduced or not, a picture that was turned on its side has its sides exchanged.
            turned = upright is not image and upright.size == image.size[::-1] != image.size
            width, height = stored[::-1] if turned else stored
            return np.asarray(_reduced(_rgb(upright), side)), (height, width)  # (H, W, 3)
    except BrokenImage:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise BrokenImage("it has too many pixels") from None
    except UnidentifiedImageError:
        raise BrokenImage(_unidentified(data)) from None
    except Exception as error:  # Pillow's decoders raise nearly anything on damaged files
        raise BrokenImage(f"the image is damaged ({str(error) or type(error).__name__})") from None


def prepared(image: Image.Image, side: int | None) -> Pixels:
    """Return a Pillow image as `decode` returns a file, or raise `BrokenImage`."""
    return np.asarray(_reduced(_rgb(_upright(image)), side))  # (H, W, 3)


def _unidentified(data: bytes) -> str:
    """Say what a file that is none of our formats is."""
    if data[4:8] == b"ftyp" and data[8:12] in (b"heic", b"heix", b"hevc", b"mif1", b"msf1"):
        return "HEIC photographs are not supported; export them as JPEG"
    return f"not a {FORMATS_IN_WORDS} image"


def _upright(image: Image.Image) -> Image.Image:
    """Turn the picture as its EXIF orientation says; a damaged EXIF block says nothing."""
    try:
        turn = _UPRIGHT.get(image.getexif().get(_ORIENTATION_TAG, 1))
    except Exception:
        turn = None
    return image if turn is None else image.transpose(turn)


def _rgb(image: Image.Image) -> Image.Image:
    """Convert any mode to RGB: 16 bits scaled to 8, transparent parts on white."""
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode == "F":
        raise BrokenImage("its pixels are floating-point numbers; save it with 8 or 16 bits")
    if image.mode == "I" or image.mode.startswith("I;16"):
        return _from_16_bit(image)
    if image.has_transparency_data:
        clear = image.convert("RGBA")
        white = Image.new("RGBA", clear.size, "white")
        return Image.alpha_composite(white, clear).convert("RGB")
    return image.convert("RGB")


def _from_16_bit(image: Image.Image) -> Image.Image:
    """Scale 0..65535 to 0..255 (Pillow's own conversion would clip)."""
    values = np.asarray(image).astype(np.int64)  # (H, W)
    if values.min() < 0 or values.max() > 65535:
        raise BrokenImage("its pixels have more than 16 bits")
    return Image.fromarray(((values + 128) // 257).astype(np.uint8)).convert("RGB")


def _reduced(image: Image.Image, side: int | None) -> Image.Image:
    """Reduce the picture, if larger, so that its shorter side is `side`."""
    shorter = min(image.size)
    if side is None or shorter <= side:
        return image
    width, height = (max(1, round(length * side / shorter)) for length in image.size)
    # As sharp as bicubic, and half of Lanczos's time, which was most of reading a photograph's.
    return image.resize((width, height), Image.Resampling.HAMMING)
