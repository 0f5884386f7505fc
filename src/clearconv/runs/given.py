"""What a program gives to train: the data, or their path, and some of the settings."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from os import PathLike, fspath
from pathlib import Path
from typing import Any, Self

import numpy as np

from clearconv.arrays import Array
from clearconv.data import Augmentation, Source, from_arrays
from clearconv.errors import ArgumentError, DataError
from clearconv.layers import Node
from clearconv.words import meant

#: A folder or "digits", an opened source, or images and labels.
Data = str | Path | Source | tuple[Array, Sequence[Any]]

#: Settings on which the defaults of others depend.
LEADING = ("model", "start", "optimiser", "schedule")


@dataclass(frozen=True, kw_only=True)
class Given:
    """Some of the settings of a run; None is not given.

    The attributes are those of ``Settings``, except for `data`. Four may also be something else:
    `model` the user's own network; `start` an opened model, an ``Earlier``; `lr` "auto", to search
    for it when the run starts; and `augmentation` a dictionary with the part that differs from the
    default for the data.
    """

    model: str | Node | None = None
    start: object = None
    freeze: int | str | None = None
    classes: Sequence[str] | None = None
    batch_norm: bool | None = None
    dropout: float | None = None
    resize: str | None = None
    image_size: int | None = None
    epochs: int | None = None
    batch_size: int | None = None
    optimiser: str | None = None
    lr: float | str | None = None
    momentum: float | None = None
    nesterov: bool | None = None
    weight_decay: float | None = None
    schedule: str | None = None
    warmup: float | None = None
    label_smoothing: float | None = None
    class_weights: bool | None = None
    augmentation: Augmentation | Mapping[str, Any] | None = None
    seed: int | None = None
    patience: int | None = None
    ratios: Sequence[float] | None = None
    split: str | None = None
    allow_twins_apart: bool | None = None
    save_every: float | None = None
    backend: str | None = None
    threads: int | None = None

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Self:
        """Return what a caller gives by name; ``Settings`` checks the values.

        Raises
        ------
        ArgumentError
            If a name is not that of a setting.
        """
        known = [item.name for item in fields(cls)]
        for name in given.keys() - known:
            hint = meant(name, known)
            if name in Augmentation.none().to_dict():
                hint = f" It is a part of one: augmentation={{{name!r}: {given[name]!r}}}."
            raise ArgumentError(f"{name} is not a setting.{hint} Known: {', '.join(known)}.")
        return cls(**{name: _plain(value) for name, value in given.items()})

    @property
    def searches_lr(self) -> bool:
        """Whether the learning rate is searched for when the run starts."""
        return isinstance(self.lr, str) and self.lr == "auto"

    def items(self) -> Iterator[tuple[str, Any]]:
        """Yield names and values of what is given; first those on which other defaults depend."""
        names = [item.name for item in fields(self)]
        for name in (*LEADING, *(name for name in names if name not in LEADING)):
            if (value := getattr(self, name)) is not None:
                yield name, value

    def over(self, usual: "Given") -> "Given":
        """Return these settings, and those of `usual` that are not given here."""
        return Given(**{**dict(usual.items()), **dict(self.items())})


def _plain(value: Any) -> Any:
    """Return a NumPy number as a Python number, and a path as text, for JSON."""
    if isinstance(value, PathLike):
        return fspath(value)
    return value.item() if isinstance(value, np.generic) else value


def in_memory(data: Data, least_classes: int = 2) -> Source | None:
    """Return data that a program already holds, or None for a folder and for "digits".

    Parameters
    ----------
    data : str, Path, Source, or (images, labels)
        As for ``clearconv.train.train``.
    least_classes : int
        Smallest number of classes that arrays must have.

    Returns
    -------
    Source or None

    Raises
    ------
    DataError
        If it is none of these, or the arrays cannot be used.
    """
    if isinstance(data, tuple):
        if len(data) != 2:
            raise DataError(
                f"data is a tuple of {len(data)}, but (images, labels) is expected. For "
                "validation and test images of their own use clearconv.data.from_arrays."
            )
        return from_arrays(*data, least_classes=least_classes)
    if isinstance(data, Source):
        return data
    if not isinstance(data, (str, Path)):
        raise DataError(
            f"data is a {type(data).__name__}, but a folder, 'digits', what "
            "clearconv.data.open_data returned, or the tuple (images, labels) is expected."
        )
    return None
