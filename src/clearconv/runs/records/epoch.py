"""What an epoch came to: a line of ``history.jsonl``, and an entry of a checkpoint's history."""

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
    """What an epoch came to.

    It is also a mapping, from the names of its values as JSON has them: ``record["train_loss"]``
    is ``record.train_loss``, and a value that is None is not in it.

    Attributes
    ----------
    epoch : int
        Which, from 1.
    lr : float
        The learning rate of its last step.
    train_loss, train_accuracy : float
        Means over the epoch, while the weights changed.
    validation_loss, validation_accuracy : float
        After it.
    validation_mean_recall : float, optional
        Where every class counts alike: then it is what the epoch is judged by.
    validation_standard_error : float, optional
        Of what the epoch is judged by; earlier versions of clearconv did not keep it.
    seconds : float
        Training and validation, over all sittings.
    images_per_second : float
        While training.
    weights_sha256 : str
        Names the weights after it.
    dead : dict
        Path of a layer: the number of its channels that never fire, where they are many.
    warnings : tuple of str
        What there is to say of it, a line each.
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
        """Return the name of what the epoch is judged by."""
        recall = self.validation_mean_recall
        return "validation_accuracy" if recall is None else "validation_mean_recall"

    @property
    def judged(self) -> float:
        """Return what the epoch is judged by: mean recall if classes count alike, or accuracy."""
        recall = self.validation_mean_recall
        return self.validation_accuracy if recall is None else recall

    def to_dict(self, timed: bool = True) -> dict[str, Any]:
        """Return plain data, for JSON; not `timed` without what the clock said."""
        plain = {name: getattr(self, name) for name in _NAMES if timed or name not in _TIMES}
        plain |= {"dead": dict(self.dead), "warnings": list(self.warnings)}
        return {name: value for name, value in plain.items() if value is not None}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Self:
        """Return the record that ``to_dict`` described, of this version or an earlier one."""
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
        If the file cannot be read, a value is not of its kind, or the epochs do not follow on each
        other.
    """
    path = folder / files.HISTORY
    remedy = (
        "Put a whole copy back, or have it written anew from the last checkpoint: "
        f"`clearconv.train.resume({str(folder)!r})`"
    )
    history = [EpochRecord.from_dict(plain) for plain in read_lines(path, RECORD, remedy)]
    if (found := out_of_order(history)) is not None:
        raise damaged(path, found, remedy)
    return history


def out_of_order(history: Sequence[EpochRecord]) -> str | None:
    """Say so if the records are not those of epochs 1, 2, 3 and so on, each judged alike."""
    for number, record in enumerate(history, 1):
        if record.epoch != number:
            return f"record {number} is of epoch {record.epoch}, but of epoch {number} expected"
        if record.measure != history[0].measure:
            return "validation_mean_recall is in some of its records, and in others not"
    return None
