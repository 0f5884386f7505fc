"""The contents of a report: a run folder, and its best model's answer for every image."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from clearconv.data import Preprocessing, Source, Split
from clearconv.layers import Node
from clearconv.planning.forecaster import REPORTED
from clearconv.runs.evaluation import check_answers, evenly_spaced
from clearconv.runs.given import Data
from clearconv.runs.open import Opened, Progress, open_run
from clearconv.runs.records.epoch import EpochRecord
from clearconv.train import Evaluation, Result, Settings, evaluate_model


@dataclass(frozen=True, eq=False)
class Part:
    """Images of one part of the split, and the model's answers for them.

    Attributes
    ----------
    name : {"test", "validation", "training"}
        Name of the part.
    samples : ndarray of int64
        The images' numbers in the source.
    evaluation : Evaluation
        In the same order.
    total : int
        Number of images in the part; larger than the number evaluated if only a sample was.
    """

    name: str
    samples: np.ndarray[Any, np.dtype[np.int64]]
    evaluation: Evaluation
    total: int


@dataclass(frozen=True, eq=False)
class Measured:
    """A run, finished or not.

    Attributes
    ----------
    opened : Opened
        The run, with the model of the epoch that was kept.
    source, split
        The data and their parts.
    known : dict
        Name of a part -> its evaluation, where it is known; else the model is run.
    """

    opened: Opened
    source: Source
    split: Split
    known: Mapping[str, Evaluation] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        folder: Path,
        data: Data | None,
        progress: Progress | None,
        result: Result | None = None,
    ) -> "Measured":
        """Read a run folder; see `write_report`."""
        opened = open_run(folder)
        # problems of the run are reported before its images are read
        _ = opened.settings, opened.trained
        call = "clearconv.report.write_report(folder, (images, labels))"
        moved = "clearconv.report.write_report({}, DATA)"
        source = opened.data(data, moved=moved, call=call, progress=progress)
        _ = opened.best_epoch, opened.finished
        split = opened.split(source)
        known = {} if result is None else {"test": result.evaluation, **result.learnt}
        return cls(opened, source, split, known)

    @property
    def folder(self) -> Path:
        """Return the run folder."""
        return self.opened.path

    @property
    def settings(self) -> Settings:
        """Return the settings of the run."""
        return self.opened.settings

    @property
    def history(self) -> list[EpochRecord]:
        """Return the records of its epochs."""
        return self.opened.history

    @property
    def model(self) -> Node:
        """Return the model of the epoch that was kept."""
        return self.opened.model

    @property
    def preprocessing(self) -> Preprocessing:
        """Return the model's preprocessing."""
        return self.opened.preprocessing

    @property
    def finished(self) -> bool:
        """Return whether the run has been tested."""
        return self.opened.finished

    @property
    def classes(self) -> tuple[str, ...]:
        """Return the classes' names."""
        return self.source.classes

    @property
    def network(self) -> str:
        """Return the name of the model."""
        return self.settings.network

    @property
    def best_epoch(self) -> int:
        """Return the epoch whose model was kept."""
        return self.opened.best_epoch

    @cached_property
    def judged(self) -> Part:
        """Return the part that judges the model.

        The test part, once the run is finished. Before that, the validation part: anybody who saw
        the test early would choose by it.
        """
        if not self.finished:
            return self._part("validation", self.split.validation)
        return self._part("test", self.split.test)

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """Return the parts in which to look for wrong labels, the judging part last."""
        train = self.split.train
        some = train[evenly_spaced(len(train), REPORTED)]
        parts = [self._part("training", some, len(train))]
        if self.finished:
            parts.append(self._part("validation", self.split.validation))
        return (*parts, self.judged)

    def _part(
        self, name: str, samples: np.ndarray[Any, np.dtype[np.int64]], total: int | None = None
    ) -> Part:
        evaluation = self.known.get(name)
        if evaluation is None or evaluation.files != tuple(self.source.files[i] for i in samples):
            evaluation = evaluate_model(
                self.model, self.source, samples, self.preprocessing, self.classes
            )
        check_answers(evaluation, self.opened.best)
        return Part(name, samples, evaluation, len(samples) if total is None else total)
