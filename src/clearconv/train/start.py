"""Start a run, resume it, and train it to the end."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from clearconv.data import Source, Split
from clearconv.data.sources.source import some_classes
from clearconv.errors import RunError
from clearconv.layers import from_spec
from clearconv.runs import files
from clearconv.runs.checkpoint import read_checkpoint
from clearconv.runs.earlier import freeze
from clearconv.runs.folder import check_folder, new_folder
from clearconv.runs.given import Data, Given
from clearconv.runs.lock import locked
from clearconv.runs.open import Opened, Trained, open_run
from clearconv.runs.records.result import Result
from clearconv.runs.records.schema import damaged
from clearconv.runs.run import Run, write_json
from clearconv.runs.settings import Settings
from clearconv.train.callbacks import Callback, Callbacks
from clearconv.train.loop import go, search_lr
from clearconv.train.network import optimiser_of
from clearconv.train.preparing import check_batches, prepared


def train(
    data: Data,
    *,
    out: str | Path | None = None,
    callbacks: Iterable[Callback] = (),
    **given: Any,
) -> Result:
    """Train a network, keep the model of one epoch by its validation, and test it once.

    Parameters
    ----------
    data : str, Path, Source, or (images, labels)
        A folder of images or idx files, "digits", what ``clearconv.data.open_data`` or
        ``from_arrays`` returned, or arrays as ``from_arrays`` takes them.
    out : str or Path, optional
        The run folder; by default the first free ``runs/NAME-N``.
    callbacks : sequence of Callback
        Receive the events of the run.
    **given
        Attributes of ``Settings``; those not given, or None, get the defaults for this kind of
        data. `model` may be your own network: if it is built, it starts from its weights.
        `lr` may be "auto": a range test finds one (``find_lr``) before the run starts.

    Returns
    -------
    Result

    Raises
    ------
    ArgumentError
        If a setting is not possible.
    BackendError
        If the native telling is requested but not compiled.
    DataError
        If the data cannot be used.
    Interrupted
        After Ctrl-C or SIGTERM; the state of the run is saved.
    RunError
        If the run folder cannot be used, or the training diverges.
    """
    callbacks = Callbacks(callbacks)
    with new_run(data, out=out, callbacks=callbacks, **given) as run:
        return go(run, callbacks)


def resume(
    folder: str | Path, *, callbacks: Iterable[Callback] = (), data: Data | None = None
) -> Result:
    """Continue a run from its last checkpoint; the result is that of an uninterrupted run.

    Parameters
    ----------
    folder : str or Path
        The run folder.
    callbacks : sequence of Callback
        Receive the events of the run.
    data : str, Path, Source, or (images, labels), optional
        The data, if they have moved or were arrays.

    Returns
    -------
    Result

    Raises
    ------
    Interrupted
        After Ctrl-C or SIGTERM; the state of the run is saved.
    ModelFileError
        If the best model's file is damaged, or a layer is not registered.
    RunError
        If it is not a run folder, another process is training there, the checkpoint is damaged,
        or the data are not the same.
    """
    callbacks = Callbacks(callbacks)
    with resumed_run(folder, callbacks=callbacks, data=data) as run:
        return go(run, callbacks)


@contextmanager
def new_run(
    data: Data,
    *,
    out: str | Path | None = None,
    callbacks: Iterable[Callback] = (),
    **given: Any,
) -> Iterator[Run]:
    """Start a run: read data, make the network, write and lock the folder. `go` trains it.

    Parameters
    ----------
    data, out, callbacks, **given
        As for `train`.

    Yields
    ------
    Run
        Started; its folder is locked until the ``with`` block ends.

    Raises
    ------
    ArgumentError, BackendError, DataError, RunError
        As `train` does.
    """
    asked, callbacks = Given.of(given), Callbacks(callbacks)
    out = None if out is None else Path(out)
    in_a_folder = isinstance(data, (str, Path)) and str(data) != "digits"
    check_folder(out, Path(str(data)) if in_a_folder else None)  # before everything is read
    run = prepared(data, asked, callbacks)
    source = run.source
    name = source.name if source.kind != "digits" else "digits"
    with new_folder(out, name, source.root, callbacks.warned) as folder:
        begin(run, folder, callbacks, search=asked.searches_lr)
        yield run


@contextmanager
def resumed_run(
    folder: str | Path, *, callbacks: Iterable[Callback] = (), data: Data | None = None
) -> Iterator[Run]:
    """Resume a run from its last checkpoint. `go` trains the rest.

    Parameters
    ----------
    folder, callbacks, data
        As for `resume`.

    Yields
    ------
    Run
        In its last state; its folder is locked until the ``with`` block ends.

    Raises
    ------
    ModelFileError, RunError
        As `resume` does.
    """
    callbacks, opened = Callbacks(callbacks), open_run(Path(folder))
    folder, settings = opened.about.folder, opened.settings
    with locked(folder, callbacks.warned):
        state = read_checkpoint(folder)
        source = data_of(opened, callbacks, data)
        split = opened.split(source)
        found = Trained.of(folder / files.LAST, state.model)
        if found.classes != source.classes:
            raise RunError(
                f"{folder / files.LAST} has a model with other classes "
                f"({some_classes(found.classes)}) than the run "
                f"({some_classes(source.classes)}). Put the run's own file back."
            )
        freeze(state.model, settings.freeze)
        optimiser = optimiser_of(state.model, settings)
        run = Run(settings, source, split, found.preprocessing, state.model, optimiser, folder)
        run.notes = found.preprocessing.notes
        # Earlier versions did not keep this number. Where it matters, they could not finish an
        # epoch, so there is nothing that a resumed run would have to repeat.
        run.smallest_batch = opened.about.smallest_batch or run.model.smallest_batch
        own = run.model.smallest_batch
        if run.smallest_batch > own:
            found_there = f"smallest_batch is {run.smallest_batch}, but its network's is {own}"
            raise damaged(folder / files.RUN, found_there, "Put a whole copy back.")
        check_batches(run)
        run.take_up(state)
        yield run


def begin(run: Run, folder: Path, callbacks: Callbacks, search: bool) -> None:
    """Write a prepared run into its folder, after a `search` for its learning rate if asked for."""
    curve = search_lr(run, callbacks) if search else None
    run.begin(folder)
    if curve is not None:
        write_json(folder / files.LR_FINDER, curve.to_dict())


def copy_of(run: Run, folder: Path, settings: Settings, split: Split) -> Run:
    """Return a run with its own network, which starts from this run's current state.

    Parameters
    ----------
    run : Run
        The run to copy; not changed.
    folder : Path
        Folder of the copy.
    settings : Settings
        Settings of the copy; the network is the same.
    split : Split
        Split of the copy.

    Returns
    -------
    Run
    """
    model = from_spec(run.model.spec())
    model.build(run.model.input_shape, seed=settings.seed, dtype=run.model.store.dtype.name)
    model.load_state_dict(run.model.state_dict())
    freeze(model, settings.freeze)
    optimiser = optimiser_of(model, settings)
    copy = Run(settings, run.source, split, run.preprocessing, model, optimiser, folder)
    copy.smallest_batch = run.smallest_batch
    return copy


def data_of(opened: Opened, callbacks: Callbacks, data: Data | None) -> Source:
    """Open the data of a resumed run: `data`, or those that its ``run.json`` names."""
    return opened.data(
        data,
        moved="clearconv.train.resume({}, data=DATA)",
        call="clearconv.train.resume(folder, data=(images, labels))",
        progress=callbacks.reading,
        to_train=True,
    )
