"""The options of ``clearconv train`` that determine a run; help shows photographs' defaults."""

import re
from collections.abc import Callable, Iterable
from dataclasses import fields
from typing import Any, TypeVar

import click

from clearconv.cli.frame import Option, RunPath, unknown
from clearconv.data import Augmentation
from clearconv.models import MODELS, default_for
from clearconv.models.registry import taking
from clearconv.ops.tellings import BACKENDS
from clearconv.optim import SCHEDULES
from clearconv.runs.settings import DEFAULTS, OPTIMISERS, RESIZES
from clearconv.train import Settings

Function = TypeVar("Function", bound=Callable[..., Any])
Decorator = Callable[[Function], Function]

DATA = "Data and result"
_FLIP = 0.5  # both ways equally often
_VARIATIONS = tuple(item.name for item in fields(Augmentation))
#: A class in a list of classes: as in CSV, a quote within quotes stands twice.
_NAME = re.compile(r'\s*"((?:[^"]|"")*)"\s*,|([^,]*),')
_BATCH_NORM = taking("batch_norm")
_POSITIVE = click.IntRange(min=1)
_SHARE = click.FloatRange(0, 1)


def _setting(heading: str, *names: str, help: str, default: str | None = None, **kind: Any) -> Any:
    """Make an option for a setting; the help says what photographs get by default."""
    field = names[0].lstrip("-").partition("/")[0].replace("-", "_")
    shown = default if default is not None else _standard(field, "/--no-" in names[0])
    text = f"{help}  [{shown}]" if shown else help
    return click.option(*names, cls=Option, heading=heading, help=text, default=None, **kind)


class _Words(click.Choice[str]):
    """A few possible words; a wrong one is answered with the likeliest."""

    def get_invalid_choice_message(self, value: object, ctx: click.Context | None) -> str:
        return unknown("choice", str(value), self.choices)


class _Rate(click.FloatRange):
    """A learning rate, or the word auto."""

    def convert(self, value: Any, param: Any, ctx: click.Context | None) -> Any:
        return value if value == "auto" else super().convert(value, param, ctx)


def _choice(heading: str, name: str, known: Iterable[str], help: str, **kind: Any) -> Any:
    """Make an option with a few possible words, which the help lists."""
    words = tuple(known)
    text = f"{help}: {', '.join(words)}."
    return _setting(heading, name, metavar="NAME", type=_Words(words), help=text, **kind)


def _standard(field: str, yes_or_no: bool) -> str:
    """Return the default for photographs, as a command line would give it."""
    plain = {item.name: item.default for item in fields(Settings)}
    photos = {**plain, "model": default_for("photos"), **DEFAULTS["photos"]}
    value = {**photos, **photos["augmentation"]}[field]
    if yes_or_no:
        return "yes" if value else "no"
    if field == "crop":
        value = value[0] if value else 1
    return "off" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _names(ctx: click.Context, option: click.Parameter, value: str | None) -> Any:
    """Split ``dog,panda,bird``; a name in double quotes keeps its commas and blanks."""
    if value is None:
        return None
    found = _NAME.finditer(value + ",")
    names = tuple(
        plain.strip() if plain is not None else quoted.replace('""', '"')
        for quoted, plain in (match.groups() for match in found)
    )
    if not all(names):
        raise click.BadParameter(f"{value!r} has an empty name; write --classes dog,panda,bird.")
    return names


def _number_or_name(ctx: click.Context, option: click.Parameter, value: str | None) -> Any:
    """Tell ``3`` from ``layer3``."""
    return int(value) if value is not None and value.isdecimal() else value


def _ratios(ctx: click.Context, option: click.Parameter, value: str | None) -> Any:
    """Split ``8:1:1``."""
    if value is None:
        return None
    if not re.fullmatch(r"\d+:\d+:\d+", value):
        raise click.BadParameter(f"{value!r}; write three whole numbers such as 8:1:1.")
    return tuple(map(int, value.split(":")))


_MODEL = "Model"
_TRAINING = "Training"
_AUGMENTATION = "Random variations of the training images"
_MACHINE = "Machine"

_OPTIONS: tuple[Decorator[Any], ...] = (
    _setting(
        DATA,
        "--classes",
        metavar="A,B,...",
        callback=_names,
        help="Use these classes only, in this order; as in CSV, quotes keep a comma: '\"a, b\",c'.",
        default="all",
    ),
    _setting(
        DATA,
        "--ratios",
        metavar="A:B:C",
        callback=_ratios,
        help="Shares of training, validation and test images.",
        default="8:1:1",
    ),
    _setting(
        DATA,
        "--split",
        type=click.Path(exists=True, dir_okay=False),
        help="JSON file with the lists train, validation and test.",
        default="",
    ),
    _setting(
        DATA,
        "--allow-twins-apart/--no-allow-twins-apart",
        help="Split as if no image were a copy of another; the test then measures memory, too.",
    ),
    _choice(_MODEL, "--model", MODELS, "Which network"),
    _setting(
        _MODEL,
        "--from",
        "start",
        metavar="RUN",
        type=RunPath(),
        help="Begin with an earlier model: a run folder or a model file.",
        default="",
    ),
    _setting(
        _MODEL,
        "--freeze",
        metavar="N|NAME",
        callback=_number_or_name,
        help="Of that model keep the first N layers and blocks as they are, or all before NAME.",
        default="none",
    ),
    _setting(
        _MODEL,
        "--batch-norm/--no-batch-norm",
        help=f"Normalise after each convolution, where that is a choice: {', '.join(_BATCH_NORM)}.",
    ),
    _setting(
        _MODEL,
        "--dropout",
        metavar="P",
        type=_SHARE,
        help="Share of features dropped; `clearconv models` lists which models drop any.",
        default="the model's own",
    ),
    _choice(
        _MODEL,
        "--resize",
        RESIZES,
        "Of a wide or tall image show the middle, or all of it out of proportion",
        default="crop",
    ),
    _setting(
        _MODEL,
        "--image-size",
        metavar="PIXELS",
        type=_POSITIVE,
        help="Height and width that the network sees.",
        default="the model's own",
    ),
    _setting(
        _TRAINING,
        "--epochs",
        metavar="N",
        type=_POSITIVE,
        help="Times through the training images.",
    ),
    _setting(_TRAINING, "--batch-size", metavar="N", type=_POSITIVE, help="Images in a step."),
    _choice(_TRAINING, "--optimiser", OPTIMISERS, "Optimiser"),
    _setting(
        _TRAINING,
        "--lr",
        type=_Rate(min=0, min_open=True),
        metavar="RATE",
        help="Learning rate; auto looks for one before the run.",
    ),
    _setting(_TRAINING, "--momentum", type=_SHARE, metavar="SHARE", help="Momentum, of sgd."),
    _setting(_TRAINING, "--nesterov/--no-nesterov", help="Nesterov's momentum, of sgd."),
    _setting(
        _TRAINING,
        "--weight-decay",
        type=click.FloatRange(min=0),
        metavar="RATE",
        help="Weight decay; biases and normalisation do not decay.",
    ),
    _choice(_TRAINING, "--schedule", SCHEDULES, "Schedule of the learning rate"),
    _setting(
        _TRAINING,
        "--warmup",
        type=_SHARE,
        metavar="SHARE",
        help="Share of the run in which the learning rate rises.",
    ),
    _setting(
        _TRAINING,
        "--label-smoothing",
        type=_SHARE,
        metavar="SHARE",
        help="Label smoothing: share of the target spread over all classes.",
    ),
    _setting(
        _TRAINING,
        "--class-weights/--no-class-weights",
        help="Let rare classes count as much as others.",
    ),
    _setting(
        _TRAINING,
        "--patience",
        metavar="EPOCHS",
        type=_POSITIVE,
        help="Stop after this number of epochs without a higher validation accuracy.",
    ),
    _setting(
        _TRAINING,
        "--seed",
        metavar="N",
        type=int,
        help="Names all random numbers: the same seed gives the same model.",
    ),
    _setting(
        _AUGMENTATION,
        "--flip/--no-flip",
        help="Exchange left and right.",
    ),
    _setting(
        _AUGMENTATION,
        "--vertical-flip/--no-vertical-flip",
        help="Exchange top and bottom.",
    ),
    _setting(
        _AUGMENTATION,
        "--crop",
        metavar="SCALE",
        type=click.FloatRange(0, 1, min_open=True),
        help="Smallest share of the area that a random crop shows; 1 is off.",
    ),
    _setting(
        _AUGMENTATION,
        "--rotate",
        metavar="DEGREES",
        type=click.FloatRange(0, 180),
        help="Largest turn, either way.",
    ),
    _setting(
        _AUGMENTATION,
        "--brightness",
        metavar="SHARE",
        type=_SHARE,
        help="Largest change of brightness.",
    ),
    _setting(
        _AUGMENTATION,
        "--contrast",
        metavar="SHARE",
        type=_SHARE,
        help="Largest change of contrast.",
    ),
    _setting(
        _AUGMENTATION,
        "--colour",
        metavar="SHARE",
        type=_SHARE,
        help="Largest change of saturation.",
    ),
    click.option(
        "--no-augmentation",
        cls=Option,
        heading=_AUGMENTATION,
        is_flag=True,
        help="None but those asked for here.",
    ),
    _setting(
        _MACHINE,
        "--save-every",
        metavar="SECONDS",
        type=click.FloatRange(min=0),
        help="Seconds between checkpoints within an epoch; 0 saves after every step.",
    ),
    _choice(
        _MACHINE, "--backend", BACKENDS, "Compute in one telling", default="native, where compiled"
    ),
    _setting(
        _MACHINE,
        "--threads",
        metavar="N",
        type=_POSITIVE,
        help="Of the compiled kernels, and of the image decoder.",
        default="all cores",
    ),
)


def settings(function: Function) -> Function:
    """Give a command all options that determine a run."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def variations(given: dict[str, Any], none: bool) -> dict[str, Any]:
    """Take the augmentation's part out of the options, as `Augmentation` has it.

    Parameters
    ----------
    given : dict
        All options; those of the augmentation are removed.
    none : bool
        Whether to begin with no augmentation instead of the default for the data.
    """
    chosen = {name: given.pop(name) for name in _VARIATIONS}
    wanted = {name: value for name, value in chosen.items() if value is not None}
    for name in ("flip", "vertical_flip"):
        if name in wanted:
            wanted[name] = _FLIP if wanted[name] else 0.0
    if "crop" in wanted:
        wanted["crop"] = [wanted["crop"], 1.0] if wanted["crop"] < 1 else None
    return {**(Augmentation.none().to_dict() if none else {}), **wanted}
