"""The one door through which a run starts from a model that is not a run's."""

from pathlib import Path
from typing import Any

from clearconv.runs.earlier import Earlier


def start_from(start: str | Path, *, model: str | None = None, **options: Any) -> Earlier:
    """Open the model that a run is to start from, whoever wrote it.

    ``clearconv train --from FILE`` calls it; in Python its result is given as `start`. A reader of
    a further kind of file is one more case here: it returns an `Earlier` with the model, its
    weights by path, and what it knows of classes and preprocessing.

    Parameters
    ----------
    start : str or Path
        A run folder, or a file. The file's content decides, not its name.
    model : str, optional
        A name in ``clearconv.models.MODELS``, for files that hold weights alone; by default the
        model is recognised by the names and shapes of its weights.
    **options
        Options of that model, such as ``dropout=0.3``.

    Returns
    -------
    Earlier
        To be given as `start` to ``clearconv.train.train``, ``clearconv.fit`` or
        ``clearconv.plan``.

    Raises
    ------
    ModelFileError, RunError
        If it cannot be used.

    Examples
    --------
    >>> import clearconv
    >>> from clearconv.exchange import start_from
    >>> earlier = start_from("runs/photos-1")  # doctest: +SKIP
    >>> clearconv.fit(None, "photos/", start=earlier)  # doctest: +SKIP
    """
    return Earlier.open(start)
