"""Pictures side by side on a sheet, as pixels and as a file."""

from collections.abc import Sequence
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from clearconv.pages.ours import GENERATOR

if TYPE_CHECKING:
    from PIL import ImageFont

Pixels = npt.NDArray[np.uint8]

_SIDE, _GAP, _HEAD, _LETTERS = 288, 10, 36, 17  # pixels


def side_by_side(panels: Sequence[tuple[str, Pixels]]) -> Pixels:
    """Put pictures of one size side by side, each under its title.

    Parameters
    ----------
    panels : sequence of (str, ndarray of uint8)
        Title and picture, (H, W, 3) or (H, W, 1); small ones are enlarged with square pixels.

    Returns
    -------
    ndarray of uint8, shape (H, W, 3)
    """
    from PIL import Image, ImageDraw, ImageFont

    H, W = panels[0][1].shape[:2]
    scale = max(1, round(_SIDE / max(H, W)))
    height, width = H * scale, W * scale
    sheet = Image.new(
        "RGB", (len(panels) * (width + _GAP) + _GAP, height + _HEAD + _GAP), (255, 255, 255)
    )
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(_LETTERS)
    for place, (title, pixels) in enumerate(panels):
        left = _GAP + place * (width + _GAP)
        draw.text((left, _GAP), _fitting(title, font, width), fill=(20, 28, 36), font=font)
        picture = Image.fromarray(np.broadcast_to(pixels, (H, W, 3)).astype(np.uint8))
        sheet.paste(picture.resize((width, height), Image.Resampling.NEAREST), (left, _HEAD))
    return np.asarray(sheet)


def png(pixels: Pixels) -> bytes:
    """Return a picture as a PNG file with clearconv's mark.

    Parameters
    ----------
    pixels : ndarray of uint8, shape (H, W, 3)
        Red, green, blue.

    Returns
    -------
    bytes
        The file's content.
    """
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    content, about = BytesIO(), PngInfo()
    about.add_text("Software", GENERATOR)
    Image.fromarray(pixels).save(content, "PNG", pnginfo=about)
    return content.getvalue()


def _fitting(text: str, font: "ImageFont.FreeTypeFont | ImageFont.ImageFont", width: int) -> str:
    """Cut a title to the width of its picture."""
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + "...") > width:
        text = text[:-1]
    return text + "..."
