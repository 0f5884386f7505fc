"""The results of a cross-validation's folds, and ``folds.json``, which holds them."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from math import sqrt
from pathlib import Path
from typing import Any, Self

import numpy as np

from clearconv.runs import files
from clearconv.runs.evaluation import Evaluation
from clearconv.runs.records.result import Result
from clearconv.runs.records.schema import Kind, Schema, is_whole, read
from clearconv.words import printable, table

_FOLDS: Schema = {
    "folds": Kind("a number of folds, 2 to 10,000", lambda v: is_whole(v) and 2 <= v <= 10_000)
}


@dataclass(frozen=True, eq=False)
class CrossValidation:
    """The results of the folds; ``print`` shows them as a table.

    Attributes
    ----------
    folder : Path
        Folder with the run folders of the folds.
    results : tuple of Result
        Result of each fold.
    """

    folder: Path
    results: tuple[Result, ...]

    @property
    def accuracies(self) -> tuple[float, ...]:
        """Return the test accuracy of each fold."""
        return tuple(result.evaluation.accuracy for result in self.results)

    @property
    def mean(self) -> float:
        """Return the mean of the folds' accuracies."""
        return float(np.mean(self.accuracies))

    @property
    def deviation(self) -> float:
        """Return the standard deviation of the folds' accuracies, with n - 1."""
        return float(np.std(self.accuracies, ddof=1))

    @property
    def error(self) -> float:
        """Return the standard error of their mean: the deviation over the root of n."""
        return self.deviation / sqrt(len(self.results))

    @cached_property
    def evaluation(self) -> Evaluation:
        """Return the tests of all folds as one, in which each image occurs once."""
        tests = [result.evaluation for result in self.results]
        copies_known = all(test.different is not None for test in tests)
        return Evaluation(
            tests[0].classes,
            tuple(file for test in tests for file in test.files),
            np.concatenate([test.labels for test in tests]),
            np.concatenate([test.probabilities for test in tests]),
            sum(test.loss * test.total for test in tests) / sum(test.total for test in tests),
            different=sum(test.pictures for test in tests) if copies_known else None,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain data, for JSON."""
        return {
            "accuracies": list(self.accuracies),
            "mean": self.mean,
            "standard_deviation": self.deviation,
            "standard_error": self.error,
            "test": self.evaluation.to_dict(),
        }

    def __str__(self) -> str:
        """Lay the folds out as a table, with the mean below."""
        rows: list[tuple[int | str, ...]] = [
            (number, test.total, test.right, f"{test.accuracy:.4f}")
            for number, test in enumerate((each.evaluation for each in self.results), start=1)
        ]
        whole = self.evaluation
        rows.append(("all", whole.total, whole.right, f"{whole.accuracy:.4f}"))
        lines = table(("fold", "images", "right", "accuracy"), rows, right=(1, 2, 3))
        spread = (
            f"mean over {len(self.results)} folds {self.mean:.4f}, standard deviation "
            f"{self.deviation:.4f}, standard error {self.error:.4f}"
        )
        return "\n".join([*lines, "", spread])

    def __repr__(self) -> str:
        """Return the result in one line."""
        return f"<CrossValidation in {printable(self.folder)}: mean accuracy {self.mean:.4f}>"


@dataclass(frozen=True, eq=False)
class FoldsRecord:
    """The content of ``folds.json``.

    Attributes
    ----------
    plain : dict
        The content, with the kind of each value checked.
    """

    plain: Mapping[str, Any]

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read the file of a cross-validation."""
        return cls(read(folder / files.FOLDS, _FOLDS, "Put a whole copy back."))

    @property
    def count(self) -> int:
        """Return the number of folds."""
        return int(self.plain["folds"])
