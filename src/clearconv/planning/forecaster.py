"""How long a run takes and how much memory: the run itself in small, on a copy, with a stopwatch.

The copy goes through the very loop of training, from the first step to the test, on a few of the
images. What is measured there is multiplied by what the run has more of.
"""

from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import numpy as np

from clearconv.data import Split
from clearconv.errors import ShapeError
from clearconv.explain import grad_cam, randomised
from clearconv.machine import peak_memory
from clearconv.runs.evaluation import judged_at_once, spread
from clearconv.runs.records.epoch import EpochRecord
from clearconv.train import Callback, Result, Run, copy_of, go
from clearconv.words import amount, duration

#: Steps at the start of a measurement that do not count: the images of the first were made ahead.
_WARM = 3
#: Steps of the first, short look, which tells how many the measurement can afford.
_LOOK = 5
#: Seconds of measured steps, and the share of the run that they may be; and at least so many.
_SECONDS, _SHARE, _LEAST = 3.0, 0.05, 0.1
#: Of the training images a report judges at most so many, at equal distances, besides the other
#: parts; and what its pictures take, in seconds.
REPORTED, _PICTURES = 20_000, 1.0
#: What the process may need above the peak that was measured.
_MARGIN = 1.15
#: Arrays of all classes' probabilities that the report holds at once, for each image it judges.
_TABLES = 6


@dataclass(frozen=True)
class Forecast:
    """Time and memory of a run.

    Attributes
    ----------
    epochs : int
        Those still to come.
    epoch_seconds : float
        Training, validation and checkpoint of one epoch.
    training_seconds, validation_seconds : float
        Of one epoch.
    test_seconds : float
        At the end, once.
    report_seconds : float
        After it, where a report is written.
    images_per_second : float
        While training.
    memory_bytes : int
        Peak of the whole process.
    steps : int
        How many steps were measured.
    """

    epochs: int
    epoch_seconds: float
    training_seconds: float
    validation_seconds: float
    test_seconds: float
    report_seconds: float
    images_per_second: float
    memory_bytes: int
    steps: int

    @property
    def seconds(self) -> float:
        """Return the time of the run, unless it stops early."""
        return self.epochs * self.epoch_seconds + self.test_seconds + self.report_seconds

    def __str__(self) -> str:
        """Return one line for a person."""
        epochs = "1 epoch" if self.epochs == 1 else f"{self.epochs} epochs"
        each = f" ({duration(self.epoch_seconds)} each)" if self.epochs > 1 else ""
        return (
            f"about {duration(self.seconds)} for {epochs}{each}, "
            f"at most {amount(self.memory_bytes)}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain data, for JSON."""
        return {**asdict(self), "seconds": self.seconds}


def forecast(run: Run) -> Forecast:
    """Forecast what is left of a run, which is not touched: none of its bits change.

    Parameters
    ----------
    run : Run
        Prepared, or taken up after some epochs.

    Returns
    -------
    Forecast
        Early stopping aside.
    """
    settings, split = run.settings, run.split
    epochs = settings.epochs - run.epochs_done
    batch = judged_at_once(run.model)
    look = _measure(run, _LOOK * settings.batch_size, batch)
    training = len(split.train) * look.image
    whole = epochs * (training + len(split.validation) * look.judged)
    afford = min(_SECONDS, max(_LEAST, _SHARE * whole))
    steps = _WARM + 2 + int(afford / (look.image * settings.batch_size))
    judged = max(batch, int(afford / 2 / look.judged))
    found = _measure(run, steps * settings.batch_size, judged)

    training = found.start + len(split.train) * found.image
    validation = len(split.validation) * found.judged
    reported = min(REPORTED, len(split.train)) + len(split.validation) + len(split.test)
    _explain(run)
    tables = _TABLES * reported * len(run.source.classes) * run.model.store.dtype.itemsize
    return Forecast(
        epochs=epochs,
        epoch_seconds=training + validation + found.save,
        training_seconds=training,
        validation_seconds=validation,
        test_seconds=found.end + len(split.test) * found.judged,
        report_seconds=_PICTURES + found.judged * reported,
        images_per_second=1 / found.image,
        memory_bytes=round(_MARGIN * (peak_memory() + tables)),
        steps=found.steps,
    )


@dataclass(frozen=True)
class _Found:
    """Seconds: an image trained on, an image judged, the start of an epoch, its end, the run's."""

    image: float
    judged: float
    start: float
    save: float
    end: float
    steps: int


class _Stopwatch(Callback):
    """Notes when what happened."""

    def __init__(self) -> None:
        self.steps: list[float] = []

    def started(self, run: Run) -> None:
        """Start."""
        self.begin = perf_counter()

    def step(self, *_: Any) -> None:
        """Note the time."""
        self.steps.append(perf_counter())

    def epoch(self, record: EpochRecord, best: bool) -> None:
        """Note the time, and what the epoch measured of itself."""
        self.saved, self.record = perf_counter(), record

    def finished(self, result: Result) -> None:
        """Note the time."""
        self.end = perf_counter()


def _explain(run: Run) -> None:
    """Hold for a moment what the report's Grad-CAM holds: every inner array of one image."""
    model = randomised(run.model, ())
    with suppress(ShapeError):  # a network without maps is not explained
        grad_cam(model, np.zeros((1, *model.input_shape), model.store.dtype))


def _measure(run: Run, train: int, judged: int) -> _Found:
    """Take a copy of the run through one epoch on so many images, and test it."""
    watch, split = _Stopwatch(), run.split
    # the report judges training images too: where others are few, its batches are larger
    tested = max(split.test, split.train, key=len)
    # images lie class by class: at equal distances each class has its share
    small = Split(
        split.train[spread(len(split.train), train)],
        split.validation[spread(len(split.validation), judged)],
        tested[spread(len(tested), judged_at_once(run.model))],
    )
    # Steps too small to diverge: this schedule is over so soon that it has no warm-up.
    lr = run.settings.lr * 1e-3
    settings = replace(run.settings, epochs=1, patience=None, class_weights=False, lr=lr)
    with TemporaryDirectory(prefix="clearconv-plan-") as place:
        copy = copy_of(run, Path(place), settings, small)
        go(copy, [watch])
    sizes = np.diff(copy.batches)
    full = max(1, len(small.train) // settings.batch_size)  # the last one may be shorter
    times = np.diff([watch.begin, *watch.steps])
    counted = (times / sizes)[min(_WARM, full - 1) : full]
    each = median(counted.tolist())
    record, last = watch.record, watch.steps[-1]
    trained = last - watch.begin
    judging = max(record.seconds - trained, 1e-9)
    save = max(watch.saved - last - judging, 0.0)
    # What the first steps took beyond the others: threads are started, and images made ahead.
    start = max(0.0, float(times[:_WARM].sum()) - each * int(sizes[:_WARM].sum()))
    return _Found(
        image=each,
        judged=judging / len(small.validation),
        start=start,
        save=save,
        end=max(watch.end - watch.saved - len(small.test) * judging / len(small.validation), 0.0),
        steps=len(counted),
    )
