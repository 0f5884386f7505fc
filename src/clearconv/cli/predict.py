"""``clearconv predict runs/photos-1 new.jpg``: predict the class of new images."""

import csv
import json
import sys
from collections.abc import Iterable, Iterator
from io import StringIO
from pathlib import Path
from textwrap import indent
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from clearconv.cli.flags.images import expanded
from clearconv.cli.flags.kinds import RunPath
from clearconv.cli.flags.spelling import spelled
from clearconv.cli.frame import Failure, command
from clearconv.cli.screen.bar import Bar
from clearconv.cli.screen.messages import complain, remark
from clearconv.words import counted, table

if TYPE_CHECKING:
    from clearconv.train import Prediction


@command(
    """
    clearconv predict runs/photos-1 new.jpg
    clearconv predict runs/photos-1 holiday/ --top 3
    clearconv predict runs/photos-1 *.jpg --json > classes.json
    clearconv predict runs/photos-1 holiday/ --csv > classes.csv
    """
)
@click.argument("run", type=RunPath())
@click.argument("images", nargs=-1, required=True, metavar="IMAGE...", type=click.Path())
@click.option(
    "--top", metavar="K", type=click.IntRange(min=1), help="List the K most probable classes."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV with a column for each class.")
@click.pass_context
def predict(
    ctx: click.Context,
    run: Path,
    images: tuple[str, ...],
    top: int | None,
    as_json: bool,
    as_csv: bool,
) -> None:
    """Predict the class of each IMAGE with the model of RUN.

    RUN is a run folder or a model file; an IMAGE may be a folder of images. An image that cannot
    be read is reported, the others are predicted nevertheless, and the exit code is 1. In CSV its
    row holds only the file.
    """
    from clearconv.runs.open import open_run
    from clearconv.train import predictions

    if as_csv and (as_json or top is not None):
        other = "--json" if as_json else "--top"
        raise click.UsageError(f"--csv and {other} cannot go together. Leave one of them out.", ctx)
    paths = expanded(images)
    opened = open_run(run)
    remark(opened.preprocessing.notes)
    failed: list[str] = []
    found = _watched(predictions(opened, paths), len(paths), failed, as_json or as_csv)
    for text in _json(found, top) if as_json else _csv(found) if as_csv else _table(found, top):
        click.echo(text, nl=False)
    complain(failed)
    if failed:
        of = counted(len(paths), "image")
        click.echo(f"{len(failed)} of {of} could not be read", err=True)
        ctx.exit(Failure.exit_code)


def _watched(
    predictions: Iterator["Prediction"], total: int, failed: list[str], streamed: bool
) -> Iterator["Prediction"]:
    """Draw a bar, unless the terminal shows what is `streamed`; collect errors in `failed`."""
    bar = Bar()
    shown = not (streamed and sys.stdout.isatty())
    try:
        for done, prediction in enumerate(predictions, start=1):
            if prediction.error is not None:
                failed.append(prediction.error)
            if shown:
                bar.update("predicting", done, total)
            yield prediction
    finally:
        bar.close()


def _json(predictions: Iterable["Prediction"], top: int | None) -> Iterator[str]:
    """Yield a list as ``json.dumps(..., indent=1)`` would write it, one entry at a time."""
    before = "["
    for prediction in predictions:
        text = json.dumps(_plain(prediction, top), indent=1, allow_nan=False)
        yield f"{before}\n{indent(text, ' ')}"
        before = ","
    yield "\n]\n"


def _csv(predictions: Iterable["Prediction"]) -> Iterator[bytes]:
    """Yield the lines of a table as in RFC 4180; file names keep their bytes."""
    for number, prediction in enumerate(predictions):
        text = StringIO()
        writer = csv.writer(text)
        if number == 0:
            writer.writerow(["file", "class", "probability", *prediction.classes])
        if prediction.probabilities is None:
            writer.writerow([prediction.file, *[""] * (2 + len(prediction.classes))])
        else:
            shares = prediction.probabilities.tolist()
            writer.writerow([prediction.file, *prediction.best, *shares])
        yield text.getvalue().encode("utf-8", "surrogateescape")


def _table(predictions: Iterable["Prediction"], top: int | None) -> Iterator[str]:
    """Yield the lines of a table for a person."""
    if top is None:
        head: tuple[str, ...] = ("file", "class", "probability", "runner-up")
    else:
        head = ("file", "class", "probability")
    good = (each for each in predictions if each.probabilities is not None)
    rows = [row for each in good for row in _rows(each, top)]
    if rows:
        yield from (f"{line}\n" for line in table(head, rows, right=(2,)))


def _rows(prediction: "Prediction", top: int | None) -> list[tuple[str, ...]]:
    if top is None:
        (best, sure), *others = _likeliest(prediction, 2)
        second = f"{others[0][0]} {others[0][1]:.3f}" if others else "-"
        return [(prediction.file, best, f"{sure:.3f}", second)]
    return [
        (prediction.file if place == 0 else "", name, f"{share:.3f}")
        for place, (name, share) in enumerate(_likeliest(prediction, top))
    ]


def _likeliest(prediction: "Prediction", most: int) -> list[tuple[str, float]]:
    """Return classes and probabilities, the most probable first."""
    assert prediction.probabilities is not None
    order = np.argsort(-prediction.probabilities, kind="stable")[:most]
    return [(prediction.classes[i], float(prediction.probabilities[i])) for i in order]


def _plain(prediction: "Prediction", top: int | None) -> dict[str, Any]:
    """Return what ``--json`` prints for one image."""
    if prediction.probabilities is None:
        return {"file": prediction.file, "error": spelled(str(prediction.error))}
    ranked = _likeliest(prediction, top or len(prediction.classes))
    return {
        "file": prediction.file,
        "class": ranked[0][0],
        "probability": ranked[0][1],
        "probabilities": dict(ranked),
    }
