"""Heat maps over images, as pixels."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from clearconv.arrays import Array

Pixels = npt.NDArray[np.uint8]

#: From cold to hot: hue and lightness both change, for readers who confuse hues.
_WARM = np.array([(58, 16, 102), (160, 36, 108), (228, 96, 50), (252, 180, 50), (255, 240, 140)])
#: Where covering a pixel helps the class.
_COLD = np.array([(20, 40, 110), (20, 90, 170), (60, 150, 215), (130, 200, 240), (215, 240, 255)])

_SIDE, _GAP, _HEAD, _LETTERS = 288, 10, 36, 17  # pixels of a sheet


def overlay(pixels: Pixels, heat: Array) -> Pixels:
    """Lay a map over an image: the image in grey, what counts in colour.

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


def side_by_side(panels: Sequence[tuple[str, Pixels]]) -> Image.Image:
    """Put pictures of one size beside each other, each under its title.

    Parameters
    ----------
    panels : sequence of (str, ndarray of uint8)
        Title and picture, (H, W, 3) or (H, W, 1); small ones are enlarged, their pixels kept
        square.

    Returns
    -------
    Image
    """
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
    return sheet


def _fitting(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> str:
    """Cut a title off where its picture ends."""
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + "...") > width:
        text = text[:-1]
    return text + "..."


def _ramp(colours: Array, share: Array) -> Array:
    """Return the colour (H, W, 3) at each share from 0 to 1."""
    place = np.clip(share, 0, 1) * (len(colours) - 1)
    low = np.minimum(place.astype(np.int64), len(colours) - 2)
    rest = (place - low)[..., np.newaxis]
    return colours[low] * (1 - rest) + colours[low + 1] * rest
