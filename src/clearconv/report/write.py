"""The page of a run: measure, draw, fill in the template, write."""

from collections.abc import Callable, Sequence
from math import isnan
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from clearconv.data import Augmentation, Problem, by_gravity, class_problems, twin_problems
from clearconv.data.sources.source import some_classes
from clearconv.errors import RunError
from clearconv.files import write_atomically
from clearconv.pages import bars, check_replaceable, line_chart, matrix, page
from clearconv.pages.axes import fixed
from clearconv.report import pictures
from clearconv.report.abstaining import abstention
from clearconv.report.measured import Measured
from clearconv.report.reliability import probabilities
from clearconv.report.wording import Wording
from clearconv.runs import files
from clearconv.runs.given import Data
from clearconv.runs.open import Progress
from clearconv.runs.records.epoch import EpochRecord
from clearconv.runs.records.lr_curve import LrCurve
from clearconv.runs.records.plan import PlanRecord
from clearconv.runs.records.result import Result
from clearconv.train.health import doubts
from clearconv.train.show.history import curves
from clearconv.version import __version__
from clearconv.words import duration, utf8

_CALLS = Wording()


def write_report(
    folder: str | Path,
    data: Data | None = None,
    progress: Progress | None = None,
    wording: Wording = _CALLS,
    result: Result | None = None,
) -> Path:
    """Write the report of a run into its folder, as one page that needs no other file.

    Parameters
    ----------
    folder : str or Path
        The run folder. An unfinished run is judged by its validation images, as the page says.
    data : str, Path, Source, or (images, labels), optional
        Where the data are now, if they have moved; or the run's own data, opened or as arrays.
    progress : callable, optional
        Called as ``progress(done, total)`` while images are read.
    wording : Wording, optional
        How the page states the reader's next steps; by default as function calls.
    result : Result, optional
        Result that training returned, if it has just ended: the test is then not repeated.

    Returns
    -------
    Path
        ``report.html`` in the folder; an existing page of clearconv is replaced.

    Raises
    ------
    RunError, ModelFileError, DataError
        If the folder, the model or the data cannot be used, or ``report.html`` is not a page of
        clearconv. Nothing is written then.
    """
    folder = Path(folder)
    path = folder / files.REPORT
    check_replaceable(path, "report", movable=False)
    run = Measured.of(folder, data, progress, result)
    templates = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters |= {"percent": _percent, "count": _count, "signed": fixed}
    body = templates.get_template("page.html").render(_content(run, wording))
    html = page(f"{folder.name}: {run.network} on {run.source.name}", body, kind="report")
    try:
        write_atomically(path, utf8(html))
    except OSError as error:
        raise RunError(
            f"{path} cannot be written ({error.strerror or error}). Is the disk full, or the "
            "folder write-protected?"
        ) from None
    return path


def _content(run: Measured, wording: Wording) -> dict[str, Any]:
    """Return everything that the template shows."""
    said = run.judged.evaluation
    low, high = said.interval
    trained = np.bincount(run.source.labels[run.split.train], minlength=len(run.classes))
    largest = int(trained.argmax())
    confused = pictures.confusions(run)
    abstainer = run.opened.trained.abstainer
    check, examples = pictures.checked(run)
    first, shape = pictures.filters(run)
    return {
        "run": run,
        "some_classes": some_classes,
        "said": said,
        "low": low,
        "high": high,
        "largest": run.classes[largest],
        "guessing": float(np.mean(said.labels == largest)),
        "seconds": duration(sum(record.seconds for record in run.history)),
        "chosen": _chosen(run.history[run.best_epoch - 1]),
        "forecast": _forecast(PlanRecord.read(run.folder).seconds),
        "warnings": _warnings(run, wording.spell),
        "curves": _curves(run),
        "finder": _finder(run),
        "confusion": Markup(
            matrix(
                said.confusion.tolist(),
                run.classes,
                corner="rows: true class, columns: predicted class",
                links={(i, j): f"#confusion-{i}-{j}" for i, j in confused},
            )
        ),
        "confused": confused,
        "rows": _class_rows(run, trained),
        **probabilities(said, abstainer),
        "abstention": None if abstainer is None else abstention(run, abstainer),
        "mistakes": pictures.mistakes(run),
        "doubts": pictures.doubts(run),
        "filters": first,
        "filter_shape": " x ".join(map(str, shape[2:])),
        "filter_size": max(shape[2:], default=0),
        "check": check,
        "check_bars": Markup(
            bars(
                [(path, value) for path, value in check.steps if not isnan(value)],
                head=("random down to", "rank correlation"),
                whole=1.0,
            )
        ),
        "examples": examples,
        "explain": wording.explain,
        "abstain": wording.abstain,
        "command": wording.again(run.source.kind, run.settings),
        "predict": wording.predict(run.folder),
        "varied": run.settings.augmentation != Augmentation.none(),
        "settings": _settings(run),
        "versions": _versions(run),
    }


def _curves(run: Measured) -> list[Markup]:
    rates = line_chart(
        [record.epoch for record in run.history],
        {"learning rate": [record.lr for record in run.history]},
        title="Learning rate",
        x_label="epoch",
        from_zero=True,
    )
    return [Markup(chart) for chart in (*curves(run.history, run.best_epoch), rates)]


def _finder(run: Measured) -> Markup | None:
    """Draw the learning-rate finder's curve, cut off where the loss explodes."""
    found = LrCurve.read(run.folder)
    if found is None:
        return None
    smooth = np.array(found.smooth)
    first = smooth[0]
    keep = smooth <= max(1.5 * first, smooth.min() + 1.5 * (first - smooth.min()))
    lr = np.array(found.lr)[keep].tolist()
    return Markup(
        line_chart(
            lr,
            {
                "averaged": smooth[keep].tolist(),
                "each step": np.array(found.loss)[keep].tolist(),
            },
            title="Loss in the range test",
            x_label="learning rate",
            log_x=True,
            mark=(found.suggestion, f"chosen: {found.suggestion:.2g}"),
        )
    )


def _class_rows(run: Measured, trained: Any) -> list[dict[str, Any]]:
    said = run.judged.evaluation
    images = np.bincount(said.labels, minlength=len(run.classes))
    rows = []
    for place, name in enumerate(run.classes):
        precision, recall = float(said.precision[place]), float(said.recall[place])
        both = precision + recall
        # never predicted, or no images: the harmonic mean of the two is 0 or unknown
        f1 = 2 * precision * recall / both if both > 0 else 0.0 if images[place] else float("nan")
        rows.append(
            {
                "name": name,
                "trained": int(trained[place]),
                "images": int(images[place]),
                "precision": precision,
                "recall": recall,
                "f1": f1,
            }
        )
    return rows


def _warnings(run: Measured, spell: Callable[[str], str]) -> list[str]:
    """List the problems of the data and the warnings of training, the most serious first."""
    plan = PlanRecord.read(run.folder)
    noticed = [
        f"epoch {record.epoch}: {text}" for record in run.history for text in record.warnings
    ]
    twins = twin_problems(run.source, run.split)
    # messages that know their kind come first: the plan on disk repeats them as plain text
    lacking = class_problems(run.source, run.split, run.settings.keeps_twins_together)
    found = [*lacking, *run.source.problems, *run.split.problems, *twins, *plan.problems]
    found += plan.advice
    found += [*doubts(run.model), *noticed]
    texts = (
        Problem(spell(one), one.kind) if isinstance(one, Problem) else spell(one) for one in found
    )
    return by_gravity(dict.fromkeys(texts))


def _settings(run: Measured) -> list[tuple[str, str]]:
    plain = run.settings.to_dict()
    variations = plain.pop("augmentation")
    rows = [(name.replace("_", " "), _plain(value)) for name, value in plain.items()]
    return rows + [
        (f"augmentation: {name.replace('_', ' ')}", _plain(value))
        for name, value in variations.items()
    ]


def _versions(run: Measured) -> list[tuple[str, str]]:
    about = run.opened.about
    rows = [(name.replace("_", " "), text) for name, text in about.versions.items()]
    rows += [
        ("report by clearconv", __version__),
        ("data", about.data.root or about.data.name),
        ("weights sha256", run.model.store.fingerprint()),
    ]
    return rows


def _forecast(seconds: float | None) -> str:
    """Return the forecast time of training and validation, if there was one."""
    return "" if seconds is None else f"; the forecast was {duration(seconds)}"


def _chosen(record: EpochRecord) -> str:
    """State by which measure an epoch was chosen, and how."""
    name = record.measure.removeprefix("validation_").replace("_", " ")
    how = "the highest"
    if record.validation_standard_error is not None:
        how = "the latest that was not clearly below the highest"
    return f"{how} in validation {name}, {_percent(record.judged)}"


def _plain(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(_plain, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _percent(value: float) -> str:
    return "-" if isnan(value) else f"{100 * value:.1f}\N{NO-BREAK SPACE}%"


def _count(value: int) -> str:
    return f"{value:,}"
