"""The preparation of a run: data, settings, split and network; nothing is written."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from clearconv.data import (
    Problem,
    Source,
    Split,
    class_problems,
    complete_split,
    open_data,
    read_split,
    side_for,
    twin_problems,
    unusable,
)
from clearconv.data.images.decode import CACHE_SIDE
from clearconv.data.sources.source import composed, some_classes
from clearconv.errors import ArgumentError, DataError
from clearconv.layers import Node, from_spec
from clearconv.models import MODELS, default_for
from clearconv.ops.tellings import pick
from clearconv.runs.earlier import Earlier, freeze
from clearconv.runs.given import Data, Given, in_memory
from clearconv.runs.run import Run
from clearconv.runs.settings import OWN, Settings
from clearconv.train.callbacks import Callback, Callbacks
from clearconv.train.network import build, made, optimiser_of, preprocessing_for
from clearconv.train.transfer.recipe import with_recipe


def prepare(
    data: Data, *, callbacks: Iterable[Callback] = (), whole: bool = True, **given: Any
) -> Run:
    """Return the run that `train` would start; nothing is written.

    Parameters
    ----------
    data, **given
        As for `train`.
    callbacks, whole
        As for `prepared`.

    Returns
    -------
    Run
        Run without a folder.

    Raises
    ------
    ArgumentError, BackendError, DataError
        As `train` does.
    """
    return prepared(data, Given.of(given), callbacks, whole)


def prepared(
    data: Data, given: Given, callbacks: Iterable[Callback] = (), whole: bool = True
) -> Run:
    """Return the run that `train` would start; nothing is written.

    Parameters
    ----------
    data : str, Path, Source, or (images, labels)
        As for `train`.
    given : Given
        The settings asked for.
    callbacks : sequence of Callback
        Informed of the progress of reading.
    whole : bool
        Whether a split that leaves nothing to train with is an error. If not, it is a problem of
        the split, of the kind "unusable".

    Returns
    -------
    Run
        Run without a folder.

    Raises
    ------
    ArgumentError, BackendError, DataError
        As `train` does.
    """
    callbacks = Callbacks(callbacks)
    if given.backend == "native":
        pick("conv2d", "native")  # if it is not compiled, say so before images are read
    if given.searches_lr:
        given = replace(given, lr=None)
    earlier = earlier_of(given)
    if earlier is not None:
        given = earlier.settled(given)
    network = given.model
    if isinstance(network, Node):
        given = replace(given, model=OWN, freeze=given.freeze or network.frozen)
        from_spec(
            network.spec()
        )  # a layer that could not be loaded from a checkpoint is refused now
    else:
        network = None
    side = _side(given, network, earlier)
    source = opened(data, given.classes, callbacks, side)
    if earlier is not None:
        given = with_recipe(given, earlier, source)
    settings = Settings.for_data(source.kind, _name(data, source), given)
    split = _split(source, settings, given, whole)
    if earlier is not None:
        network, known = earlier.begin(source.classes, settings.image_size, settings.seed)
        preprocessing = replace(
            known or preprocessing_for(settings, source, split, network),
            side=source.side,
            definition=source.definition,
        )
        preprocessing = replace(preprocessing, resize=settings.resize or preprocessing.resize)
        for doubt in earlier.doubts(source, split.test):
            callbacks.warned(doubt)
    else:
        known = None
        network = network or made(settings, source)
        preprocessing = preprocessing_for(settings, source, split, network)
    build(network, settings, source, preprocessing)
    freeze(network, settings.freeze)
    optimiser = optimiser_of(network, settings)
    notes = () if earlier is None else earlier.remarks(source.classes)
    if known is not None and known.definition != preprocessing.definition:
        notes = (
            *notes,
            f"pixels by definition {preprocessing.definition}; the earlier model saw definition "
            f"{known.definition}",
        )
    run = Run(settings, source, split, preprocessing, network, optimiser, notes=notes)
    run.smallest_batch = network.smallest_batch
    check_batches(run)
    return run


def earlier_of(given: Given) -> Earlier | None:
    """Return the trained model to start from, if one is given."""
    if given.start is None or isinstance(given.start, Earlier):
        return given.start
    return Earlier.open(str(given.start))


def opened_for(data: Data, callbacks: Callbacks, given: Given) -> Source:
    """Open the data for a run with these settings; `prepared` takes the result."""
    network = given.model if isinstance(given.model, Node) else None
    return opened(data, given.classes, callbacks, _side(given, network, earlier_of(given)))


def opened(
    data: Data, classes: Sequence[str] | None, callbacks: Callbacks, side: int | None
) -> Source:
    """Open the data unless they are open."""
    source = in_memory(data)
    if source is None:
        assert isinstance(data, str | Path)
        return open_data(data, classes, progress=callbacks.reading, cache_side=side)
    if classes is not None and tuple(map(composed, classes)) != source.classes:
        raise ArgumentError(
            f"classes={tuple(classes)}, but the data were opened with "
            f"{some_classes(source.classes)}. "
            "Choose the classes when opening the data: clearconv.data.open_data(folder, classes)."
        )
    return source


def _side(given: Given, network: Node | None, earlier: Earlier | None) -> int:
    """Return the side to which photographs are reduced, for the network's future input."""
    square, name = given.image_size, given.model or default_for("photos")
    shape: tuple[int, ...] = network.input_shape if network else ()
    if isinstance(square, int):
        shape = (3, square, square)
    elif earlier is not None:
        shape = earlier.input_shape
    elif isinstance(name, str) and name in MODELS:
        shape = MODELS[name].input_shape
    return side_for((shape[1], shape[2])) if len(shape) == 3 else CACHE_SIDE


def _name(data: Data, source: Source) -> str:
    """Return the name of the data in the settings."""
    if isinstance(data, (str, Path)):
        return str(data)
    return source.name if source.root is None else str(source.root)


def _split(source: Source, settings: Settings, given: Given, whole: bool) -> Split:
    """Return the parts for training, validation and test, and their problems."""
    if settings.split is not None:
        split = read_split(settings.split, source)
    else:
        for name in ("ratios", "allow_twins_apart"):
            if getattr(given, name) is not None and _is_complete(source.split):
                raise ArgumentError(
                    f"{settings.data} brings its own training, validation and test part, so "
                    f"`{name}` has no effect. Leave it out."
                )
        split = complete_split(source, settings.seed, settings.ratios, settings.allow_twins_apart)
    return replace(split, problems=_problems(source, split, settings, whole))


def _is_complete(split: Split | None) -> bool:
    return split is not None and all(map(len, (split.train, split.validation, split.test)))


def _problems(source: Source, split: Split, settings: Settings, whole: bool) -> tuple[str, ...]:
    """Return the problems of a split; raise if it leaves nothing to train with and `whole`."""
    where = f"ratios {settings.ratios}" if source.split is None else "the split of the data"
    if settings.split is not None:
        where = f"`split={settings.split!r}`"
    if wrong := unusable(source, split, where, settings.keeps_twins_together):
        if whole:
            raise DataError(wrong)
        return Problem(wrong, "unusable"), *split.problems, *twin_problems(source, split)
    lacking = class_problems(source, split, settings.keeps_twins_together)
    return *lacking, *split.problems, *twin_problems(source, split)


def check_batches(run: Run) -> None:
    """Raise now, not after an epoch, if batch norm could not normalise some of the batches."""
    least = run.smallest_batch
    if least <= run.settings.batch_size:
        return
    layer = next(leaf for leaf in run.model.leaves() if leaf.smallest_batch >= least)
    raise ArgumentError(
        f"`batch_size={run.settings.batch_size}`, but {layer.label} gets one number of each "
        "channel from an image, and one number has no variance to normalise with. Choose a batch "
        f"size of at least {least}, larger images, or a network without batch norm."
    )
