"""What a person sees of a run: bars and warnings on standard error, lines on standard output."""

import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from clearconv.cli.frame import count
from clearconv.cli.screen.evaluation import accuracy, class_names, report, sureness
from clearconv.cli.screen.live import LiveEpoch, time_left
from clearconv.cli.screen.messages import notice, warn
from clearconv.data import usual_folds
from clearconv.data.sources.source import PARTS
from clearconv.errors import ClearconvError
from clearconv.ops.tellings import native_module
from clearconv.runs import files
from clearconv.runs.best import highest_epoch
from clearconv.train import Callback, Result, Run, Settings
from clearconv.train.show.epoch_lines import epoch_line
from clearconv.words import printable

if TYPE_CHECKING:
    from rich.progress import Progress


class Bar:
    """One progress bar at a time, erased when it ends; nothing where nobody watches.

    It is closed before anything else is printed, so it needs no hold on the output streams.
    """

    def __init__(self) -> None:
        self._progress: Progress | None = None
        self._about: str | None = None

    def update(self, about: str, done: int, total: int, note: str = "") -> None:
        """Draw the bar `about` something, `done` of `total`."""
        if not sys.stderr.isatty():
            return
        if self._progress is None or about != self._about:
            self.close()
            self._progress = self._open(about, total)
            self._about = about
        task = self._progress.task_ids[0]
        self._progress.update(task, completed=done, total=total, note=note)

    def close(self) -> None:
        """Erase the bar."""
        if self._progress is not None:
            self._progress.stop()
        self._progress = None

    @staticmethod
    def _open(about: str, total: int) -> "Progress":
        from rich.console import Console
        from rich.markup import escape
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[note]}"),
            console=Console(file=sys.stderr),
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        progress.add_task(escape(about), total=total, note="")
        with suppress(RuntimeError):  # no thread to be had: it is drawn, but seldom moves
            progress.start()
        return progress


class Reading(Callback):
    """Shows how far reading the images is."""

    def __init__(self) -> None:
        self.bar = Bar()

    def reading(self, done: int, total: int) -> None:
        """Draw the bar; erase it when all is read."""
        self.bar.update("reading images", done, total)
        if done == total:
            self.bar.close()


class Training(Reading):
    """Shows a whole run.

    Attributes
    ----------
    run : Run or None
        Known once the data are read.
    """

    def __init__(self) -> None:
        super().__init__()
        self.live = LiveEpoch()
        self.run: Run | None = None

    @property
    def folder(self) -> Path | None:
        """Return what to resume."""
        return None if self.run is None else self.run.folder

    def searching(self, done: int, total: int) -> None:
        """Draw the bar; erase it when the learning rate is found."""
        self.bar.update("looking for a learning rate", done, total)
        if done == total:
            self.bar.close()

    def started(self, run: Run) -> None:
        """Say what will be trained, on what, and what is wrong with the data."""
        self.bar.close()
        self.run = run
        warn(*run.source.problems, *run.split.problems)
        if run.settings.backend is None and native_module() is None:
            notice()
        classes = run.source.classes
        click.echo(
            f"{count(len(run.source), 'image')} of {count(len(classes), 'class', 'classes')} "
            f"({class_names(classes)})"
        )
        click.echo(parts(run))
        click.echo(f"model {run.network}")
        if run.joined:
            click.echo(run.joined)
        if run.settings.start is not None:
            click.echo(f"begun with {printable(_near(Path(run.settings.start)))}")
        if before := run.model.frozen:
            trained = sum(part.stop - part.start for part, _ in run.model.store.trainable)
            click.echo(f"frozen: {_frozen(before)}; {trained:,} parameters are trained")
        if (run.folder / files.LR_FINDER).exists():
            usual = Settings.for_data(
                run.source.kind,
                run.settings.data,
                optimiser=run.settings.optimiser,
                start=run.settings.start,
            )
            click.echo(
                f"learning rate {run.settings.lr:g}, found by a range test ({files.LR_FINDER}); "
                f"without --lr it is {usual.lr:g}"
            )
        click.echo(f"run folder {printable(run.folder)}")
        self._going_on(run)

    def _going_on(self, run: Run) -> None:
        """Say where a run is that has begun before."""
        epochs, step = run.epochs_done, run.so_far.step
        if step:
            click.echo(
                f"going on in epoch {epochs + 1} of {run.settings.epochs}, after step {step} of "
                f"{run.steps}"
            )
        elif epochs:
            click.echo(f"going on after epoch {epochs} of {run.settings.epochs}")

    def step(
        self,
        epoch: int,
        step: int,
        steps: int,
        loss: float,
        accuracy: float,
        images_per_second: float,
    ) -> None:
        """Show where the epoch is, and when all will be done."""
        notes = [f"loss {loss:.3f}", f"accuracy {accuracy:.3f}"]
        notes.append(f"{images_per_second:,.0f} images/s")
        if step == steps:
            notes.append("validating")
        else:
            left, in_all = self._forecast(epoch, step, steps, images_per_second)
            notes.append(f"left: epoch {time_left(left)}, run {time_left(in_all)}")
        self.live.update(f"epoch {epoch}/{self._epochs}", step, steps, notes)

    def _forecast(self, epoch: int, step: int, steps: int, speed: float) -> tuple[float, float]:
        """Return the seconds left of the epoch, and of the run unless it stops early."""
        assert self.run is not None
        whole = len(self.run.split.train) / speed
        left = whole * (steps - step) / steps
        history = self.run.history  # an epoch that is done has its validation in it
        return left, left + (self._epochs - epoch) * (history[-1]["seconds"] if history else whole)

    def warned(self, message: str) -> None:
        """Write it between the epochs."""
        self.close()
        warn(message)

    def close(self) -> None:
        """Erase what is drawn."""
        self.bar.close()
        self.live.close()

    def epoch(self, record: dict[str, Any], best: bool) -> None:
        """Leave one line for the epoch."""
        self.close()
        click.echo(epoch_line(record, self._epochs, best))

    def finished(self, result: Result) -> None:
        """Report the test."""
        assert self.run is not None
        settings, folder = self.run.settings, printable(result.folder)
        if result.stopped_early:
            waited = count(settings.patience or 0, "epoch")
            click.echo(f"stopped early: no better validation for {waited}")
        kept = f"the best epoch, {result.best_epoch}"
        if result.best_epoch != highest_epoch(self.run.history):
            kept = f"epoch {result.best_epoch}, the latest that is not clearly below the best"
        if settings.class_weights:
            kept += ", by the mean recall of the validation images"
        click.echo(f"\nTest with {kept}\n")
        full_list = f"all are in {printable(result.folder / files.RESULT)}"
        for line in report(result.evaluation, full_list):
            click.echo(line)
        page = self._report(result)
        name = quoted(result.folder)
        click.echo(
            f"\nrun folder      {folder}\n"
            f"report          {page}\n"
            f"weights sha256  {result.fingerprint}\n"
            f"training took   {_duration(result.seconds)}\n\n"
            f"new images      clearconv predict {name} IMAGE...\n"
            f"test again      clearconv evaluate {name}\n"
        )
        folds = usual_folds(self.run.source) if settings.split is None else 0
        remedy = f"--folds {folds} tests on every image" if folds else "test on more images"
        for line in sureness(result.evaluation, remedy):
            click.echo(line)
        click.echo(accuracy(result.evaluation))

    def _report(self, result: Result) -> str:
        """Write the page; what goes wrong with it costs nobody the model."""
        from clearconv.cli.screen.page import COMMANDS
        from clearconv.report import write_report

        assert self.run is not None
        self.bar.update("writing the report", 0, 1)
        try:
            path = write_report(result.folder, self.run.source, wording=COMMANDS)
        except ClearconvError as error:
            self.bar.close()
            again = f"clearconv report {quoted(result.folder)}"
            warn(f"there is no report: {error} To try again: {again}")
            return "-"
        self.bar.close()
        return printable(path)

    @property
    def _epochs(self) -> int:
        assert self.run is not None
        return self.run.settings.epochs


def parts(run: Run) -> str:
    """Say how many images train, validate and test."""
    train, validation, test = (len(getattr(run.split, name)) for name in PARTS)
    return f"{train:,} to train, {validation:,} to validate, {test:,} to test"


def _near(path: Path) -> Path:
    """Return the path as seen from here, if it is below."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def _frozen(before: int | str) -> str:
    if isinstance(before, int):
        return f"the first {before} layers and blocks" if before > 1 else "the first layer"
    return f"all before {printable(before)}"


def quoted(path: object) -> str:
    """Quote a path for the shell."""
    from shlex import quote

    return quote(printable(path))


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{seconds:.1f} s"
