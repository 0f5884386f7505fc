"""Data as a program passes them: their path, or the data themselves."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from clearconv.arrays import Array
from clearconv.data import Source, from_arrays
from clearconv.errors import DataError

#: A folder or "digits", an opened source, or images and labels.
Data = str | Path | Source | tuple[Array, Sequence[Any]]


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
