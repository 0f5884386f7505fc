"""What is printed before a run's first step: the data, the network, the folder, the forecast."""

from pathlib import Path

import click

from clearconv.cli.flags.spelling import spelled
from clearconv.cli.screen.bar import Bar
from clearconv.cli.screen.evaluation import class_names
from clearconv.cli.screen.messages import advise, notice, warn
from clearconv.data.sources.source import PARTS
from clearconv.ops.tellings import native_module
from clearconv.planning import plan_of
from clearconv.runs import files
from clearconv.runs.given import Given
from clearconv.runs.run import write_json
from clearconv.train import Run, Settings
from clearconv.words import counted, printable


def introduce(run: Run) -> None:
    """Print what will be trained, on which data, and what is wrong with the data."""
    warn(*run.source.problems, *run.split.problems)
    if run.settings.backend is None and native_module() is None:
        notice()
    classes = run.source.classes
    click.echo(
        f"{counted(len(run.source), 'image')} of {counted(len(classes), 'class', 'classes')} "
        f"({class_names(classes)})"
    )
    click.echo(_parts(run))
    click.echo(f"model {run.network}")
    if run.joined:
        click.echo(run.joined)
    if run.settings.start is not None:
        click.echo(f"started from {printable(_near(Path(run.settings.start)))}")
    for note in run.notes:
        click.echo(spelled(printable(note)))
    if before := run.model.frozen:
        trained = sum(part.stop - part.start for part, _ in run.model.store.trainable)
        click.echo(f"frozen: {_frozen(before)}; {trained:,} parameters are trained")
    if (run.folder / files.LR_FINDER).exists():
        usual = Settings.for_data(
            run.source.kind,
            run.settings.data,
            Given(optimiser=run.settings.optimiser, start=run.settings.start),
        )
        click.echo(
            f"learning rate {run.settings.lr:g}, found by a range test ({files.LR_FINDER}); "
            f"without --lr it is {usual.lr:g}"
        )
    click.echo(f"run folder {printable(run.folder)}")
    _say_where(run)


def introduce_another(run: Run) -> None:
    """Show what a further fold does not share with the first."""
    click.echo(_parts(run))
    _say_where(run)


def forecast(run: Run, read: float, bar: Bar) -> None:
    """Measure a few steps on a copy of the network, and print what to expect.

    Survey and forecast are left in ``plan.json``.

    Parameters
    ----------
    run : Run
        The run; it is not changed.
    read : float
        Number of seconds that reading its data took.
    bar : Bar
        Shows meanwhile what is being done.
    """
    bar.update("measuring a few steps", 0, 1)
    try:
        plan = plan_of(run, read)
    finally:
        bar.close()
    found, path = plan.survey, run.folder / files.PLAN
    if not path.exists():  # a resumed run keeps the forecast of the whole run
        write_json(path, plan.to_dict())
    extra = found.copies
    if extra and not found.straddling:
        are = "image is a copy" if extra == 1 else "images are copies"
        known = "those found" if found.uncompared else "copies"
        click.echo(f"{extra:,} {are} of another; {known} are kept in one part")
    advise(found.advice)
    click.echo(f"forecast {plan.forecast}")


def _parts(run: Run) -> str:
    """Return the number of images for training, validation and test, as text."""
    train, validation, test = (len(getattr(run.split, name)) for name in PARTS)
    return f"{train:,} to train, {validation:,} to validate, {test:,} to test"


def _say_where(run: Run) -> None:
    """Print how far a resumed run has come."""
    epochs, step = run.epochs_done, run.so_far.step
    if step:
        click.echo(
            f"continuing in epoch {epochs + 1} of {run.settings.epochs}, after step {step} of "
            f"{run.steps}"
        )
    elif epochs:
        click.echo(f"continuing after epoch {epochs} of {run.settings.epochs}")


def _near(path: Path) -> Path:
    """Return the path as seen from here, if it is below."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def _frozen(before: int | str) -> str:
    if isinstance(before, int):
        return f"the first {before} layers and blocks" if before > 1 else "the first layer"
    return f"all before {printable(before)}"
