"""The results of an epoch: a line of ``history.jsonl``, and an entry of a checkpoint's history."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Self

from clearconv.runs import files
from clearconv.runs.records.schema import (
    NUMBER,
    SHARE,
    TEXT,
    WHOLE,
    Many,
    Schema,
    damaged,
    read_lines,
)

#: A record as JSON.
RECORD: Schema = {
    "epoch": WHOLE,
    "lr": NUMBER,
    "train_loss": NUMBER,
    "train_accuracy": SHARE,
    "validation_loss": NUMBER,
    "validation_accuracy": SHARE,
    "validation_mean_recall?": SHARE,
    "validation_standard_error?": SHARE,
    "seconds?": NUMBER,
    "images_per_second?": NUMBER,
    "weights_sha256": TEXT,
    "dead?": Many(WHOLE, named=True),
    "warnings?": Many(TEXT),
}

#: Values that differ from one run to the next.
_TIMES = ("seconds", "images_per_second")


@dataclass(frozen=True, kw_only=True, eq=False)
class EpochRecord(Mapping[str, Any]):
    """The results of an epoch.

    It is also a mapping, from the names of its values as JSON has them: ``record["train_loss"]``
    is ``record.train_loss``, and a value that is None is not in it.

    Attributes
    ----------
    epoch : int
        Number of the epoch, from 1.
    lr : float
        Learning rate of its last step.
    train_loss, train_accuracy : float
        Means over the epoch, while the weights were changing.
    validation_loss, validation_accuracy : float
        Loss and accuracy after the epoch.
    validation_mean_recall : float, optional
        If all classes count equally; the epoch is then judged by it.
    validation_standard_error : float, optional
        Of the measure by which the epoch is judged; earlier versions of clearconv did not keep it.
    seconds : float
        Time of training and validation, over all sessions.
    images_per_second : float
        Training speed.
    weights_sha256 : str
        Hash of the weights after the epoch.
    dead : dict
        Path of a layer -> number of its channels that never fire, if there are many.
    warnings : tuple of str
        Warnings about the epoch, one line each.
    """

    epoch: int
    lr: float
    train_loss: float
    train_accuracy: float
    validation_loss: float
    validation_accuracy: float
    validation_mean_recall: float | None = None
    validation_standard_error: float | None = None
    seconds: float = 0.0
    images_per_second: float = 0.0
    weights_sha256: str
    dead: Mapping[str, int] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    @property
    def measure(self) -> str:
        """Return the name of the measure by which the epoch is judged."""
        recall = self.validation_mean_recall
        return "validation_accuracy" if recall is None else "validation_mean_recall"

    @property
    def judged(self) -> float:
        """Return the measure of the epoch: mean recall if classes count equally, or accuracy."""
        recall = self.validation_mean_recall
        return self.validation_accuracy if recall is None else recall

    def to_dict(self, timed: bool = True) -> dict[str, Any]:
        """Return plain data, for JSON; without `timed`, no times are included."""
        plain = {name: getattr(self, name) for name in _NAMES if timed or name not in _TIMES}
        plain |= {"dead": dict(self.dead), "warnings": list(self.warnings)}
        return {name: value for name, value in plain.items() if value is not None}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Self:
        """Return the record that ``to_dict`` described, in this version or an earlier one."""
        known = {name: plain[name] for name in _NAMES if name in plain}
        return cls(**{**known, "warnings": tuple(known.get("warnings", ()))})

    def __getitem__(self, name: str) -> Any:
        """Return a value by its name."""
        return self.to_dict()[name]

    def __iter__(self) -> Iterator[str]:
        """Yield the names of the values."""
        return iter(self.to_dict())

    def __len__(self) -> int:
        """Return the number of values."""
        return len(self.to_dict())


_NAMES = tuple(item.name for item in fields(EpochRecord))


def read_history(folder: Path) -> list[EpochRecord]:
    """Return the records of a run's epochs.

    Raises
    ------
    RunError
        If the file cannot be read, a value is not of its kind, or the epochs are not consecutive.
    """
    path = folder / files.HISTORY
    remedy = (
        "Put a whole copy back, or have it written again from the last checkpoint: "
        f"`clearconv.train.resume({str(folder)!r})`"
    )
    history = [EpochRecord.from_dict(plain) for plain in read_lines(path, RECORD, remedy)]
    if (found := out_of_order(history)) is not None:
        raise damaged(path, found, remedy)
    return history


def out_of_order(history: Sequence[EpochRecord]) -> str | None:
    """Describe the problem if records are not of epochs 1, 2, 3 and so on, all judged equally."""
    for number, record in enumerate(history, 1):
        if record.epoch != number:
            return f"record {number} is of epoch {record.epoch}, but epoch {number} is expected"
        if record.measure != history[0].measure:
            return "validation_mean_recall is in some of its records but not in others"
    return None
