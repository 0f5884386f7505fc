"""The result of a finished run, and ``result.json``, which holds it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from clearconv.runs import files
from clearconv.runs.evaluation import Evaluation
from clearconv.runs.records.schema import NUMBER, TABLE, TEXT, WHOLE, Schema, read

_RESULT: Schema = {"best_epoch": WHOLE, "weights_sha256": TEXT, "seconds": NUMBER, "test": TABLE}


@dataclass(frozen=True, eq=False)
class Result:
    """The result of a finished run.

    Attributes
    ----------
    folder : Path
        The run folder.
    best_epoch : int
        Epoch whose model was kept, from 1.
    evaluation : Evaluation
        Evaluation of that model on the test part.
    fingerprint : str
        SHA-256 of that model's weights.
    stopped_early : bool
        Whether patience ran out.
    seconds : float
        Time of training and validation, over all sessions.
    learnt : dict
        "training" and "validation" -> evaluation of that model on this part, where it costs next to
        nothing; not in the file.
    """

    folder: Path
    best_epoch: int
    evaluation: Evaluation
    fingerprint: str
    stopped_early: bool
    seconds: float
    learnt: Mapping[str, Evaluation] = field(default_factory=dict)

    def to_dict(self) -> dict[str, object]:
        """Return plain data, for JSON."""
        return {
            "best_epoch": self.best_epoch,
            "weights_sha256": self.fingerprint,
            "seconds": self.seconds,
            "test": self.evaluation.to_dict(),
        }


def read_test(folder: Path) -> dict[str, Any]:
    """Return what the test of a finished run found, as plain data.

    Raises
    ------
    RunError
        If the file is missing or damaged.
    """
    again = f"`clearconv.train.resume({str(folder)!r})` writes it again."
    found: dict[str, Any] = read(folder / files.RESULT, _RESULT, again)["test"]
    return found


def is_finished(folder: Path) -> bool:
    """Return whether a run has its result; raise `RunError` if the file is damaged."""
    path = folder / files.RESULT
    if path.exists():
        again = f"`clearconv.train.resume({str(folder)!r})` writes it again."
        read(path, _RESULT, again)
    return path.exists()
