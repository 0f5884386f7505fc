"""One call from a model and data to a trained model."""

import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from clearconv.errors import ArgumentError
from clearconv.layers import Node
from clearconv.runs.given import Data
from clearconv.train.callbacks import Callback, Callbacks
from clearconv.train.health import doubts
from clearconv.train.show.epoch_lines import EpochLines
from clearconv.train.show.history import History
from clearconv.train.start import train


def fit(
    model: str | Node,
    data: Data,
    *,
    out: str | Path | None = None,
    callbacks: Sequence[Callback] = (),
    progress: bool = True,
    **settings: Any,
) -> History:
    """Train a model on data as ``clearconv train`` does: one epoch's model is kept and tested.

    Parameters
    ----------
    model : str or Node
        A name in ``clearconv.models.MODELS``, or your own network. If it is not built, it is built
        for the data; if it is, it starts from its weights. Afterwards it has the weights of the
        epoch that was kept.
    data : str, Path, Source, or (images, labels)
        A folder of images or idx files, "digits", what ``clearconv.data.open_data`` or
        ``from_arrays`` returned, or arrays as ``from_arrays`` takes them.
    out : str or Path, optional
        The run folder; by default the first free ``runs/NAME-N``.
    callbacks : sequence of Callback
        Receive the events of the run.
    progress : bool
        Whether to print a line for each epoch; False prints nothing.
    **settings
        Attributes of ``clearconv.train.Settings``, such as ``epochs=20``; the others get the
        defaults for this kind of data.

    Returns
    -------
    History
        Records, test and folder. A run that was stopped continues with
        ``clearconv.train.resume(folder)``.

    Raises
    ------
    ArgumentError
        If a setting is not possible, or the model does not fit the data.
    DataError
        If the data cannot be used.
    Interrupted
        After Ctrl-C or SIGTERM (a KeyboardInterrupt); the state of the run is saved.
    ModelFileError
        If a layer of your own is not registered, so that it could not be loaded from a file.
    RunError
        If the run folder cannot be used, or the training diverges.

    Warns
    -----
    UserWarning
        If your own network ends in an activation, and no callback receives warnings.

    Examples
    --------
    >>> import clearconv
    >>> history = clearconv.fit("digits_cnn", "digits", epochs=5)  # doctest: +SKIP
    >>> history.model.predict(x)  # doctest: +SKIP
    """
    if "folds" in settings:
        raise ArgumentError(
            "fit trains one model. To test on every image in turn call "
            f"clearconv.train.cross_validate(data, folds={settings['folds']!r}, model=..., ...)."
        )
    listening = list(Callbacks(callbacks))
    heard = any(type(one).warned is not Callback.warned for one in listening)
    said = []
    if isinstance(model, Node) and not heard and not (progress and _in_notebook()):
        said = doubts(model)
        for message in said:  # which no callback receives
            warnings.warn(message, stacklevel=2)
    if progress and not any(isinstance(one, EpochLines) for one in listening):
        listening.insert(0, _Lines(said))
    result = train(data, out=out, callbacks=listening, model=model, **settings)
    history = History.of(result)
    if isinstance(model, Node):
        model.load_state_dict(history.model.state_dict())
    return history


class _Lines(EpochLines):
    """Epoch lines without the warnings that Python has already shown."""

    def __init__(self, said: Sequence[str]) -> None:
        super().__init__()
        self._said = said

    def warned(self, message: str) -> None:
        """Print the warning."""
        if message not in self._said:
            super().warned(message)


def _in_notebook() -> bool:
    """Return whether this is a notebook's kernel."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return hasattr(shell, "kernel")
