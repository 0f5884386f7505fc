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
    clearconv predict runs/photos-1 holiday/ --abstain
    """
)
@click.argument("run", type=RunPath())
@click.argument("images", nargs=-1, required=True, metavar="IMAGE...", type=click.Path())
@click.option(
    "--top", metavar="K", type=click.IntRange(min=1), help="List the K most probable classes."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV with a column for each class.")
@click.option(
    "--abstain",
    is_flag=True,
    help="Give no answer where the model is unsure, or the image unlike those it was trained on.",
)
@click.pass_context
def predict(
    ctx: click.Context,
    run: Path,
    images: tuple[str, ...],
    top: int | None,
    as_json: bool,
    as_csv: bool,
    abstain: bool,
) -> None:
    """Predict the class of each IMAGE with the model of RUN.

    RUN is a run folder or a model file; an IMAGE may be a folder of images. An image that cannot
    be read is reported, the others are predicted nevertheless, and the exit code is 1. In CSV its
    row holds only the file. With --abstain probabilities are calibrated, and an image that gets no
    answer has no class but the reason why.
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
    found = _watched(
        predictions(opened, paths, abstain=abstain), len(paths), failed, as_json or as_csv
    )
    if as_json:
        texts: Iterator[str | bytes] = _json(found, top, abstain)
    else:
        texts = _csv(found, abstain) if as_csv else _table(found, top)
    for text in texts:
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


def _json(predictions: Iterable["Prediction"], top: int | None, abstain: bool) -> Iterator[str]:
    """Yield a list as ``json.dumps(..., indent=1)`` would write it, one entry at a time."""
    before = "["
    for prediction in predictions:
        text = json.dumps(_plain(prediction, top, abstain), indent=1, allow_nan=False)
        yield f"{before}\n{indent(text, ' ')}"
        before = ","
    yield "\n]\n"


def _csv(predictions: Iterable["Prediction"], abstain: bool) -> Iterator[bytes]:
    """Yield the lines of a table as in RFC 4180; file names keep their bytes."""
    for number, prediction in enumerate(predictions):
        text = StringIO()
        writer = csv.writer(text)
        if number == 0:
            why = ["refused"] if abstain else []
            writer.writerow(["file", "class", "probability", *why, *prediction.classes])
        if prediction.probabilities is None:
            columns = 2 + abstain + len(prediction.classes)
            writer.writerow([prediction.file, *[""] * columns])
        else:
            why = [prediction.refused or ""] if abstain else []
            best = [prediction.answer or "", prediction.best[1]]
            shares = prediction.probabilities.tolist()
            writer.writerow([prediction.file, *best, *why, *shares])
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
    if prediction.refused is not None:
        best, sure = prediction.best
        said = (prediction.file, f"({prediction.refused})", "-")
        return [(*said, f"{best} {sure:.3f}") if top is None else said]
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


def _plain(prediction: "Prediction", top: int | None, abstain: bool) -> dict[str, Any]:
    """Return what ``--json`` prints for one image."""
    if prediction.probabilities is None:
        return {"file": prediction.file, "error": spelled(str(prediction.error))}
    ranked = _likeliest(prediction, top or len(prediction.classes))
    return {
        "file": prediction.file,
        "class": prediction.answer,
        "probability": ranked[0][1],
        **({"refused": prediction.refused} if abstain else {}),
        "probabilities": dict(ranked),
    }
