"""A run's curves for TensorBoard; an extra that needs the small package tensorboardX."""

from importlib import import_module
from pathlib import Path
from typing import Any

from clearconv.errors import ArgumentError
from clearconv.runs import files
from clearconv.runs.records.epoch import EpochRecord
from clearconv.runs.records.result import Result
from clearconv.runs.run import Run
from clearconv.train.callbacks import Callback
from clearconv.words import printable

#: Name in TensorBoard -> key of an epoch's record.
_CURVES = {
    "loss/training": "train_loss",
    "loss/validation": "validation_loss",
    "accuracy/training": "train_accuracy",
    "accuracy/validation": "validation_accuracy",
    "mean_recall/validation": "validation_mean_recall",  # under class weights
    "learning_rate": "lr",
    "images_per_second": "images_per_second",
}


class TensorBoard(Callback):
    """Writes loss, accuracy, learning rate, speed, settings and warnings as TensorBoard's events.

    Every curve is over the number of training steps. A resumed run continues in the same folder.
    To look at the curves: ``tensorboard --logdir FOLDER``.

    Parameters
    ----------
    folder : Path, optional
        Folder to write to; by default ``tensorboard`` in the run folder.

    Raises
    ------
    ArgumentError
        If tensorboardX is not installed.
    """

    def __init__(self, folder: Path | None = None) -> None:
        try:
            self._make: Any = import_module("tensorboardX").SummaryWriter
        except ImportError:
            raise ArgumentError(
                "TensorBoard's files are written by the package tensorboardX, which is not "
                "installed. Install it: pip install tensorboardX"
            ) from None
        self.folder = folder
        self._run: Run | None = None
        self._writer: Any = None
        self._step = 0

    def started(self, run: Run) -> None:
        """Remember the run."""
        self._run = run
        self.folder = self.folder or run.folder / files.TENSORBOARD

    def step(
        self,
        epoch: int,
        step: int,
        steps: int,
        loss: float,
        accuracy: float,
        images_per_second: float,
    ) -> None:
        """Write the mean loss of the epoch so far."""
        self._step = (epoch - 1) * steps + step
        self._open().add_scalar("loss/epoch_so_far", loss, self._step)

    def epoch(self, record: EpochRecord, best: bool) -> None:
        """Write the epoch's numbers."""
        for name, key in _CURVES.items():
            if key in record:
                self._open().add_scalar(name, record[key], self._step)
        self._open().flush()  # a killed run leaves its finished epochs

    def warned(self, message: str) -> None:
        """Write the warning as text."""
        self._open().add_text("warnings", printable(message), self._step)

    def finished(self, result: Result) -> None:
        """Write the test's accuracy, and close the file."""
        self._open().add_scalar("accuracy/test", result.evaluation.accuracy, self._step)
        self._writer.close()
        self._writer = None

    def _open(self) -> Any:
        """Open the file at the first step: what an unfinished run wrote after it is dropped."""
        if self._writer is None:
            purge = self._step if self._step > 1 else None
            # files are named by the second, and read in the order of their names
            self._writer = self._make(
                str(self.folder), purge_step=purge, filename_suffix=f".{self._step:012}"
            )
            if purge is None and self._run is not None:
                lines = (
                    f"    {k}: {printable(v)}" for k, v in self._run.settings.to_dict().items()
                )
                self._writer.add_text("settings", "\n".join(lines), 0)
        return self._writer
