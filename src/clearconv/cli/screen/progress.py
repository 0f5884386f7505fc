"""The progress display while images are read and a run is trained, and a line for each epoch."""

import click

from clearconv.cli.screen.bar import Bar
from clearconv.cli.screen.live import LiveEpoch, time_left
from clearconv.cli.screen.messages import warn
from clearconv.train import Callback, EpochRecord, Run
from clearconv.train.show.epoch_lines import epoch_line


class Reading(Callback):
    """Shows the progress of reading the images."""

    def __init__(self) -> None:
        self.bar = Bar()

    def reading(self, done: int, total: int) -> None:
        """Draw the bar; erase it when all is read."""
        self.bar.update("reading images", done, total)
        if done == total:
            self.bar.close()


class Training(Reading):
    """Draws where a run is, and leaves a line for each epoch.

    Attributes
    ----------
    run : Run or None
        The run, once it has started.
    """

    def __init__(self) -> None:
        super().__init__()
        self.live = LiveEpoch()
        self.run: Run | None = None

    def searching(self, done: int, total: int) -> None:
        """Draw the bar; erase it when the learning rate is found."""
        self.bar.update("looking for a learning rate", done, total)
        if done == total:
            self.bar.close()

    def preparing(self, done: int, total: int) -> None:
        """Draw the bar; erase it when all features are kept."""
        self.bar.update("running the frozen layers", done, total)
        if done == total:
            self.bar.close()

    def started(self, run: Run) -> None:
        """Erase what is drawn; the run is drawn next."""
        self.bar.close()
        self.run = run

    def step(
        self,
        epoch: int,
        step: int,
        steps: int,
        loss: float,
        accuracy: float,
        images_per_second: float,
    ) -> None:
        """Show the progress of the epoch, and the time left."""
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
        history = self.run.history  # the seconds of a finished epoch include its validation
        return left, left + (self._epochs - epoch) * (history[-1].seconds if history else whole)

    def warned(self, message: str) -> None:
        """Write the warning between the epochs."""
        self.close()
        warn(message)

    def close(self) -> None:
        """Erase what is drawn."""
        self.bar.close()
        self.live.close()

    def epoch(self, record: EpochRecord, best: bool) -> None:
        """Print one line for the epoch."""
        self.close()
        click.echo(epoch_line(record, self._epochs, best))

    @property
    def _epochs(self) -> int:
        assert self.run is not None
        return self.run.settings.epochs
