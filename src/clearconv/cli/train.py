"""``clearconv train photos/``: a folder of images in, a tested classifier out."""

import signal
from contextlib import AbstractContextManager
from pathlib import Path
from time import perf_counter
from typing import Any

import click
import numpy as np
from click.core import ParameterSource

from clearconv.cli.flags.options import of_train, variations
from clearconv.cli.flags.spelling import quoted
from clearconv.cli.flags.starting import open_start
from clearconv.cli.frame import Stopped, Terminated, command
from clearconv.cli.screen.introduction import forecast, introduce, introduce_another
from clearconv.cli.screen.progress import Training
from clearconv.runs import files
from clearconv.train import (
    Callback,
    Folds,
    Interrupted,
    Result,
    Run,
    Stop,
    TensorBoard,
    go,
    new_folds,
    new_run,
    resumed_folds,
    resumed_run,
)
from clearconv.words import printable

#: Options for a resumed run: where it is and where its data are now.
_ALLOWED_WITH_RESUME = ("data", "out", "resume", "tensorboard")


@command(
    """
    clearconv train photos/
    clearconv train photos/ --classes dog,panda,bird --epochs 60
    clearconv train digits --out runs/first
    clearconv train --resume runs/first
    """
)
@click.argument("data", required=False)
@of_train
@click.pass_context
def train(
    ctx: click.Context,
    /,
    data: str | None,
    out: Path | None,
    resume: str | None,
    tensorboard: bool,
    folds: int | None,
    no_augmentation: bool,
    **given: Any,
) -> None:
    """Train a classifier on DATA and test it once.

    DATA is a folder with one sub-folder of images per class, a folder of idx files such as MNIST's,
    or the word digits. It is split into training, validation and test images unless it brings a
    split. The latest epoch whose validation accuracy is not clearly below the best is kept.

    The defaults in brackets are those for photographs.
    """
    progress = Training()
    heard: list[Callback] = [progress, *([TensorBoard()] if tensorboard else [])]
    opened: AbstractContextManager[Run] | AbstractContextManager[Folds]
    if resume is not None:
        folder, data = _resumed(ctx, data, out, resume)
        several = (folder / files.FOLDS).exists()
        take_up = resumed_folds if several else resumed_run
        opened = take_up(folder, callbacks=heard, data=data)
    elif data is not None:
        given["augmentation"] = variations(given, no_augmentation)
        open_start(given)
        several = folds is not None
        if folds is not None:
            given["folds"] = folds
        begin = new_folds if several else new_run
        opened = begin(data, out=out, callbacks=heard, **given)
    else:
        raise click.UsageError("DATA is missing. Give a folder of images, or the word digits.")
    start = perf_counter()
    try:
        # A loss that is not finite is an error of its own; NumPy's warnings would only precede it.
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"), opened as begun:
            if isinstance(begun, Run):
                _train_run(begun, progress, heard, start)
            else:
                _train_folds(begun, progress, heard, start)
    except KeyboardInterrupt as error:
        ended = isinstance(error, Interrupted) and error.number == signal.SIGTERM
        raise (Terminated if ended else Stopped)(_how_to_go_on(progress.run, several)) from None
    finally:
        progress.close()


def _train_run(run: Run, progress: Training, heard: list[Callback], start: float) -> None:
    """Train a started run and test it; `start` is when reading its data started."""
    # late, but before hours of training: the report imports what draws it
    from clearconv.cli.screen.outcome import conclude, show_test
    from clearconv.cli.screen.page import write_page

    progress.started(run)
    with Stop():
        introduce(run)
        if run.epochs_done < run.settings.epochs:
            forecast(run, perf_counter() - start, progress.bar)
    result = go(run, heard)
    show_test(run, result)
    page = write_page(run, result, progress.bar)
    conclude(run, result, page)


def _train_folds(folds: Folds, progress: Training, heard: list[Callback], start: float) -> None:
    """Train and test the run of each fold, then show their tests as one."""
    from clearconv.cli.screen.outcome import conclude_fold, conclude_folds
    from clearconv.cli.screen.page import write_page

    results: list[Result] = []
    foreseen = False
    for folder in folds.folders:
        with folds.run(folder, heard) as run:
            first = progress.run is None
            progress.started(run)
            with Stop():
                click.echo(f"{'' if first else chr(10)}{printable(folder.name)}")
                (introduce if first else introduce_another)(run)
                if not foreseen and run.epochs_done < run.settings.epochs:
                    forecast(run, perf_counter() - start, progress.bar)
                    click.echo("each fold takes that long")
                    foreseen = True
            results.append(go(run, heard))
            page = run.folder / files.REPORT
            there = printable(page) if page.exists() else write_page(run, results[-1], progress.bar)
            conclude_fold(results[-1], there)
    conclude_folds(run, folds.conclude(results))


def _run_meant(out: Path | None, resume: str) -> str:
    return quoted(out) if out is not None else quoted(resume) if resume else "RUN"


def _resumed(
    ctx: click.Context, data: str | None, out: Path | None, resume: str
) -> tuple[Path, str | None]:
    """Return the run folder and where its data are now, if given."""
    changed = [
        option.opts[0]
        for option in ctx.command.params
        if option.name is not None
        and option.name not in _ALLOWED_WITH_RESUME
        and ctx.get_parameter_source(option.name) is ParameterSource.COMMANDLINE
    ]
    if changed:
        raise click.UsageError(
            f"{', '.join(changed)} cannot go with --resume: a resumed run keeps its settings, so "
            "that it ends as if it had never stopped. Leave them out; or begin a new run with the "
            f"model of that one: clearconv train DATA --from {_run_meant(out, resume)}.",
            ctx,
        )
    if out is not None and resume and Path(resume) != out:
        if data is not None:
            raise click.UsageError(f"Two different runs: --out {out}, --resume {resume}.", ctx)
        return out, resume  # --out RUN --resume DATA
    folder = out if out is not None else Path(resume) if resume else None
    if folder is None:
        raise click.UsageError("A run is missing. Give --resume RUN, or --out RUN --resume.", ctx)
    if not folder.is_dir():
        raise click.UsageError(f"{folder} does not exist, so there is no run to resume.", ctx)
    return folder, data


def _how_to_go_on(run: Run | None, several: bool) -> str:
    if run is None:
        return "Stopped before training began."
    epochs, step = run.saved
    if step:
        where = f"in epoch {epochs + 1} of {run.settings.epochs}, after step {step} of {run.steps}"
    else:
        where = f"after epoch {epochs} of {run.settings.epochs}" if epochs else "before step 1"
    folder = quoted(run.folder.parent if several else run.folder)
    return f"Stopped {where}; everything is saved. To continue: clearconv train --resume {folder}"
