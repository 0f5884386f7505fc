"""``clearconv predict runs/photos-1 new.jpg``: the class of new images."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from clearconv._text import printable, table
from clearconv.cli._frame import Failure, RunPath, command, count
from clearconv.cli._images import expanded

if TYPE_CHECKING:
    from clearconv.train import Prediction


@command(
    """
    clearconv predict runs/photos-1 new.jpg
    clearconv predict runs/photos-1 holiday/ --top 3
    clearconv predict runs/photos-1 *.jpg --json > classes.json
    """
)
@click.argument("run", type=RunPath())
@click.argument("images", nargs=-1, required=True, metavar="IMAGE...", type=click.Path())
@click.option(
    "--top", metavar="K", type=click.IntRange(min=1), help="List the K likeliest classes."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
@click.pass_context
def predict(
    ctx: click.Context, run: Path, images: tuple[str, ...], top: int | None, as_json: bool
) -> None:
    """Name the class of each IMAGE with the model of RUN.

    RUN is a run folder or a model file; an IMAGE may be a folder of images. An image that cannot
    be read is named, the others are predicted all the same, and the exit code is 1.
    """
    from clearconv.train import predict as name_classes

    predictions = name_classes(run, expanded(images))
    failed = [prediction for prediction in predictions if prediction.probabilities is None]
    good = [prediction for prediction in predictions if prediction.probabilities is not None]
    if as_json:
        click.echo(json.dumps([_plain(prediction, top) for prediction in predictions], indent=1))
    elif good:
        for line in _listed(good, top):
            click.echo(line)
    for prediction in failed:
        click.echo(f"Error: {printable(prediction.error)}", err=True)
    if failed:
        of = count(len(predictions), "image")
        click.echo(f"{len(failed)} of {of} could not be read", err=True)
        ctx.exit(Failure.exit_code)


def _likeliest(prediction: "Prediction", most: int) -> list[tuple[str, float]]:
    """Return classes and probabilities, the likeliest first."""
    assert prediction.probabilities is not None
    order = np.argsort(-prediction.probabilities, kind="stable")[:most]
    return [(prediction.classes[i], float(prediction.probabilities[i])) for i in order]


def _listed(predictions: list["Prediction"], top: int | None) -> list[str]:
    rows: list[tuple[str, ...]] = []
    if top is None:
        for prediction in predictions:
            (best, sure), *others = _likeliest(prediction, 2)
            second = f"{others[0][0]} {others[0][1]:.3f}" if others else "-"
            rows.append((prediction.file, best, f"{sure:.3f}", second))
        return table(("file", "class", "probability", "runner-up"), rows, right=(2,))
    for prediction in predictions:
        for place, (name, share) in enumerate(_likeliest(prediction, top)):
            rows.append((prediction.file if place == 0 else "", name, f"{share:.3f}"))
    return table(("file", "class", "probability"), rows, right=(2,))


def _plain(prediction: "Prediction", top: int | None) -> dict[str, Any]:
    """Return what ``--json`` prints for one image."""
    if prediction.probabilities is None:
        return {"file": prediction.file, "error": prediction.error}
    ranked = _likeliest(prediction, top or len(prediction.classes))
    return {
        "file": prediction.file,
        "class": ranked[0][0],
        "probability": ranked[0][1],
        "probabilities": dict(ranked),
    }
