"""The training loop: forward, loss, backward, update; validate, keep the best; test once."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from clearconv.data import (
    Augmentation,
    Batches,
    Preprocessing,
    Source,
    Split,
    channel_statistics,
    complete_split,
    open_data,
    read_split,
    twin_problems,
)
from clearconv.errors import ArgumentError, DataError, ShapeError
from clearconv.layers import Context
from clearconv.layers.model_file import load
from clearconv.losses import CrossEntropy
from clearconv.models import MODELS, create
from clearconv.ops._backend import backend, native_module, pick, set_threads
from clearconv.optim import SGD, Adam, AdamW, Optimiser, schedule
from clearconv.train import health
from clearconv.train.callbacks import Callback, Callbacks
from clearconv.train.evaluation import Evaluation, evaluate_model
from clearconv.train.run import (
    Run,
    check_unchanged,
    data_place,
    free_folder,
    read_run,
    write_json,
)
from clearconv.train.settings import Settings


@dataclass(frozen=True, eq=False)
class Result:
    """What a finished run came to.

    Attributes
    ----------
    folder : Path
        The run folder.
    best_epoch : int
        Whose model was kept, from 1.
    evaluation : Evaluation
        Of that model on the test part.
    fingerprint : str
        SHA-256 of that model's weights.
    stopped_early : bool
        Whether patience ran out.
    seconds : float
        Spent on training and validation, over all sittings.
    """

    folder: Path
    best_epoch: int
    evaluation: Evaluation
    fingerprint: str
    stopped_early: bool
    seconds: float


def train(
    data: str, *, out: Path | None = None, callbacks: Sequence[Callback] = (), **given: Any
) -> Result:
    """Train a network, keep the epoch with the best validation, and test it once.

    Parameters
    ----------
    data : str
        A folder of images or idx files, or "digits".
    out : Path, optional
        The run folder; by default the first free ``runs/NAME-N``.
    callbacks : sequence of Callback
        Told what happens.
    **given
        Attributes of ``Settings``; what is not given, or None, is the default for this kind of
        data.

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
    RunError
        If the run folder cannot be used, or the training diverges.
    """
    told = Callbacks(callbacks)
    if given.get("backend") == "native":
        pick("conv2d", "native")  # where it is not compiled, say so before images are read
    folder = free_folder(out, data)
    source = open_data(data, given.get("classes"), progress=told.reading)
    settings = Settings.for_data(source.kind, data, **given)
    if settings.split is not None:
        split = read_split(settings.split, source)
    else:
        if given.get("ratios") is not None and _is_complete(source.split):
            raise ArgumentError(
                f"{data} brings its own training, validation and test part, so ratios have no "
                "effect. Leave them out."
            )
        split = complete_split(source, settings.seed, settings.ratios)
    _check_parts(split, settings)
    split = replace(split, problems=(*split.problems, *twin_problems(source, split)))
    run = _prepare(folder, settings, source, split)
    run.begin()
    return _go(run, told)


def resume(folder: Path, *, callbacks: Sequence[Callback] = (), data: str | None = None) -> Result:
    """Go on with a run from its last finished epoch; the result is that of an unbroken run.

    Parameters
    ----------
    folder : Path
        The run folder.
    callbacks : sequence of Callback
        Told what happens.
    data : str, optional
        Where the data are now, if they moved.

    Returns
    -------
    Result

    Raises
    ------
    RunError
        If it is not a run folder, or the data are not the same.
    """
    told = Callbacks(callbacks)
    about = read_run(folder)
    settings = Settings.from_dict(about["settings"])
    place = data or data_place(folder, about)
    source = open_data(place, settings.classes, progress=told.reading)
    check_unchanged(folder, about["data"], source)
    run = _prepare(folder, settings, source, read_split(folder / "split.json", source))
    run.take_up()
    return _go(run, told)


def _is_complete(split: Split | None) -> bool:
    return split is not None and all(map(len, (split.train, split.validation, split.test)))


def _check_parts(split: Split, settings: Settings) -> None:
    """Raise now, not after hours of training, if a part that is needed has no images."""
    for name in ("train", "validation", "test"):
        if len(getattr(split, name)) == 0:
            where = f"--split {settings.split}" if settings.split else f"ratios {settings.ratios}"
            raise DataError(
                f"The {name} part has no images ({where}), but training learns from one part, "
                "chooses the best epoch by the second, and is tested on the third. Give every "
                "part a share, such as --ratios 8:1:1, and every class at least three images."
            )


def _prepare(folder: Path, settings: Settings, source: Source, split: Split) -> Run:
    """Make the model and what goes with it."""
    info = MODELS[settings.model]
    model = create(settings.model, len(source.classes), **_options(settings))
    size = info.input_shape[1:]  # photographs come in many sizes: the model says which it wants
    if source.kind != "photos" and source.size is not None:
        size = source.size
    if settings.image_size is not None:
        size = (settings.image_size, settings.image_size)
    mean, std = channel_statistics(source, split.train)
    preprocessing = Preprocessing(
        size=size,
        channels=source.channels,
        resize="crop" if source.kind == "photos" else "squash",
        mean=mean,
        std=std,
    )
    try:
        model.build((source.channels, *size), seed=settings.seed)
    except ShapeError as error:
        raise ArgumentError(
            f"{settings.model} takes images of {info.smallest} x {info.smallest} and more, not "
            f"{size[0]} x {size[1]}. Choose a larger --image-size, or another --model. ({error})"
        ) from None
    return Run(folder, settings, source, split, preprocessing, model, _optimiser(model, settings))


def _options(settings: Settings) -> dict[str, Any]:
    """Return what the model's function is told; not what it has no say in and is off anyhow."""
    chosen = {"batch_norm": settings.batch_norm, "dropout": settings.dropout}
    known = MODELS[settings.model].options
    return {k: v for k, v in chosen.items() if v is not None and (v or k in known)}


def _optimiser(model: Any, settings: Settings) -> Optimiser:
    lr, decay = settings.lr, settings.weight_decay
    if settings.optimiser == "sgd":
        return SGD(model, lr, settings.momentum, settings.nesterov, decay)
    kind = Adam if settings.optimiser == "adam" else AdamW
    return kind(model, lr, weight_decay=decay)


def _go(run: Run, told: Callbacks) -> Result:
    """Train what is left to train, then test."""
    settings = run.settings
    with ExitStack() as stack:
        if settings.backend is not None:
            stack.enter_context(backend(settings.backend))
        if settings.threads is not None and native_module() is not None:
            stack.callback(set_threads, set_threads(settings.threads))
        told.started(run)
        stopped = _out_of_patience(run)
        while run.epochs_done < settings.epochs and not stopped:
            run.history.append(_epoch(run, told))
            run.save_epoch()
            told.epoch(run.history[-1], run.best_epoch == run.epochs_done)
            for message in run.history[-1]["warnings"]:
                told.warned(message)
            stopped = _out_of_patience(run)
        model = load(run.folder / "best.safetensors")
        evaluation = evaluate_model(
            model, run.source, run.split.test, run.preprocessing, run.source.classes
        )
    result = Result(
        run.folder,
        run.best_epoch,
        evaluation,
        model.store.fingerprint(),
        stopped and run.epochs_done < settings.epochs,
        sum(record["seconds"] for record in run.history),
    )
    write_json(
        run.folder / "result.json",
        {
            "best_epoch": result.best_epoch,
            "weights_sha256": result.fingerprint,
            "seconds": result.seconds,
            "test": evaluation.to_dict(),
        },
    )
    told.finished(result)
    return result


def _epoch(run: Run, told: Callbacks) -> dict[str, Any]:
    """Run through the training part once, then validate."""
    settings, model, epoch = run.settings, run.model, run.epochs_done + 1
    batches = Batches(
        run.source,
        run.split.train,
        run.preprocessing,
        settings.batch_size,
        augmentation=Augmentation.from_dict(settings.augmentation),
        seed=settings.seed,
        epoch=epoch,
        shuffle=True,
        workers=settings.threads,
    )
    steps = len(batches)
    total = steps * settings.epochs
    factor = schedule(settings.schedule, total, round(settings.warmup * total))
    criterion = CrossEntropy(settings.label_smoothing, _class_weight(run))
    start = perf_counter()
    seen = right = 0
    losses = 0.0
    for number, batch in enumerate(batches, start=1):
        done = (epoch - 1) * steps + number - 1
        context = Context(
            training=True,
            seed=settings.seed,
            epoch=epoch,
            step=done,
            samples=tuple(batch.samples.tolist()),
        )
        logits = model.forward(batch.x, context=context)
        loss, grad = criterion(logits, batch.labels)
        place = health.Place(epoch, number, settings.lr)
        health.check_loss(model, batch.x, context, loss, place)
        model.backward(grad, input_gradient=False)
        health.check_gradients(model, place)
        lr = settings.lr * factor(done)
        run.optimiser.step(lr)
        seen += len(batch.labels)
        losses += loss * len(batch.labels)
        right += int(np.sum(logits.argmax(axis=1) == batch.labels))
        speed = seen / (perf_counter() - start)
        told.step(epoch, number, steps, losses / seen, right / seen, speed)
    trained = perf_counter() - start
    validation = evaluate_model(
        model, run.source, run.split.validation, run.preprocessing, run.source.classes
    )
    health.check_epoch(run, validation.loss, place)
    record = {
        "epoch": epoch,
        "lr": lr,
        "train_loss": losses / seen,
        "train_accuracy": right / seen,
        "validation_loss": validation.loss,
        "validation_accuracy": validation.accuracy,
        "seconds": perf_counter() - start,
        "images_per_second": seen / trained,
        "weights_sha256": model.store.fingerprint(),
    }
    health.end_of_epoch(run, record)
    return record


def _class_weight(run: Run) -> tuple[float, ...] | None:
    """Weights that let every class count alike; None unless asked for."""
    if not run.settings.class_weights:
        return None
    counts = np.bincount(run.source.labels[run.split.train], minlength=len(run.source.classes))
    return tuple((counts.sum() / (len(counts) * counts)).tolist())


def _out_of_patience(run: Run) -> bool:
    patience = run.settings.patience
    return bool(
        patience is not None and run.history and run.epochs_done - run.best_epoch >= patience
    )
