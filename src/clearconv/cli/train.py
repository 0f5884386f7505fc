"""``clearconv train photos/``: a folder of images in, a tested classifier out."""

import signal
from pathlib import Path
from typing import Any

import click
import numpy as np
from click.core import ParameterSource

from clearconv.cli.flags.options import of_train, variations
from clearconv.cli.frame import Stopped, Terminated, command
from clearconv.cli.screen.ahead import Ahead
from clearconv.cli.screen.folds import Folds
from clearconv.cli.screen.progress import Training, quoted
from clearconv.runs import files
from clearconv.train import (
    Callback,
    CrossValidation,
    Interrupted,
    Result,
    cross_validate,
    resume_folds,
)
from clearconv.train import resume as resume_run
from clearconv.train import train as start_run

#: What a resumed run may be told: where it lies and where its data are now.
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
    split. The latest epoch whose validation is not clearly below the best is kept.

    Defaults in brackets are those for photographs.
    """
    if resume is not None:
        folder, data = _resumed(ctx, data, out, resume)
        several = (folder / files.FOLDS).exists()
    elif data is not None:
        given["augmentation"] = variations(given, no_augmentation)
        several = folds is not None
    else:
        raise click.UsageError("Which data? Give a folder of images, or the word digits.")
    progress = Folds() if several else Training()
    told: list[Callback] = [progress] if several else [progress, Ahead()]
    if tensorboard:
        from clearconv.train.show.tensorboard import TensorBoard

        told.append(TensorBoard())
    try:
        # A loss that is not finite is an error of its own; NumPy's remarks would only precede it.
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            found: Result | CrossValidation
            if resume is not None:
                go_on = resume_folds if several else resume_run
                found = go_on(folder, callbacks=told, data=data)
            else:
                assert data is not None
                if folds is not None:
                    found = cross_validate(data, folds=folds, out=out, callbacks=told, **given)
                else:
                    found = start_run(data, out=out, callbacks=told, **given)
        if isinstance(progress, Folds) and isinstance(found, CrossValidation):
            progress.conclude(found)
    except KeyboardInterrupt as error:
        ended = isinstance(error, Interrupted) and error.number == signal.SIGTERM
        raise (Terminated if ended else Stopped)(_how_to_go_on(progress)) from None
    finally:
        progress.close()


def _run_meant(out: Path | None, resume: str) -> str:
    return quoted(out) if out is not None else quoted(resume) if resume else "RUN"


def _resumed(
    ctx: click.Context, data: str | None, out: Path | None, resume: str
) -> tuple[Path, str | None]:
    """Return the run folder and where its data are now, if that was said."""
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
            raise click.UsageError(f"Which run? --out says {out}, --resume says {resume}.", ctx)
        return out, resume  # --out RUN --resume DATA
    folder = out if out is not None else Path(resume) if resume else None
    if folder is None:
        raise click.UsageError("Which run? Write --resume RUN, or --out RUN --resume.", ctx)
    if not folder.is_dir():
        raise click.UsageError(f"{folder} does not exist, so there is no run to resume.", ctx)
    return folder, data


def _how_to_go_on(progress: Training) -> str:
    run = progress.run
    if run is None:
        return "Stopped before training began."
    epochs, step = run.saved
    if step:
        where = f"in epoch {epochs + 1} of {run.settings.epochs}, after step {step} of {run.steps}"
    else:
        where = f"after epoch {epochs} of {run.settings.epochs}" if epochs else "before step 1"
    return (
        f"Stopped {where}; all of it is saved. To go on: clearconv train --resume "
        f"{quoted(progress.folder)}"
    )
