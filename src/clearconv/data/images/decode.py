"""One image file to upright 8-bit RGB pixels, the same way wherever an image is read."""

import errno
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)
from PIL.ImageFile import ImageFile

from clearconv.data.images.budget import Budget
from clearconv.data.images.formats import (
    LOOK,
    BrokenImage,
    ForeignImage,
    NoImage,
    SpecialFile,
    format_of,
    webp_size,
    without_text,
)
from clearconv.data.images.resize import DEFINITION, LONGEST, reduced
from clearconv.data.images.resize import Pixels as Pixels
from clearconv.errors import DataError, ShortageError
from clearconv.files import SpecialFileError, open_file

try:
    from PIL import AvifImagePlugin
except ImportError:  # before Pillow 11.3
    _avif = None
else:
    _avif = AvifImagePlugin.AvifImageFile if AvifImagePlugin.SUPPORTED else None

#: How each format is opened; GIF and WebP give their first frame. Called directly, so that nothing
#: else tries the file, and only our limits apply.
_OPENERS = {
    "JPEG": JpegImagePlugin.jpeg_factory,
    "PNG": PngImagePlugin.PngImageFile,
    "BMP": BmpImagePlugin.BmpImageFile,
    "GIF": GifImagePlugin.GifImageFile,
    "WEBP": WebPImagePlugin.WebPImageFile,
    "AVIF": _avif,
    "TIFF": TiffImagePlugin.TiffImageFile,
}
_ENDINGS = frozenset(
    (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".avif", ".tif", ".tiff", ".heic", ".heif")
)
#: Bytes that decoding takes for each pixel: Pillow's four, and as many for the picture turned or
#: converted. The decoders of WebP and AVIF hold whole pictures of their own.
_PER_PIXEL = {"WEBP": 16, "AVIF": 16}
_USUAL = 8
#: Bytes that decoding may take, for one picture and for all decoded at the same time.
MOST_MEMORY = 2**30
#: Bytes of the largest file, and of all files read at the same time: four per pixel of the largest
#: picture.
MOST_BYTES = 2**29
_files, _memory = Budget(MOST_BYTES), Budget(MOST_MEMORY)
#: Additional bytes that any decoder may take.
_SLACK = 2**24
#: Number of pixels converted at once.
_BAND = 2**20

#: Shorter side, in pixels, to which images are reduced when they are read.
CACHE_SIDE = 256

_ORIENTATION_TAG = 0x0112
#: EXIF orientation -> operation that turns the stored picture upright.
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
    """Return the shorter side to which pictures are reduced for a network's input.

    Parameters
    ----------
    size : (int, int)
        Rows and columns of the input.

    Returns
    -------
    int
        256, or 8/7 of the input's longer side if that is more: a crop shows only a part.
    """
    return max(CACHE_SIDE, -(-8 * max(size) // 7))  # 256 / 224, rounded up


def load_image(
    path: str | os.PathLike[str], side: int | None = CACHE_SIDE, definition: int = DEFINITION
) -> Pixels:
    """Read one image file exactly as a data folder's images are read.

    Predicting a file therefore agrees with evaluating the same file within a folder.

    Parameters
    ----------
    path : str or path
        The file: JPEG, PNG, BMP, GIF, WebP, AVIF or TIFF, whatever its name ends in.
    side : int or None
        A larger picture is reduced until its shorter side has this many pixels; None keeps its
        size.
    definition : int
        Definition of the reduction, see ``Preprocessing``.

    Returns
    -------
    pixels : ndarray of uint8, shape (H, W, 3)
        Red, green, blue; upright by its EXIF tag; transparent parts on white.

    Raises
    ------
    DataError
        If the file cannot be read as an image; the message says why.
    ShortageError
        If there is not enough memory for it.
    """
    path = Path(path)
    try:
        with content_of(path) as data:
            return decode_sized(data, side, definition)[0]
    except BrokenImage as why:
        raise DataError(f"{path} cannot be read: {why}.") from None
    except MemoryError:
        raise shortage(path) from None


def shortage(path: Path) -> ShortageError:
    """Return the error for an image that did not fit into memory."""
    return ShortageError(
        f"{path}: there is not enough memory to decode this image, which does not mean that it is "
        "damaged. End other programs, allow more memory (ulimit -v), or make the image smaller."
    )


@contextmanager
def content_of(path: Path) -> Iterator[bytes]:
    """Yield the bytes of an image file, or raise `BrokenImage`, which needs only a few bytes."""
    with _in_words(path):
        file = open_file(path)
    with file:
        with _in_words(path):
            size = _checked_size(file)
        with _files.taking(size):
            with _in_words(path):
                data = file.read()
            yield data


def why_not(path: Path) -> BrokenImage | None:
    """Return why a file is not an image, as far as its first bytes show."""
    try:
        with _in_words(path), open_file(path) as file:
            _checked_size(file)
    except BrokenImage as why:
        return why
    return None


def is_meant(path: Path) -> bool:
    """Return whether a file is a picture of any format, or is named like one."""
    why = why_not(path)
    return why is None or isinstance(why, ForeignImage) or path.suffix.lower() in _ENDINGS


def kind_of(path: str | Path, why: BrokenImage | None) -> str:
    """Return the kind of problem, a key of ``KINDS``, for a file that is left out."""
    if isinstance(why, SpecialFile):
        return "special"
    if isinstance(why, ForeignImage):
        return "foreign"
    if isinstance(why, NoImage) and Path(path).suffix.lower() not in _ENDINGS:
        return "left out"
    return "damaged"


def _checked_size(file: BinaryIO) -> int:
    """Return the size of a file that is an image and not too large."""
    head, size = file.read(LOOK), os.fstat(file.fileno()).st_size
    if not head:
        raise NoImage("the file is empty")
    format_of(head)
    if size > MOST_BYTES:
        raise BrokenImage(f"it has {size / 1e6:,.0f} MB; at most {MOST_BYTES / 1e6:,.0f} are read")
    file.seek(0)
    return size


@contextmanager
def _in_words(path: Path) -> Iterator[None]:
    """Raise an error that says why a file cannot be read."""
    try:
        yield
    except FileNotFoundError:
        broken = path.is_symlink()
        if broken:
            raise SpecialFile("a link to nowhere") from None
        raise BrokenImage("no such file") from None
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise SpecialFile("a link that leads back to itself") from None
        kind = SpecialFile if isinstance(error, SpecialFileError) else BrokenImage
        raise kind((error.strerror or str(error)).lower()) from None


def decode_sized(
    data: bytes, side: int | None, definition: int = DEFINITION
) -> tuple[Pixels, tuple[int, int]]:
    """Return the picture in `data` as (H, W, 3), and the (H, W) that it has in the file, upright.

    A picture that cannot be decoded is tried again while no other one is: a decoder without enough
    memory may call the file damaged. If memory is still short then, a `MemoryError` is raised.
    """
    try:
        kind = format_of(data[:LOOK])
        try:
            return _decoded(data, kind, side, definition)
        except BrokenImage:
            raise
        except Exception:
            return _decoded(data, kind, side, definition, again=True)
    except BrokenImage:
        raise
    except Exception as error:  # Pillow's decoders raise nearly anything on damaged files
        if isinstance(error, MemoryError) or _is_short(data, kind):
            raise MemoryError from None
        raise BrokenImage(f"the image is damaged ({str(error) or type(error).__name__})") from None


def prepared(image: Image.Image, side: int | None, definition: int = DEFINITION) -> Pixels:
    """Return a Pillow image as `load_image` returns a file's, or raise `BrokenImage`."""
    return _array(reduced(_rgb(_upright(image)), side, definition))  # (H, W, 3)


def _decoded(
    data: bytes, kind: str, side: int | None, definition: int, again: bool = False
) -> tuple[Pixels, tuple[int, int]]:
    """Decode within the budget of memory; `again` alone, and without a PNG's last texts."""
    with ExitStack() as held:
        if kind == "WEBP":  # its decoder makes whole pictures before it reports their size
            size = webp_size(data[:LOOK])
            _check_size(kind, size)
            held.enter_context(_memory.taking(MOST_MEMORY if again else _cost(kind, size)))
        image = held.enter_context(_opened(data, kind, telling=not again))
        stored = image.size
        _check_size(kind, stored)
        if side is not None:
            # JPEG can be decoded at 1/2, 1/4 or 1/8 size; twice the wanted size keeps quality.
            image.draft(None, (2 * side, 2 * side))
        if kind != "WEBP":
            cost = _cost(kind, image.size) + _coefficients(image, stored)
            held.enter_context(_memory.taking(MOST_MEMORY if again else cost))
        image.load()
        upright = _upright(image)
        # Reduced or not, a picture that was turned on its side has its sides exchanged.
        turned = upright is not image and upright.size == image.size[::-1] != image.size
        width, height = stored[::-1] if turned else stored
        if upright is not image:
            image.close()  # releases the pixels
        colours = _rgb(upright)
        if colours is not upright:
            upright.close()
        return _array(reduced(colours, side, definition)), (height, width)  # (H, W, 3)


def _opened(data: bytes, kind: str, telling: bool) -> ImageFile:
    """Read the header; of a PNG without texts, except, if `telling`, what may turn it upright."""
    opener = _OPENERS[kind]
    if opener is None:
        raise BrokenImage(
            "AVIF needs Pillow 11.3 or newer: pip install --upgrade pillow; or export it as JPEG"
        )
    return opener(BytesIO(without_text(data, telling) if kind == "PNG" else data), "")


def _cost(kind: str, size: tuple[int, int]) -> int:
    """Return the bytes of memory that decoding takes, in addition to the file's own."""
    return size[0] * size[1] * _PER_PIXEL.get(kind, _USUAL)


def _coefficients(image: ImageFile, stored: tuple[int, int]) -> int:
    """Return the bytes that a progressive JPEG collects before the first pixel comes out."""
    return 6 * stored[0] * stored[1] if "progressive" in image.info else 0


def _is_short(data: bytes, kind: str) -> bool:
    """Return whether there is less memory than decoding takes."""
    need = 2 * len(data) + _SLACK
    try:
        if kind == "WEBP":
            need += _cost(kind, webp_size(data[:LOOK]))
        else:
            with _opened(data, kind, telling=False) as image:
                need += _cost(kind, image.size) + _coefficients(image, image.size)
        np.empty(need, np.uint8)  # asked for, not touched
    except MemoryError:
        return True
    except Exception:  # not even a header
        return False
    return False


def _check_size(kind: str, size: tuple[int, int]) -> None:
    """Raise if a picture is too large to be decoded."""
    most = MOST_MEMORY // _PER_PIXEL.get(kind, _USUAL)
    if size[0] * size[1] > most:
        raise BrokenImage(
            f"{size[0]:,} x {size[1]:,} are {size[0] * size[1] / 1e6:,.0f} million pixels, more "
            f"than the {most / 1e6:,.0f} million that are read; reduce it"
        )
    if max(size) > LONGEST:
        raise BrokenImage(
            f"{size[0]:,} x {size[1]:,} pixels have a side longer than {LONGEST:,}; reduce it"
        )


def _upright(image: Image.Image) -> Image.Image:
    """Turn the picture by its EXIF orientation; a damaged EXIF block is ignored."""
    try:
        turn = _UPRIGHT.get(image.getexif().get(_ORIENTATION_TAG, 1))
    except MemoryError:
        raise
    except Exception:
        turn = None
    return image if turn is None else image.transpose(turn)


def _rgb(image: Image.Image) -> Image.Image:
    """Convert any mode to RGB, a few rows at a time if the picture is large."""
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    whole = Image.new("RGB", image.size)
    for box in _bands(image.size):
        whole.paste(_band_rgb(image.crop(box)), box)
    return whole


def _bands(size: tuple[int, int]) -> Iterator[tuple[int, int, int, int]]:
    """Divide a picture into boxes of a few rows, so that working on one takes little memory."""
    width, height = size
    rows = max(1, _BAND // max(1, width))
    for top in range(0, height, rows):
        yield 0, top, width, min(height, top + rows)


def _band_rgb(image: Image.Image) -> Image.Image:
    """Convert pixel by pixel: 16 bits scaled to 8, transparent parts on white."""
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


def _array(image: Image.Image) -> Pixels:
    """Return the pixels (H, W, 3); ``np.asarray`` of the whole would hold them twice."""
    pixels = np.empty((image.height, image.width, 3), np.uint8)
    for left, top, right, bottom in _bands(image.size):
        pixels[top:bottom] = np.asarray(image.crop((left, top, right, bottom)))
    return pixels
