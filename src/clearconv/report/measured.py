"""What a report is made of: a run folder read, and its best model asked once about every image."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from clearconv.data import Preprocessing, Source, Split, open_data, read_split, side_for
from clearconv.layers import Node
from clearconv.planning.forecaster import REPORTED
from clearconv.runs import files, records
from clearconv.runs.evaluation import check_answers, spread
from clearconv.runs.given import Data, in_memory
from clearconv.runs.run import (
    check_unchanged,
    data_place,
    network_name,
    read_history,
    read_run,
    read_settings,
)
from clearconv.runs.use import open_model
from clearconv.train import Evaluation, Settings, evaluate_model

Progress = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class Part:
    """Images of one part of the split, and what the model says of them.

    Attributes
    ----------
    name : {"test", "validation", "training"}
        Which part.
    indices : ndarray of int64
        The images' numbers in the source.
    evaluation : Evaluation
        In the same order.
    total : int
        Images of the part; more than were looked at where only a sample was.
    """

    name: str
    indices: np.ndarray[Any, np.dtype[np.int64]]
    evaluation: Evaluation
    total: int


@dataclass(frozen=True, eq=False)
class Measured:
    """A run, as far as it has come.

    Attributes
    ----------
    folder : Path
        Of the run.
    about : dict
        The content of ``run.json``.
    settings : Settings
        Of the run.
    history : list of dict
        A record an epoch.
    source, split
        The data and their parts.
    model, preprocessing
        Of the epoch that was kept.
    result : dict or None
        The content of ``result.json``; None while the run is not finished.
    """

    folder: Path
    about: dict[str, Any]
    settings: Settings
    history: list[dict[str, Any]]
    source: Source
    split: Split
    model: Node
    preprocessing: Preprocessing
    result: dict[str, Any] | None

    @classmethod
    def of(cls, folder: Path, data: Data | None, progress: Progress | None) -> "Measured":
        """Read a run folder; see `write_report`."""
        about = read_run(folder)
        settings = read_settings(folder, about)
        model, _, preprocessing = open_model(folder)
        source = None if data is None else in_memory(data)
        if source is None:
            call = "clearconv.report.write_report(folder, (images, labels))"
            assert data is None or isinstance(data, str | Path)
            moved = "clearconv.report.write_report({}, DATA)"
            source = open_data(
                data_place(folder, about, moved, call) if data is None else data,
                about["data"]["classes"],
                progress=progress,
                cache_side=side_for(preprocessing.size),
            )
        check_unchanged(folder, about["data"], source)
        best, result = folder / files.BEST, folder / files.RESULT
        if (found := records.wrong(model.info.get("epoch"), records.EPOCH, "epoch")) is not None:
            raise records.damaged(best, found, "Put the file back, or train again.")
        history = read_history(folder)
        if model.info["epoch"] > len(history):
            raise records.damaged(
                folder / files.HISTORY,
                f"it has {len(history)} epochs, but the model is of epoch {model.info['epoch']}",
                f"`clearconv.train.resume({str(folder)!r})` writes it anew.",
            )
        again = f"`clearconv.train.resume({str(folder)!r})` writes it anew."
        return cls(
            folder,
            about,
            settings,
            history,
            source,
            read_split(folder / files.SPLIT, source),
            model,
            preprocessing,
            records.read(result, records.RESULT, again) if result.exists() else None,
        )

    @property
    def classes(self) -> tuple[str, ...]:
        """Return the classes' names."""
        return self.source.classes

    @property
    def network(self) -> str:
        """Return what the model is called."""
        return network_name(self.settings)

    @property
    def best_epoch(self) -> int:
        """Return the epoch whose model was kept."""
        return int(self.model.info["epoch"])

    @cached_property
    def judged(self) -> Part:
        """Return the part that judges the model.

        The test part, once the run is finished. Before, the validation part: whoever saw the test
        early would choose by it.
        """
        if self.result is None:
            return self._part("validation", self.split.validation)
        return self._part("test", self.split.test)

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """Return the parts in which to look for wrong labels, the judging one last."""
        train = self.split.train
        some = train[spread(len(train), REPORTED)]
        parts = [self._part("training", some, len(train))]
        if self.result is not None:
            parts.append(self._part("validation", self.split.validation))
        return (*parts, self.judged)

    def other(self, name: str, schema: records.Schema) -> dict[str, Any]:
        """Return the content of a file that not every run has; empty where there is none."""
        path = self.folder / name
        remedy = "Put a whole copy back, or remove it: the report does without."
        found: dict[str, Any] = records.read(path, schema, remedy) if path.exists() else {}
        return found

    def _part(
        self, name: str, indices: np.ndarray[Any, np.dtype[np.int64]], total: int | None = None
    ) -> Part:
        evaluation = evaluate_model(
            self.model, self.source, indices, self.preprocessing, self.classes
        )
        check_answers(evaluation, self.folder / files.BEST)
        return Part(name, indices, evaluation, len(indices) if total is None else total)
