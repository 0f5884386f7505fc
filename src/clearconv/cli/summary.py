"""``clearconv summary seed_cnn``: list what a model consists of."""

import re
from pathlib import Path
from typing import Any

import click
import numpy as np

from clearconv.cli.frame import command
from clearconv.cli.misspelt import unknown
from clearconv.layers import Node
from clearconv.layers.loading import load
from clearconv.models import MODELS, create


def _shape(
    ctx: click.Context, option: click.Parameter, value: str | None
) -> tuple[int, ...] | None:
    """Read ``3x224x224``."""
    if value is None:
        return None
    if not re.fullmatch(r"[1-9]\d*(x[1-9]\d*){2}", value):
        raise click.BadParameter(
            f"{value!r}; write channels, height and width of one image, such as 3x224x224."
        )
    return tuple(map(int, value.split("x")))


@command(
    """
    clearconv summary seed_cnn
    clearconv summary seed_cnn --classes 5 --batch-norm --input 3x128x128
    clearconv summary runs/photos-1
    clearconv summary lenet --stages
    """
)
@click.argument("model")
@click.option(
    "--input",
    "input_shape",
    metavar="CxHxW",
    callback=_shape,
    help="Shape of one image, if not the model's own.",
)
@click.option(
    "--classes",
    metavar="N",
    type=click.IntRange(min=1),
    help="Number of classes, if not the model's own.",
)
@click.option("--batch-norm", is_flag=True, help="Use batch normalisation.")
@click.option(
    "--dropout", metavar="P", type=click.FloatRange(0, 1), help="Use dropout with this probability."
)
@click.option("--stages", is_flag=True, help="Show also which layers run as one stage.")
def summary(
    model: str,
    input_shape: tuple[int, ...] | None,
    classes: int | None,
    batch_norm: bool,
    dropout: float | None,
    stages: bool,
) -> None:
    """List the layers of MODEL with shapes, parameters and multiply-adds.

    MODEL is the name of a bundled model, a run folder, or a .safetensors file.
    """
    given = {
        "--input": input_shape,
        "--classes": classes,
        "--batch-norm": batch_norm,
        "--dropout": dropout,
    }
    if model in MODELS:
        info = MODELS[model]
        chosen: dict[str, Any] = {"batch_norm": batch_norm or None, "dropout": dropout}
        options = {name: value for name, value in chosen.items() if value is not None}
        made: Node = create(model, classes or info.classes, **options)
        described = made.summary(input_shape or info.input_shape, stages)
        dtype = np.dtype("float32")
        click.echo(f"{model}: {info.about}\n")
    elif Path(model).exists():
        if wrong := [name for name, value in given.items() if value]:
            raise click.UsageError(f"{model} is a trained model, so {wrong[0]} is already fixed.")
        made, about = _saved(Path(model))
        described, dtype = made.summary(stages=stages), made.store.dtype
        if about:
            click.echo(f"Images: {about}\n")
    else:
        hint = " A run folder or a .safetensors file also works."
        raise click.UsageError(unknown("model", model, MODELS, hint))
    click.echo(described)
    size = described.parameters * dtype.itemsize
    click.echo(f"\nThe parameters take {size / 2**20:.2f} MiB ({dtype}).")


def _saved(path: Path) -> tuple[Node, str]:
    """Return a model, and what its preprocessing does, if it has one."""
    from clearconv.data import Preprocessing

    if path.is_dir():
        from clearconv.runs.open import open_run

        opened = open_run(path)
        return opened.model, str(opened.preprocessing)
    model = load(path)
    how = model.info.get("preprocessing")
    return model, "" if how is None else str(Preprocessing.from_dict(how))
