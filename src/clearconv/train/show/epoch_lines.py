"""A run as plain lines of text, one per epoch."""

from clearconv.runs.records.epoch import EpochRecord
from clearconv.runs.run import Run
from clearconv.train.callbacks import Callback


class EpochLines(Callback):
    """Prints a line for each epoch: for notebooks, scripts and logs."""

    def __init__(self) -> None:
        self._epochs = 0

    def started(self, run: Run) -> None:
        """Print the network and the run folder."""
        self._epochs = run.settings.epochs
        print(f"{run.network}; run folder {run.folder}", flush=True)
        if run.joined:
            print(run.joined, flush=True)
        for note in run.notes:
            print(note, flush=True)

    def epoch(self, record: EpochRecord, best: bool) -> None:
        """Print the epoch's line."""
        print(epoch_line(record, self._epochs, best), flush=True)

    def warned(self, message: str) -> None:
        """Print the warning."""
        print(f"Warning: {message}", flush=True)


def epoch_line(record: EpochRecord, epochs: int, best: bool) -> str:
    """Return the line for an epoch's record."""
    number, recall = str(record.epoch).rjust(len(str(epochs))), record.validation_mean_recall
    return (
        f"epoch {number}/{epochs}  loss {record.train_loss:.3f}  "
        f"train {record.train_accuracy:.3f}  "
        f"validation {record.validation_accuracy:.3f} "
        f"{'' if recall is None else f'recall {recall:.3f} '}"
        f"loss {record.validation_loss:.3f}  {record.seconds:.1f} s"
        f"{'  best' if best else ''}"
    )
