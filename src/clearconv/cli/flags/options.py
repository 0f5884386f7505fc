"""The options of ``clearconv train``; help shows the defaults for photographs."""

from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

import click

from clearconv.cli.flags.kinds import Option, Rate, RunPath
from clearconv.cli.flags.option import choice, setting
from clearconv.cli.flags.values import FORMS, read
from clearconv.data import Augmentation
from clearconv.exchange.pretrained.catalogue import WEIGHTS
from clearconv.models import MODELS
from clearconv.models.registry import taking
from clearconv.ops.tellings import BACKENDS
from clearconv.optim import SCHEDULES
from clearconv.runs.settings import OPTIMISERS, RESIZES

Function = TypeVar("Function", bound=Callable[..., Any])
Decorator = Callable[[Function], Function]

DATA = "Data and result"
_VARIATIONS = tuple(item.name for item in fields(Augmentation))
_BATCH_NORM = taking("batch_norm")
_POSITIVE = click.IntRange(min=1)
_SHARE = click.FloatRange(0, 1)


_MODEL = "Model"
_TRAINING = "Training"
_AUGMENTATION = "Random variations of the training images"
_MACHINE = "Machine"

_RUN: tuple[Decorator[Any], ...] = (
    click.option(
        "--out",
        cls=Option,
        heading=DATA,
        metavar="RUN",
        type=click.Path(path_type=Path),
        help="Run folder to write.  [runs/NAME-1, -2, ...]",
    ),
    click.option(
        "--resume",
        cls=Option,
        heading=DATA,
        metavar="[RUN]",
        is_flag=False,
        flag_value="",
        help="Continue an interrupted run, given here or by --out.",
    ),
    click.option(
        "--tensorboard",
        cls=Option,
        heading=DATA,
        is_flag=True,
        help="Also write curves for TensorBoard, into RUN/tensorboard.",
    ),
    click.option(
        "--folds",
        cls=Option,
        heading=DATA,
        metavar="K",
        type=int,
        help="Cross-validate: test on each of K parts in turn, with a run for each.",
    ),
)

_OPTIONS: tuple[Decorator[Any], ...] = (
    setting(
        DATA,
        "--classes",
        metavar="A,B,...",
        callback=read,
        help="Use only these classes, in this order; as in CSV, quotes keep a comma: '\"a, b\",c'.",
        default="all",
    ),
    setting(
        DATA,
        "--ratios",
        metavar="A:B:C",
        callback=read,
        help="Shares of training, validation and test images.",
        default="8:1:1",
    ),
    setting(
        DATA,
        "--split",
        type=click.Path(exists=True, dir_okay=False),
        help="JSON file with lists named train, validation and test.",
        default="",
    ),
    setting(
        DATA,
        "--allow-twins-apart/--no-allow-twins-apart",
        help="Split as if no image were a copy of another; the test also measures memory.",
    ),
    choice(_MODEL, "--model", MODELS, "Network"),
    setting(
        _MODEL,
        "--from",
        "start",
        metavar="RUN|FILE|NAME",
        type=RunPath(tuple(WEIGHTS)),
        help="Start from an earlier model: a run folder, a model file, weights (.pth, "
        ".safetensors) of a network that --model lists, or the name of pretrained weights that "
        "`clearconv weights` lists.",
        default="",
    ),
    setting(
        _MODEL,
        "--freeze",
        metavar="N|NAME",
        callback=read,
        help="Keep that model's first N layers and blocks as they are, or all before NAME.",
        default="none",
    ),
    setting(
        _MODEL,
        "--batch-norm/--no-batch-norm",
        help=f"Normalise after each convolution, if the model has it: {', '.join(_BATCH_NORM)}.",
    ),
    setting(
        _MODEL,
        "--dropout",
        metavar="P",
        type=_SHARE,
        help="Share of features dropped; `clearconv models` lists which models drop any.",
        default="the model's own",
    ),
    choice(
        _MODEL,
        "--resize",
        RESIZES,
        "Show the middle of a wide or tall image, all of it out of proportion, or all with bars",
        default="crop",
    ),
    setting(
        _MODEL,
        "--image-size",
        metavar="PIXELS",
        type=_POSITIVE,
        help="Height and width that the network sees.",
        default="the model's own",
    ),
    setting(
        _TRAINING,
        "--epochs",
        metavar="N",
        type=_POSITIVE,
        help="Number of epochs.",
    ),
    setting(_TRAINING, "--batch-size", metavar="N", type=_POSITIVE, help="Batch size."),
    choice(_TRAINING, "--optimiser", OPTIMISERS, "Optimiser"),
    setting(
        _TRAINING,
        "--lr",
        type=Rate(min=0, min_open=True),
        metavar="RATE",
        help="Learning rate; auto finds one before the run.",
    ),
    setting(_TRAINING, "--momentum", type=_SHARE, metavar="SHARE", help="Momentum of sgd."),
    setting(_TRAINING, "--nesterov/--no-nesterov", help="Nesterov momentum for sgd."),
    setting(
        _TRAINING,
        "--weight-decay",
        type=click.FloatRange(min=0),
        metavar="RATE",
        help="Weight decay; biases and normalisation do not decay.",
    ),
    choice(_TRAINING, "--schedule", SCHEDULES, "Learning rate schedule"),
    setting(
        _TRAINING,
        "--warmup",
        type=_SHARE,
        metavar="SHARE",
        help="Share of the run in which the learning rate rises.",
    ),
    setting(
        _TRAINING,
        "--label-smoothing",
        type=_SHARE,
        metavar="SHARE",
        help="Label smoothing: share of the target spread over all classes.",
    ),
    setting(
        _TRAINING,
        "--class-weights/--no-class-weights",
        help="Weight the classes so that rare ones count as much as others.",
    ),
    setting(
        _TRAINING,
        "--patience",
        metavar="EPOCHS",
        type=_POSITIVE,
        help="Number of epochs without a higher validation accuracy after which to stop.",
    ),
    setting(
        _TRAINING,
        "--seed",
        metavar="N",
        type=int,
        help="Seed of all random numbers: the same seed gives the same model.",
    ),
    setting(
        _AUGMENTATION,
        "--flip/--no-flip",
        help="Random horizontal flips.",
    ),
    setting(
        _AUGMENTATION,
        "--vertical-flip/--no-vertical-flip",
        help="Random vertical flips.",
    ),
    setting(
        _AUGMENTATION,
        "--crop",
        metavar="SCALE",
        type=click.FloatRange(0, 1, min_open=True),
        help="Smallest share of the area that a random crop shows; 1 turns it off.",
    ),
    setting(
        _AUGMENTATION,
        "--rotate",
        metavar="DEGREES",
        type=click.FloatRange(0, 180),
        help="Largest rotation, in either direction.",
    ),
    setting(
        _AUGMENTATION,
        "--brightness",
        metavar="SHARE",
        type=_SHARE,
        help="Largest change in brightness.",
    ),
    setting(
        _AUGMENTATION,
        "--contrast",
        metavar="SHARE",
        type=_SHARE,
        help="Largest change in contrast.",
    ),
    setting(
        _AUGMENTATION,
        "--colour",
        metavar="SHARE",
        type=_SHARE,
        help="Largest change in saturation.",
    ),
    click.option(
        "--no-augmentation",
        cls=Option,
        heading=_AUGMENTATION,
        is_flag=True,
        help="Use no variations except those given here.",
    ),
    setting(
        _MACHINE,
        "--save-every",
        metavar="SECONDS",
        type=click.FloatRange(min=0),
        help="Seconds between checkpoints within an epoch (0: after every step).",
    ),
    choice(_MACHINE, "--backend", BACKENDS, "Telling that computes", default="native, if compiled"),
    setting(
        _MACHINE,
        "--threads",
        metavar="N",
        type=_POSITIVE,
        help="Number of threads for the compiled kernels and the image decoder.",
        default="all cores",
    ),
)


def settings(function: Function) -> Function:
    """Give a command all options that determine a run."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def of_train(function: Function) -> Function:
    """Give a command the options of ``clearconv train``: those of a run, and its settings."""
    function = settings(function)
    for option in reversed(_RUN):
        function = option(function)
    return function


#: The options of ``clearconv train``.
TRAIN: Sequence[click.Parameter] = click.command()(of_train(lambda **given: None)).params


def variations(given: dict[str, Any], none: bool) -> dict[str, Any]:
    """Take the augmentation out of the options, in the form of `Augmentation`.

    Parameters
    ----------
    given : dict
        All options; those of the augmentation are removed.
    none : bool
        Whether to start from no augmentation instead of the default for the data.
    """
    chosen = {name: given.pop(name) for name in _VARIATIONS}
    wanted = {
        name: FORMS[name].read(value) if name in FORMS else value
        for name, value in chosen.items()
        if value is not None
    }
    return {**(Augmentation.none().to_dict() if none else {}), **wanted}
