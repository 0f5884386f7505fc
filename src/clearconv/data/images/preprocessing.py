"""From an image of any size to the input of a network; stored with the model."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from functools import lru_cache
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt

from clearconv.data.images.decode import Pixels
from clearconv.data.images.resize import Box, resample, with_channels
from clearconv.errors import DataError

_MOST = 1e300  # an int may be too large for a float

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
    resize : {"crop", "squash", "none"}
        "crop" scales the image until it just covers `size` and takes the centre; "squash" scales
        rows and columns each by its own factor; "none" takes images of exactly `size`.
    antialias : bool
        Whether pixels are averaged when the image shrinks. False is OpenCV's ``INTER_LINEAR``.
    mean, std : tuple of float, one per channel
        In units of pixels/255, in the channels' order. Default: 0 and 1.

    Raises
    ------
    DataError
        If a setting is not one of these.

    Notes
    -----
    .. math:: x_{c,i,j} = (pixel_{i,j,c} / 255 - mean_c) / std_c
    """

    size: tuple[int, int]
    channels: int = 3
    order: Literal["rgb", "bgr"] = "rgb"
    resize: Literal["crop", "squash", "none"] = "crop"
    antialias: bool = True
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()

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
            "resize", self.resize in ("crop", "squash", "none"), "'crop', 'squash' or 'none'"
        )
        self._expect("antialias", isinstance(self.antialias, bool), "true or false")
        count = f"{self.channels} number{'s' if self.channels > 1 else ''}, one per channel"
        self._expect("mean", self._per_channel(self.mean), count)
        self._expect(
            "std", self._per_channel(self.std) and min(self.std) > 0, f"{count}, above zero"
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
        pixels = with_channels(_checked(image), self.channels)
        return resample(pixels, self.size, self.box(pixels.shape), self.antialias)

    def box(self, shape: tuple[int, ...]) -> Box:
        """Return the part that `resized` shows of an image of this shape, (H, W) or (H, W, C)."""
        H, W = shape[:2]
        if self.resize == "none" and (H, W) != self.size:
            raise DataError(
                f"an image is {H} x {W} (rows x columns), but this preprocessing takes images of "
                f"{self.size[0]} x {self.size[1]} as they are. Choose resize='crop' or 'squash'."
            )
        if self.resize != "crop":
            return (0, 0, W, H)
        rows, columns = self.size
        scale = min(H / rows, W / columns)  # pixels of the image per pixel of the input
        height, width = min(H, rows * scale), min(W, columns * scale)
        left, top = (W - width) / 2, (H - height) / 2
        return (left, top, left + width, top + height)

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
        return cls(**checked_settings(cls, settings))

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
    return pixels
