"""Pixels as an img element that contains them."""

from base64 import b64encode
from html import escape
from io import BytesIO

import numpy as np
import numpy.typing as npt

from clearconv.errors import ShapeError

#: Up to this side, pixels are shown as squares and kept to the bit.
_SQUARES = 64
_QUALITY = 80


def picture(pixels: npt.NDArray[np.uint8], alt: str, most: int | None = None) -> str:
    """Make an ``img`` element whose file is inside the page.

    Parameters
    ----------
    pixels : ndarray of uint8, shape (H, W, 3), (H, W, 1) or (H, W)
        Red, green, blue, or grey.
    alt : str
        Description, for those who cannot see the picture.
    most : int, optional
        Largest length of the longer side in pixels; a larger picture is reduced.

    Returns
    -------
    html : str
        Small pictures as PNG with square pixels, others as JPEG.

    Raises
    ------
    ShapeError
        If the array is not a picture.
    """
    if pixels.ndim not in (2, 3) or (pixels.ndim == 3 and pixels.shape[2] not in (1, 3)):
        raise ShapeError(
            f"picture: pixels have shape {pixels.shape}, but (H, W), (H, W, 1) or (H, W, 3) is "
            "needed."
        )
    from PIL import Image  # notebooks that only draw curves do not need it

    if most is not None and max(pixels.shape[:2]) > most:
        H, W = pixels.shape[:2]
        image = Image.fromarray(np.broadcast_to(pixels.reshape(H, W, -1), (H, W, 3)))
        image.thumbnail((most, most), Image.Resampling.LANCZOS)
        pixels = np.asarray(image)
    flat = pixels[..., 0] if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels
    H, W = flat.shape[:2]
    small = max(H, W) <= _SQUARES
    kind = "png" if small else "jpeg"
    buffer = BytesIO()
    Image.fromarray(np.ascontiguousarray(flat)).save(
        buffer, kind, **({"optimize": True} if small else {"quality": _QUALITY})
    )
    data = b64encode(buffer.getvalue()).decode()
    return (
        f'<img class="{"small" if small else "photo"}" src="data:image/{kind};base64,{data}" '
        f'width="{W}" height="{H}" alt="{escape(alt)}">'
    )
