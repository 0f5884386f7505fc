"""From an image of any size to the input of a network; stored with the model."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from functools import lru_cache
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt

from clearconv.data.images.decode import side_for
from clearconv.data.images.resize import (
    DEFINITION,
    EARLIER,
    LONGEST,
    Box,
    Pixels,
    reduced,
    resample,
    to_picture,
    to_pixels,
    with_channels,
)
from clearconv.errors import DataError

_MOST = 1e300  # an int may be too large for a float
_USUAL = -1  # the side that goes with the size

#: (left, top, right, bottom) in pixels of the network's input.
Window = tuple[int, int, int, int]

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Preprocessing:
    r"""Resize an image, order its channels, and scale its pixels.

    Everything that turns an image into a network's input, and nothing random, so that a model file
    that contains it gives the same numbers everywhere as in training.

    Attributes
    ----------
    size : (int, int)
        Rows and columns of the input.
    channels : {3, 1}
        A grey image gives three equal channels; a colour image gives its luma (ITU-R 601).
    order : {"rgb", "bgr"}
        Order of three channels.
    resize : {"crop", "squash", "letterbox", "none"}
        "crop" scales the image until it just covers `size` and takes the centre; "squash" scales
        rows and columns each by its own factor; "letterbox" scales the image until it just fits
        into `size`, centred, and fills the rest; "none" takes images of exactly `size`.
    antialias : bool
        Whether pixels are averaged when the image shrinks. False is OpenCV's ``INTER_LINEAR``.
    mean, std : tuple of float, one per channel
        In units of pixels/255, in the channels' order. Default: 0 and 1.
    fill : tuple of int
        Red, green and blue, or grey, of what "letterbox" fills. Default: the mean, which the
        network sees as about 0, as it does what convolutions pad.
    side : int or None
        A larger image is first reduced until its shorter side has this many pixels, as a data
        folder's are when they are read; None: it is not. Default (-1): ``side_for(size)``.
    definition : {2, 1}
        How resized pixels are computed: 1 is that of earlier versions of clearconv, whose last
        bits depend on the version of Pillow.

    Raises
    ------
    DataError
        If a setting is not one of these.

    Notes
    -----
    .. math:: x_{c,i,j} = (pixel_{i,j,c} / 255 - mean_c) / std_c

    computed as :math:`(pixel - m_c) / s_c`, where :math:`m_c` and :math:`s_c` are
    :math:`255\,mean_c` and :math:`255\,std_c`, multiplied in float64 and rounded to float32; the
    difference and the quotient are each rounded to float32. docs/pixels.md gives every formula.
    """

    size: tuple[int, int]
    channels: int = 3
    order: Literal["rgb", "bgr"] = "rgb"
    resize: Literal["crop", "squash", "letterbox", "none"] = "crop"
    antialias: bool = True
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    fill: tuple[int, ...] = ()
    side: int | None = _USUAL
    definition: int = DEFINITION

    def __post_init__(self) -> None:
        """Check every setting; fill in the neutral mean and deviation."""
        self._expect("channels", self.channels in (1, 3) and _is_int(self.channels), "1 or 3")
        object.__setattr__(self, "mean", as_tuple(self.mean) or (0.0,) * self.channels)
        object.__setattr__(self, "std", as_tuple(self.std) or (1.0,) * self.channels)
        object.__setattr__(self, "size", as_tuple(self.size))
        self._expect(
            "size",
            len(self.size) == 2 and all(_is_int(side) and side > 0 for side in self.size),
            "two positive whole numbers (rows, columns)",
        )
        self._expect("order", self.order in ("rgb", "bgr"), "'rgb' or 'bgr'")
        self._expect(
            "resize",
            self.resize in ("crop", "squash", "letterbox", "none"),
            "'crop', 'squash', 'letterbox' or 'none'",
        )
        self._expect("antialias", isinstance(self.antialias, bool), "true or false")
        count = f"{self.channels} number{'s' if self.channels > 1 else ''}, one per channel"
        self._expect("mean", self._per_channel(self.mean), count)
        self._expect(
            "std", self._per_channel(self.std) and min(self.std) > 0, f"{count}, above zero"
        )
        object.__setattr__(self, "fill", as_tuple(self.fill) or self._mean_colour())
        self._expect(
            "fill",
            len(self.fill) == self.channels
            and all(_is_int(value) and 0 <= value <= 255 for value in self.fill),
            f"{self.channels} whole number{'s' if self.channels > 1 else ''} from 0 to 255",
        )
        if self.side == _USUAL:
            object.__setattr__(self, "side", side_for(self.size))
        self._expect(
            "side",
            self.side is None or (_is_int(self.side) and self.side > 0),
            "a positive whole number or None",
        )
        self._expect(
            "definition",
            _is_int(self.definition) and EARLIER <= self.definition <= DEFINITION,
            f"a number from {EARLIER} to {DEFINITION} (a newer clearconv may know more)",
        )

    def __str__(self) -> str:
        """Return what it does in a line for a person: ``crop to 128 x 128, pixels by ...``."""
        size = f"{self.size[0]} x {self.size[1]}"
        fill = f" (filled with {', '.join(map(str, self.fill))})"
        return (
            f"{self.resize} to {size}{fill if self.resize == 'letterbox' else ''}, pixels by "
            f"definition {self.definition}"
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """Return a remark if pixels are resized by an earlier definition."""
        if self.definition == DEFINITION:
            return ()
        return (
            f"the model sees pixels by definition {self.definition}, as when it was trained; those "
            f"of new runs are by definition {DEFINITION}",
        )

    def __call__(self, image: Pixels) -> Floats:
        """Return the network's input for one image.

        Parameters
        ----------
        image : ndarray of uint8, shape (H, W, 3), (H, W, 1) or (H, W)
            Red, green, blue, or grey.

        Returns
        -------
        x : ndarray of float32, shape (channels, *size)
            A view over channels-last memory.

        Raises
        ------
        DataError
            If the image is something else, or ``resize="none"`` and its size is not `size`.
        """
        return self.normalised(self.resized(image)).transpose(2, 0, 1)  # (C, H, W)

    def resized(self, image: Pixels) -> Pixels:
        """Return the image as uint8 (*size, channels), still red, green, blue."""
        pixels = with_channels(self.reduced(_checked(image)), self.channels)
        left, top, right, bottom = self.window(pixels.shape)
        size, box = (bottom - top, right - left), self.box(pixels.shape)
        return self.filled(
            resample(pixels, size, box, self.antialias, self.definition), (left, top)
        )

    def reduced(self, image: Pixels) -> Pixels:
        """Return the image (H, W, C) at the size at which `side` would have it read."""
        # Definition 1 left this to whoever read the image.
        if self.definition == EARLIER or self.side is None or min(image.shape[:2]) <= self.side:
            return image
        return to_pixels(reduced(to_picture(image), self.side, self.definition))

    def side_of(self, *, file: bool) -> int | None:
        """Return the shorter side to which a file's image, or a program's array, is reduced."""
        if self.definition == EARLIER and not file and self.resize != "crop":
            return None
        return self.side

    def box(self, shape: tuple[int, ...]) -> Box:
        """Return the part that `resized` shows of an image of this shape, (H, W) or (H, W, C)."""
        H, W = shape[:2]
        if self.resize == "none" and (H, W) != self.size:
            raise DataError(
                f"an image is {H} x {W} (rows x columns), but this preprocessing takes images of "
                f"{self.size[0]} x {self.size[1]} as they are. Choose resize='crop', 'squash' or "
                "'letterbox'."
            )
        if self.resize != "crop":
            return (0, 0, W, H)
        rows, columns = self.size
        if self.definition == EARLIER:
            scale = min(H / rows, W / columns)  # pixels of the image per pixel of the input
            height, width = min(H, rows * scale), min(W, columns * scale)
        elif H * columns <= W * rows:
            height, width = H, H * columns / rows
        else:
            height, width = W * rows / columns, W
        left, top = (W - width) / 2, (H - height) / 2
        return (left, top, left + width, top + height)

    def window(self, shape: tuple[int, ...]) -> Window:
        """Return where `resized` shows an image of this shape, (H, W) or (H, W, C)."""
        rows, columns = height, width = self.size
        if self.resize == "letterbox":
            H, W = shape[:2]
            if H * columns <= W * rows:
                height = max(1, (2 * H * columns + W) // (2 * W))  # H * columns / W, half up
            else:
                width = max(1, (2 * W * rows + H) // (2 * H))
        left, top = (columns - width) // 2, (rows - height) // 2
        return (left, top, left + width, top + height)

    def filled(self, pixels: Pixels, corner: tuple[int, int]) -> Pixels:
        """Return pixels placed at the corner (left, top) of the input, the rest of it filled."""
        if pixels.shape[:2] == self.size:
            return pixels
        left, top = corner
        height, width = pixels.shape[:2]
        whole = np.empty((*self.size, self.channels), np.uint8)
        whole[...] = self.fill
        whole[top : top + height, left : left + width] = pixels
        return whole

    def cut(self, sizes: npt.NDArray[np.int64]) -> float:
        """Return the share that `box` leaves out of a typical image, the median over `sizes`.

        Parameters
        ----------
        sizes : ndarray of int64, shape (n, 2)
            Rows and columns of each image, such as ``source.sizes``.
        """
        different, which = np.unique(sizes, axis=0, return_inverse=True)
        left_out = np.empty(len(different))
        for i, (H, W) in enumerate(different.tolist()):
            left, top, right, bottom = self.box((H, W))
            left_out[i] = 1 - (right - left) * (bottom - top) / (H * W)
        return float(np.median(left_out[which.reshape(-1)]))

    def normalised(self, pixels: Pixels, out: Floats | None = None) -> Floats:
        """Return uint8 (..., H, W, channels) scaled as float32 in the channels' order."""
        if self.order == "bgr" and self.channels == 3:
            pixels = pixels[..., [2, 1, 0]]
        result = np.empty(pixels.shape, dtype=np.float32) if out is None else out
        # A row of (W, C) is one long vector: NumPy is slow where the last axis is short.
        W, C = pixels.shape[-2:]
        rows = (*pixels.shape[:-2], W * C)
        flat = result.reshape(rows)
        np.subtract(pixels.reshape(rows), _row(self.mean, W), out=flat)
        np.divide(flat, _row(self.std, W), out=flat)
        return result

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as plain data, for JSON."""
        return {key: _plain(value) for key, value in asdict(self).items()}

    @classmethod
    def from_dict(cls, settings: Mapping[str, Any]) -> Self:
        """Return the preprocessing that `to_dict` described.

        Raises
        ------
        DataError
            If a setting is missing, unknown or of the wrong kind.
        """
        if isinstance(settings, Mapping) and "definition" not in settings:
            # Written before there was a second one.
            settings = {**settings, "fill": (), "side": _USUAL, "definition": EARLIER}
        return cls(**checked_settings(cls, settings))

    def _mean_colour(self) -> tuple[int, ...]:
        grey = [min(255, max(0, round(255 * mean))) for mean in self.mean]
        return tuple(grey if self.order == "rgb" else grey[::-1])

    def _per_channel(self, values: tuple[float, ...]) -> bool:
        return len(values) == self.channels and all(map(is_finite, values))

    def _expect(self, name: str, right: bool, expected: str) -> None:
        if not right:
            value = getattr(self, name)
            raise DataError(f"preprocessing: {name} is {value!r}, but {expected} is needed.")


@lru_cache(maxsize=16)
def _row(values: tuple[float, ...], W: int) -> Floats:
    """Return (W*C,): one value per channel, in units of pixels, for each of W pixels."""
    row = np.tile(np.array(values, dtype=np.float64) * 255, W).astype(np.float32)
    row.flags.writeable = False
    return row


def checked_settings(cls: type, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Check that the settings name exactly the dataclass's fields."""
    what = cls.__name__.lower()
    if not isinstance(settings, Mapping):
        raise DataError(f"{what}: the settings are {settings!r}, but a table of names is needed.")
    names = {field.name for field in fields(cls)}
    if set(settings) != names:
        missing, unknown = sorted(names - set(settings)), sorted(set(settings) - names)
        found = [f"missing {', '.join(missing)}"] * bool(missing)
        found += [f"unknown {', '.join(map(str, unknown))}"] * bool(unknown)
        raise DataError(
            f"{what}: settings do not fit ({'; '.join(found)}). They may come from another version "
            "of clearconv."
        )
    return dict(settings)


def as_tuple(value: Any) -> tuple[Any, ...]:
    """Return a list or array as a tuple of plain numbers, anything else as its only entry."""
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if not isinstance(value, list | tuple):
        return (value,)
    return tuple(entry.item() if isinstance(entry, np.generic) else entry for entry in value)


def is_finite(value: object) -> bool:
    """Return whether the value is a finite number (not text, not a truth value)."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    return -_MOST <= value <= _MOST  # false for NaN


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _checked(image: Pixels) -> Pixels:
    """Return an image as (H, W, C)."""
    fine = isinstance(image, np.ndarray) and image.dtype == np.uint8 and image.ndim in (2, 3)
    pixels = image[..., np.newaxis] if fine and image.ndim == 2 else image
    if not fine or pixels.shape[2] not in (1, 3) or 0 in pixels.shape:
        got = (
            f"{image.dtype} of shape {image.shape}"
            if isinstance(image, np.ndarray)
            else type(image).__name__
        )
        raise DataError(
            f"an image is {got}, but uint8 of shape (H, W, 3) or (H, W, 1) is needed. "
            "load_image reads a file in this form."
        )
    if max(pixels.shape) > LONGEST:
        raise DataError(
            f"an image is {pixels.shape[0]:,} x {pixels.shape[1]:,}, but a side has at most "
            f"{LONGEST:,} pixels. Reduce it first."
        )
    return pixels
