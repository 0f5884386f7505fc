"""The parts of ``plan.json`` that others use: the forecast from before the run."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from clearconv.runs import files
from clearconv.runs.records.schema import NUMBER, TEXT, WHOLE, Many, Schema, read

_PLAN: Schema = {
    "forecast?": {"epochs": WHOLE, "training_seconds": NUMBER, "validation_seconds": NUMBER},
    "survey?": {"problems?": Many(TEXT), "advice?": Many(TEXT)},
}


@dataclass(frozen=True)
class PlanRecord:
    """The forecast from before the run.

    Attributes
    ----------
    seconds : float or None
        Forecast time of training and validation; None if there is none.
    problems, advice : tuple of str
        Problems of the data, and what to do about them.
    """

    seconds: float | None = None
    problems: tuple[str, ...] = ()
    advice: tuple[str, ...] = ()

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read the file of a run; not every run has one."""
        path = folder / files.PLAN
        if not path.exists():
            return cls()
        remedy = "Put a whole copy back, or remove it: the report works without it."
        found: dict[str, Any] = read(path, _PLAN, remedy)
        seconds, survey = None, found.get("survey", {})
        if ahead := found.get("forecast"):
            seconds = ahead["epochs"] * (ahead["training_seconds"] + ahead["validation_seconds"])
        problems, advice = survey.get("problems", ()), survey.get("advice", ())
        return cls(seconds, tuple(problems), tuple(advice))
