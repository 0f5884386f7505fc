"""How a run begins, and how it goes on: data, split, model and folder, before the first step."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from clearconv.data import (
    Preprocessing,
    Problem,
    Source,
    Split,
    channel_statistics,
    class_problems,
    complete_split,
    open_data,
    read_split,
    side_for,
    twin_problems,
    unusable,
)
from clearconv.data.images.decode import CACHE_SIDE
from clearconv.data.sources.source import composed
from clearconv.errors import ArgumentError, DataError, RunError, ShapeError
from clearconv.layers import Node, from_spec
from clearconv.models import MODELS, create, default_for
from clearconv.ops.tellings import pick
from clearconv.optim import SGD, Adam, AdamW, Optimiser
from clearconv.runs.checkpoint import LAST, read_checkpoint
from clearconv.runs.earlier import Earlier, freeze
from clearconv.runs.folder import check_folder, new_folder
from clearconv.runs.given import Data, in_memory
from clearconv.runs.lock import locked
from clearconv.runs.run import (
    Run,
    check_unchanged,
    data_place,
    read_run,
    read_settings,
    write_json,
)
from clearconv.runs.settings import OWN, Settings
from clearconv.runs.use import model_data
from clearconv.train.callbacks import Callback, Callbacks
from clearconv.train.loop import Result, go, search_lr
from clearconv.train.lr_finder import LR_FINDER


def train(
    data: Data,
    *,
    out: str | Path | None = None,
    callbacks: Sequence[Callback] = (),
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
        Told what happens.
    **given
        Attributes of ``Settings``; what is not given, or None, is the default for this kind of
        data. `model` may be a network of one's own: one that is built starts from its weights.
        `lr` may be "auto": a range test looks for one (``find_lr``), before the run begins.

    Returns
    -------
    Result

    Raises
    ------
    ArgumentError
        If a setting is not possible.
    BackendError
        If the native telling is wanted and not compiled.
    DataError
        If the data cannot be used.
    Interrupted
        After Ctrl-C or SIGTERM; the run is saved where it stands.
    RunError
        If the run folder cannot be used, or the training diverges.
    """
    told = Callbacks(callbacks)
    out = None if out is None else Path(out)
    in_a_folder = isinstance(data, (str, Path)) and str(data) != "digits"
    check_folder(out, Path(str(data)) if in_a_folder else None)  # before all is read
    run = prepare(data, callbacks=callbacks, **given)
    source = run.source
    name = source.name if source.kind != "digits" else "digits"
    with new_folder(out, name, source.root, told.warned) as folder:
        run.folder = folder
        curve = search_lr(run, told) if given.get("lr") == "auto" else None
        run.begin()
        if curve is not None:
            write_json(folder / LR_FINDER, curve.to_dict())
        return go(run, told)


def prepare(
    data: Data, *, callbacks: Sequence[Callback] = (), whole: bool = True, **given: Any
) -> Run:
    """Return the run that `train` would begin; nothing is written.

    Parameters
    ----------
    data, **given
        As for `train`.
    callbacks : sequence of Callback
        Told how far reading is.
    whole : bool
        Whether a split that nothing can be trained with is an error. If not, it is a problem of the
        split, of the kind "unusable".

    Returns
    -------
    Run
        Without a folder of its own.

    Raises
    ------
    ArgumentError, BackendError, DataError
        As `train` does.
    """
    told = Callbacks(callbacks)
    if given.get("backend") == "native":
        pick("conv2d", "native")  # where it is not compiled, say so before images are read
    if given.get("lr") == "auto":
        del given["lr"]  # it is looked for when the run begins
    earlier = None if given.get("start") is None else Earlier.open(given["start"])
    if earlier is not None:
        given |= earlier.settled(given)
    own = given.get("model")
    if isinstance(own, Node):
        given["model"] = OWN
        given["freeze"] = given.get("freeze") or own.frozen
        from_spec(own.spec())  # a layer that no checkpoint could bring back is refused now
    else:
        own = None
    source = _opened(data, given.get("classes"), told, _side(given, own, earlier))
    settings = Settings.for_data(source.kind, _name(data, source), **given)
    if settings.split is not None:
        split = read_split(settings.split, source)
    else:
        for name in ("ratios", "allow_twins_apart"):
            if given.get(name) is not None and _is_complete(source.split):
                raise ArgumentError(
                    f"{settings.data} brings its own training, validation and test part, so "
                    f"{name} has no effect. Leave it out."
                )
        split = complete_split(source, settings.seed, settings.ratios, settings.allow_twins_apart)
    split = replace(split, problems=_problems(source, split, settings, whole))
    if earlier is not None:
        own, preprocessing = earlier.begin(source.classes, settings.image_size, settings.seed)
        preprocessing = replace(preprocessing, resize=settings.resize or preprocessing.resize)
        for doubt in earlier.doubts(source, split.test):
            told.warned(doubt)
    else:
        own = own or _made(settings, source)
        preprocessing = _preprocessing(settings, source, split, own)
    _build(own, settings, source, preprocessing)
    freeze(own, settings.freeze)
    run = Run(Path(), settings, source, split, preprocessing, own, optimiser_of(own, settings))
    run.smallest_batch = own.smallest_batch
    _check_batches(run)
    return run


def copy_of(run: Run, folder: Path, settings: Settings, split: Split) -> Run:
    """Return a run with a network of its own, which begins as this one stands.

    Parameters
    ----------
    run : Run
        Is not changed.
    folder : Path
        Of the copy.
    settings : Settings
        Of the copy; the network is the same.
    split : Split
        Of the copy.

    Returns
    -------
    Run
    """
    model = from_spec(run.model.spec())
    model.build(run.model.input_shape, seed=settings.seed, dtype=run.model.store.dtype.name)
    model.load_state_dict(run.model.state_dict())
    freeze(model, settings.freeze)
    optimiser = optimiser_of(model, settings)
    copy = Run(folder, settings, run.source, split, run.preprocessing, model, optimiser)
    copy.smallest_batch = run.smallest_batch
    return copy


def resume(
    folder: str | Path, *, callbacks: Sequence[Callback] = (), data: Data | None = None
) -> Result:
    """Go on with a run from its last checkpoint; the result is that of an unbroken run.

    Parameters
    ----------
    folder : str or Path
        The run folder.
    callbacks : sequence of Callback
        Told what happens.
    data : str, Path, Source, or (images, labels), optional
        The data, if they moved, or were arrays.

    Returns
    -------
    Result

    Raises
    ------
    Interrupted
        After Ctrl-C or SIGTERM; the run is saved where it stands.
    ModelFileError
        If the best model's file is damaged, or a layer is not registered.
    RunError
        If it is not a run folder, another process is training there, the checkpoint is damaged,
        or the data are not the same.
    """
    told, folder = Callbacks(callbacks), Path(folder)
    about = read_run(folder)
    with locked(folder, told.warned):
        state = read_checkpoint(folder)
        settings = read_settings(folder, about)
        source = source_of(folder, about, told, data)
        check_unchanged(folder, about["data"], source)
        split = read_split(folder / "split.json", source)
        classes, preprocessing = model_data(folder / LAST, state.model)
        if classes != source.classes:
            raise RunError(
                f"{folder / LAST} is of a model of other classes ({', '.join(classes)}) than the "
                f"run's ({', '.join(source.classes)}). Put the run's own file back."
            )
        freeze(state.model, settings.freeze)
        optimiser = optimiser_of(state.model, settings)
        run = Run(folder, settings, source, split, preprocessing, state.model, optimiser)
        # An earlier version kept no such number. Where it matters, that version could not finish
        # an epoch, so there is nothing that a resumed run would have to repeat.
        run.smallest_batch = about.get("smallest_batch", run.model.smallest_batch)
        _check_batches(run)
        run.take_up(state)
        return go(run, told)


def opened(data: Data, told: Callbacks, given: Mapping[str, Any]) -> Source:
    """Open the data for a run of these settings, for which `prepare` takes what it returns."""
    earlier = None if given.get("start") is None else Earlier.open(given["start"])
    own = given.get("model")
    side = _side(given, own if isinstance(own, Node) else None, earlier)
    return _opened(data, given.get("classes"), told, side)


def source_of(folder: Path, about: dict[str, Any], told: Callbacks, data: Data | None) -> Source:
    """Open the data of the run in a folder: `data`, or those that its ``run.json`` names."""
    place = data
    if place is None:
        call = "clearconv.train.resume(folder, data=(images, labels))"
        place = data_place(folder, about, "train --resume", call)
    classes = read_settings(folder, about).classes
    return _opened(place, classes, told, about["data"].get("side", CACHE_SIDE))


def _side(given: Mapping[str, Any], own: Node | None, earlier: Earlier | None) -> int:
    """Return the side at which photographs are kept, for the input that the network will have."""
    square, name = given.get("image_size"), given.get("model") or default_for("photos")
    shape: tuple[int, ...] = own.input_shape if own else ()
    if isinstance(square, int):
        shape = (3, square, square)
    elif earlier is not None:
        shape = (3, *earlier.preprocessing.size)
    elif name in MODELS:
        shape = MODELS[name].input_shape
    return side_for((shape[1], shape[2])) if len(shape) == 3 else CACHE_SIDE


def _opened(data: Data, classes: Sequence[str] | None, told: Callbacks, side: int | None) -> Source:
    """Open what is not open yet."""
    source = in_memory(data)
    if source is None:
        assert isinstance(data, str | Path)
        return open_data(data, classes, progress=told.reading, cache_side=side)
    if classes is not None and tuple(map(composed, classes)) != source.classes:
        raise ArgumentError(
            f"classes={tuple(classes)}, but the data were opened with {', '.join(source.classes)}. "
            "Choose classes where the data are opened: clearconv.data.open_data(folder, classes)."
        )
    return source


def _name(data: Data, source: Source) -> str:
    """Return what the settings call the data."""
    if isinstance(data, (str, Path)):
        return str(data)
    return source.name if source.root is None else str(source.root)


def _is_complete(split: Split | None) -> bool:
    return split is not None and all(map(len, (split.train, split.validation, split.test)))


def _problems(source: Source, split: Split, settings: Settings, whole: bool) -> tuple[str, ...]:
    """Return what is wrong with a split; raise if nothing can be trained with it and `whole`."""
    where = f"ratios {settings.ratios}" if source.split is None else "the split of the data"
    if settings.split is not None:
        where = f"--split {settings.split}"
    if wrong := unusable(source, split, where, settings.keeps_twins_together):
        if whole:
            raise DataError(wrong)
        return Problem(wrong, "unusable"), *split.problems, *twin_problems(source, split)
    lacking = class_problems(source, split, settings.keeps_twins_together)
    return *lacking, *split.problems, *twin_problems(source, split)


def _check_batches(run: Run) -> None:
    """Raise now, not after an epoch, if there are batches that batch norm could not normalise."""
    least = run.smallest_batch
    if least <= run.settings.batch_size:
        return
    layer = next(leaf for leaf in run.model.leaves() if leaf.smallest_batch >= least)
    raise ArgumentError(
        f"batch_size={run.settings.batch_size}, but {layer.label} gets one number of each channel "
        "from an image, and one number has no variance to normalise with. Choose a batch size of "
        f"at least {least}, larger images, or a network without batch norm."
    )


def _made(settings: Settings, source: Source) -> Node:
    """Make the bundled model that the settings name.

    Its function is not told what it has no say in and is off anyhow.
    """
    options = {"batch_norm": settings.batch_norm, "dropout": settings.dropout}
    known = MODELS[settings.model].options
    chosen = {k: v for k, v in options.items() if v is not None and (v or k in known)}
    return create(settings.model, len(source.classes), **chosen)


def _preprocessing(settings: Settings, source: Source, split: Split, model: Node) -> Preprocessing:
    """Choose the size that the network sees, and measure what its numbers are scaled by."""
    size: tuple[int, ...] = model.input_shape[1:]  # of one that is built
    if not size:
        if settings.model in MODELS:
            size = MODELS[settings.model].input_shape[1:]
            if source.kind == "photos":
                size = (small_input(source, settings.model) or size[0],) * 2
        if source.size is not None and (source.kind != "photos" or not size):
            size = source.size
        if settings.image_size is not None:
            size = (settings.image_size, settings.image_size)
    if len(size) != 2:
        raise ArgumentError(
            "The images have several sizes, so the network must say which it wants: give "
            "image_size=128, or build it first: model.build((3, 128, 128))."
        )
    mean, std = channel_statistics(source, split.train)
    return Preprocessing(
        size=(size[0], size[1]),
        channels=source.channels,
        resize=settings.resize or ("crop" if source.kind == "photos" else "squash"),
        mean=mean,
        std=std,
    )


def small_input(source: Source, model: str) -> int | None:
    """Return the input that suits small photographs; None where the model's own does.

    To enlarge photographs of 32 pixels to 128 takes several times as long and shows nothing new. So
    where nine in ten have at most half of the pixels of the model's input on their shorter side, it
    is the next multiple of 32 that holds these.

    Parameters
    ----------
    source : Source
        Photographs.
    model : str
        A name in ``MODELS``.

    Returns
    -------
    int or None
        Pixels of the height and width.
    """
    own = MODELS[model].input_shape[1]
    most = int(np.quantile(source.sizes.min(axis=1), 0.9, method="higher"))
    size = -(-max(most, MODELS[model].smallest) // 32) * 32
    return size if 2 * most <= own and size < own else None


def _build(model: Node, settings: Settings, source: Source, preprocessing: Preprocessing) -> None:
    """Build the model unless it is, and check that it takes these images and tells the classes."""
    shape = (preprocessing.channels, *preprocessing.size)
    if not model.input_shape:
        try:
            model.build(shape, seed=settings.seed)
        except ShapeError as error:
            height, width = preprocessing.size
            takes = "The model cannot take images of"
            if settings.model in MODELS:
                least = MODELS[settings.model].smallest
                takes = f"{settings.model} takes images of {least} x {least} and more, not"
            raise ArgumentError(
                f"{takes} {height} x {width}. Choose a larger --image-size, or another --model. "
                f"({error})"
            ) from None
    _ = model.store  # a part of another model is refused here
    square = settings.image_size
    if model.input_shape != shape or (square is not None and shape[1:] != (square, square)):
        raise ArgumentError(
            f"The model is built for inputs of shape {model.input_shape}, but the images give "
            f"{shape if square is None else (shape[0], square, square)}. Build it for that "
            "shape, or hand it over before it is built."
        )
    if model.output_shape != (len(source.classes),):
        raise ArgumentError(
            f"The model's output has shape {model.output_shape}, but the data have "
            f"{len(source.classes)} classes. Let it end in Linear({len(source.classes)})."
        )


def optimiser_of(model: Node, settings: Settings) -> Optimiser:
    """Make the optimiser that a run's settings ask for, without a memory of steps."""
    lr, decay = settings.lr, settings.weight_decay
    if settings.optimiser == "sgd":
        return SGD(model, lr, settings.momentum, settings.nesterov, decay)
    kind = Adam if settings.optimiser == "adam" else AdamW
    return kind(model, lr, weight_decay=decay)
