"""The content of ``lr_finder.json``: the curve of a range test."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from clearconv.runs import files
from clearconv.runs.records.schema import NUMBER, POSITIVE, Many, Schema, damaged, read

FINDER: Schema = {
    "suggestion": POSITIVE,
    "lr": Many(POSITIVE),
    "loss": Many(NUMBER),
    "smooth": Many(NUMBER),
}


@dataclass(frozen=True)
class LrCurve:
    """The result of a range test.

    Attributes
    ----------
    lr : tuple of float
        Learning rate of each step.
    loss : tuple of float
        Loss of each step's batch.
    smooth : tuple of float
        The losses averaged over their neighbours.
    suggestion : float
        The learning rate to train with.
    """

    lr: tuple[float, ...]
    loss: tuple[float, ...]
    smooth: tuple[float, ...]
    suggestion: float

    def to_dict(self) -> dict[str, Any]:
        """Return plain data, for JSON."""
        return {
            "suggestion": self.suggestion,
            "lr": list(self.lr),
            "loss": list(self.loss),
            "smooth": list(self.smooth),
        }

    @classmethod
    def read(cls, folder: Path) -> Self | None:
        """Read the file of a run; None if there was no range test."""
        path = folder / files.LR_FINDER
        if not path.exists():
            return None
        remedy = "Put a whole copy back, or remove it: the report works without it."
        found: dict[str, Any] = read(path, FINDER, remedy)
        lr, loss, smooth = (tuple(found[name]) for name in ("lr", "loss", "smooth"))
        if not len(lr) == len(loss) == len(smooth) > 0:
            wrong = "its lists lr, loss and smooth are empty, or of different lengths"
            raise damaged(path, wrong, remedy)
        return cls(lr, loss, smooth, found["suggestion"])
