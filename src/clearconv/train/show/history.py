"""The results of a run's epochs, to look at and to work with."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from html import escape
from pathlib import Path
from typing import Any

from clearconv.layers import Node
from clearconv.layers.loading import load
from clearconv.pages import fragment, line_chart
from clearconv.runs import files
from clearconv.runs.records.epoch import EpochRecord, read_history
from clearconv.runs.records.result import Result

#: Columns of the printed table: heading, key of a record, width, format.
_COLUMNS = (
    ("epoch", "epoch", 5, "d"),
    ("train loss", "train_loss", 10, ".3f"),
    ("train accuracy", "train_accuracy", 14, ".3f"),
    ("validation loss", "validation_loss", 15, ".3f"),
    ("validation accuracy", "validation_accuracy", 19, ".3f"),
    ("validation recall", "validation_mean_recall", 17, ".3f"),
)


@dataclass(frozen=True, eq=False)
class History:
    """A finished run: one record per epoch, the best model, and its test.

    A notebook shows it as curves, ``print`` as a table. ``history["validation_accuracy"]`` is the
    list of that value, one per epoch; ``history[0]`` is the first epoch's record.

    Attributes
    ----------
    records : tuple of EpochRecord
        One record per epoch, as in ``history.jsonl``.
    result : Result
        Test of the model that was kept.
    """

    records: tuple[EpochRecord, ...]
    result: Result

    @classmethod
    def of(cls, result: Result) -> "History":
        """Read the records that belong to a result."""
        return cls(tuple(read_history(result.folder)), result)

    def __len__(self) -> int:
        """Return the number of epochs."""
        return len(self.records)

    def __iter__(self) -> Iterator[EpochRecord]:
        """Yield the records."""
        return iter(self.records)

    def __getitem__(self, key: int | str) -> Any:
        """Return an epoch's record by number, from 0; or one value of all epochs by its name."""
        if isinstance(key, str):
            return [record[key] for record in self.records]
        return self.records[key]

    @property
    def folder(self) -> Path:
        """Return the run folder."""
        return self.result.folder

    @property
    def best_epoch(self) -> int:
        """Return the epoch, from 1, whose model was kept."""
        return self.result.best_epoch

    @cached_property
    def model(self) -> Node:
        """Return the model that was kept, read from the run folder at first use."""
        return load(self.folder / files.BEST)

    def __repr__(self) -> str:
        """Return the result in one line."""
        return f"<History of {self.folder}: {self._summary()}>"

    def __str__(self) -> str:
        """Return the records as a table."""
        columns = [column for column in _COLUMNS if all(column[1] in record for record in self)]
        head = "  ".join(name.rjust(width) for name, _, width, _ in columns)
        lines = [
            "  ".join(format(record[key], form).rjust(width) for _, key, width, form in columns)
            + ("  kept" if record.epoch == self.best_epoch else "")
            for record in self.records
        ]
        return "\n".join([head, *lines, self._summary()])

    def _repr_html_(self) -> str:
        """Draw the curves, for a notebook."""
        charts = "".join(curves(self.records, self.best_epoch))
        said = f"<p>{escape(str(self.folder))}: {escape(self._summary())}</p>"
        return fragment(f'{said}<div class="charts">{charts}</div>')

    def _summary(self) -> str:
        test = self.result.evaluation
        low, high = test.interval
        epochs = "1 epoch" if len(self) == 1 else f"{len(self)} epochs"
        return (
            f"{epochs}, kept {self.best_epoch}; "
            f"test accuracy {test.accuracy:.4f} ({test.right} of {test.total}), "
            f"95 % interval {low:.4f} to {high:.4f}"
        )


def curves(records: Sequence[EpochRecord], best_epoch: int) -> list[str]:
    """Draw loss, accuracy and, if it decided, mean recall by epoch; mark the one that was kept."""
    epochs = [record.epoch for record in records]
    both = {"training": "train", "validation": "validation"}
    shown = [("loss", both), ("accuracy", both)]
    if all("validation_mean_recall" in record for record in records):
        shown.append(("mean_recall", {"validation": "validation"}))
    return [
        line_chart(
            epochs,
            {name: [record[f"{part}_{key}"] for record in records] for name, part in parts.items()},
            title=key.replace("_", " ").capitalize(),
            x_label="epoch",
            percent=key != "loss",
            from_zero=key == "loss",
            mark=(best_epoch, f"kept, epoch {best_epoch}"),
        )
        for key, parts in shown
    ]
