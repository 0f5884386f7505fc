"""Random variations of training images that preserve their class."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
from PIL import Image

from clearconv.data.images.preprocessing import (
    Preprocessing,
    Window,
    as_tuple,
    checked_settings,
    is_finite,
)
from clearconv.data.images.resize import (
    Box,
    Pixels,
    mean_colour,
    resample,
    to_picture,
    to_pixels,
    with_channels,
)
from clearconv.errors import DataError

#: Smallest and largest width/height of a random crop, relative to the network's input.
ASPECT = (3 / 4, 4 / 3)
#: Shrinking by more than this before a rotation needs antialiasing of its own.
_ALIASING = 1.5
_LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R 601
_SHARES = ("flip", "vertical_flip", "brightness", "contrast", "colour")


@dataclass(frozen=True)
class Augmentation:
    """The random variations of a training image, and their strength.

    A network that has never seen the same pixels twice learns what the variations have in common:
    the class. Off in evaluation.

    Attributes
    ----------
    flip : float
        Probability of a horizontal flip.
    vertical_flip : float
        Probability of a vertical flip.
    crop : (float, float) or None
        Smallest and largest share of the image's area that a random crop shows; its width/height
        is 3/4 to 4/3 of the input's, or of the image's own where evaluation shows the whole image.
        It is shown where evaluation shows the image. None shows what evaluation shows.
    rotate : float
        Largest rotation in degrees, in either direction; corners get the preprocessing's `fill`.
    brightness, contrast, colour : float
        A strength s multiplies the pixels, their distance from the image's mean grey, or their
        distance from their own grey, by a factor between 1 - s and 1 + s.

    Raises
    ------
    DataError
        If a setting is out of its range.
    """

    flip: float = 0.0
    vertical_flip: float = 0.0
    crop: tuple[float, float] | None = None
    rotate: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0
    colour: float = 0.0

    def __post_init__(self) -> None:
        """Check every setting."""
        for name in _SHARES:
            value = getattr(self, name)
            self._expect(name, is_finite(value) and 0 <= value <= 1, "a number from 0 to 1")
        self._expect(
            "rotate", is_finite(self.rotate) and 0 <= self.rotate <= 180, "0 to 180 degrees"
        )
        if self.crop is not None:
            object.__setattr__(self, "crop", as_tuple(self.crop))
            fine = len(self.crop) == 2 and all(map(is_finite, self.crop))
            self._expect(
                "crop",
                fine and 0 < self.crop[0] <= self.crop[1] <= 1,
                "two shares of the area, smallest first, above 0 and at most 1",
            )

    @classmethod
    def photos(cls) -> Self:
        """Return the default for photographs of objects without left and right."""
        return cls(flip=0.5, crop=(0.2, 1.0), brightness=0.3, contrast=0.3, colour=0.3)

    @classmethod
    def none(cls) -> Self:
        """Return the augmentation that changes nothing."""
        return cls()

    def __call__(
        self, image: Pixels, preprocessing: Preprocessing, rng: np.random.Generator
    ) -> Pixels:
        """Return one variation, with the size and channels of the preprocessing.

        Parameters
        ----------
        image : ndarray of uint8, shape (H, W, C)
            Image from its source.
        preprocessing : Preprocessing
            Size, channels and way of resizing.
        rng : numpy.random.Generator
            Ten numbers are drawn, whatever the settings: so switching one variation on leaves
            the others as they were.

        Returns
        -------
        pixels : ndarray of uint8, shape (*size, channels)
            Ready for `Preprocessing.normalised`.
        """
        u = rng.random(10)
        pixels = with_channels(preprocessing.reduced(image), preprocessing.channels)
        box, window = preprocessing.box(pixels.shape), preprocessing.window(pixels.shape)
        if self.crop is not None:
            shown = preprocessing.size if preprocessing.resize == "crop" else pixels.shape[:2]
            box = self._random_box(pixels.shape, shown, u[:4])
        flips = self.flips(u)
        if self.rotate:
            angle = self.rotate * (2 * u[6] - 1)
            picture = _rotated(pixels, box, window, flips, angle, preprocessing)
            return to_pixels(self._recoloured(picture, u[7:], preprocessing.definition))
        left, top, right, bottom = window
        size, how = (bottom - top, right - left), preprocessing
        picture = to_picture(resample(pixels, size, box, how.antialias, how.definition))
        if flips[0]:
            picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        if flips[1]:
            picture = picture.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
        recoloured = self._recoloured(picture, u[7:], how.definition)
        return how.filled(to_pixels(recoloured), (left, top))

    def flips(self, u: np.ndarray[Any, Any]) -> tuple[bool, bool]:
        """Return whether an image is flipped horizontally and vertically, given its ten numbers."""
        return bool(u[4] < self.flip), bool(u[5] < self.vertical_flip)

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as plain data, for JSON."""
        crop = None if self.crop is None else list(self.crop)
        return {**asdict(self), "crop": crop}

    @classmethod
    def from_dict(cls, settings: Mapping[str, Any]) -> Self:
        """Return the augmentation that `to_dict` described.

        Raises
        ------
        DataError
            If a setting is missing, unknown or out of its range.
        """
        return cls(**checked_settings(cls, settings))

    def _random_box(
        self, shape: tuple[int, ...], like: tuple[int, ...], u: np.ndarray[Any, Any]
    ) -> Box:
        """Draw a crop: its area, its aspect (evenly on a logarithmic scale), its place.

        Its aspect is about that of `like` (rows, columns).
        """
        assert self.crop is not None
        H, W = shape[:2]
        least, most = (limit * like[1] / like[0] for limit in ASPECT)
        area = H * W * (self.crop[0] + u[0] * (self.crop[1] - self.crop[0]))
        aspect = least * (most / least) ** u[1]
        width, height = min(W, math.sqrt(area * aspect)), min(H, math.sqrt(area / aspect))
        # In a panorama the area must give way, or things would be stretched.
        width, height = min(width, height * most), min(height, width / least)
        left, top = u[2] * (W - width), u[3] * (H - height)
        return (left, top, min(W, left + width), min(H, top + height))

    def _recoloured(
        self, picture: Image.Image, u: np.ndarray[Any, Any], definition: int
    ) -> Image.Image:
        """Brightness, then contrast, then colour, as one linear map rounded once."""
        strengths = np.array([self.brightness, self.contrast, self.colour])
        if not strengths.any():
            return picture
        brightness, contrast, colour = 1 + strengths * (2 * u - 1)
        scale = brightness * contrast
        mean = mean_colour(picture, definition)  # (C,)
        grey = float(mean @ _LUMA) if len(mean) == 3 else float(mean[0])
        shift = brightness * (1 - contrast) * grey  # mean grey stays where brightness put it
        if len(mean) == 1:
            table = np.clip(np.floor(np.arange(256) * scale + shift + 0.5), 0, 255)
            return picture.point(table.astype(int).tolist())
        # v -> colour * v + (1 - colour) * luma(v), row by row
        matrix = scale * (colour * np.eye(3) + (1 - colour) * np.tile(_LUMA, (3, 1)))  # (3, 3)
        rows = np.column_stack([matrix, np.full(3, shift)])  # (3, 4)
        return picture.convert("RGB", tuple(rows.ravel().tolist()))

    def _expect(self, name: str, right: bool, expected: str) -> None:
        if not right:
            value = getattr(self, name)
            raise DataError(f"augmentation: {name} is {value!r}, but {expected} is needed.")


def _rotated(
    pixels: Pixels,
    box: Box,
    window: Window,
    flips: tuple[bool, bool],
    angle: float,
    preprocessing: Preprocessing,
) -> Image.Image:
    """Show the box in the window, turned counter-clockwise by `angle`, then flipped."""
    H, W = preprocessing.size
    fill = preprocessing.fill
    left, top, right, bottom = box
    # Pixels of the image per pixel of the output.
    across, down = (
        (right - left) / (window[2] - window[0]),
        (bottom - top) / (window[3] - window[1]),
    )
    # The centre of the output, half a pixel from the window's where a letterbox fills an odd rest.
    centre = (
        (left + right) / 2 + (W - window[0] - window[2]) / 2 * across,
        (top + bottom) / 2 + (H - window[1] - window[3]) / 2 * down,
    )
    if preprocessing.antialias and max(across, down) > _ALIASING:
        # Shrink the whole image first, with antialiasing; then the transform is one to one.
        rows, columns = (
            max(1, round(length / factor))
            for length, factor in zip(pixels.shape[:2], (down, across), strict=True)
        )
        full = (0, 0, pixels.shape[1], pixels.shape[0])
        ratio = (columns / pixels.shape[1], rows / pixels.shape[0])
        pixels = resample(pixels, (rows, columns), full, True, preprocessing.definition)
        centre = (centre[0] * ratio[0], centre[1] * ratio[1])
        across, down = across * ratio[0], down * ratio[1]
    cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    x, y = (-1.0 if flip else 1.0 for flip in flips)
    a, b, d, e = cos * across * x, -sin * down * y, sin * across * x, cos * down * y
    c, f = centre[0] - a * W / 2 - b * H / 2, centre[1] - d * W / 2 - e * H / 2
    return to_picture(pixels).transform(
        (W, H),
        Image.Transform.AFFINE,
        (a, b, c, d, e, f),
        Image.Resampling.BILINEAR,
        fillcolor=fill if len(fill) > 1 else fill[0],
    )
