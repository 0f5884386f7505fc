"""Time and memory of a run, measured in a small run on a copy of the network.

The copy goes through the real training loop, from the first step to the test, on a few of the
images. The measurements are then scaled up to the size of the run.
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
from clearconv.runs.evaluation import evenly_spaced, judged_at_once
from clearconv.runs.records.epoch import EpochRecord
from clearconv.train import Callback, Result, Run, copy_of, go
from clearconv.train.transfer.features import kept_bytes, variants, worth_keeping
from clearconv.words import amount, duration

#: Steps at the start that are not counted: the images of the first were prepared ahead.
_WARM = 3
#: Steps of the first, short measurement, which decides how many steps the main one takes.
_LOOK = 5
#: Seconds of measured steps, the share of the run that they may take, and their least number.
_SECONDS, _SHARE, _LEAST = 3.0, 0.05, 0.1
#: Largest number of training images that a report judges, at equal distances, in addition to the
#: other parts; and the seconds that its pictures take.
REPORTED, _PICTURES = 20_000, 1.0
#: Number of images that go through frozen layers to measure their time, and of those judged.
_FROZEN, _FROZEN_JUDGED = 16, 4
#: Memory that the process may need above the measured peak.
_MARGIN = 1.15
#: Arrays of all classes' probabilities that the report holds at once, per image that it judges.
_TABLES = 6


@dataclass(frozen=True)
class Forecast:
    """Time and memory of a run.

    Attributes
    ----------
    epochs : int
        Number of epochs still to come.
    epoch_seconds : float
        Time of one epoch: training, validation and checkpoint.
    training_seconds, validation_seconds : float
        Times of one epoch's training and validation.
    test_seconds : float
        Time of the test at the end.
    report_seconds : float
        Time of the report, if one is written.
    images_per_second : float
        Training speed.
    memory_bytes : int
        Peak memory of the whole process.
    steps : int
        Number of steps measured.
    preparing_seconds : float
        Time to run the frozen layers once for each image, where what they give is kept.
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
    preparing_seconds: float = 0.0

    @property
    def seconds(self) -> float:
        """Return the time of the run, unless it stops early."""
        epochs = self.preparing_seconds + self.epochs * self.epoch_seconds
        return epochs + self.test_seconds + self.report_seconds

    def __str__(self) -> str:
        """Return one line for a person."""
        epochs = "1 epoch" if self.epochs == 1 else f"{self.epochs} epochs"
        each = f" ({duration(self.epoch_seconds)} each)" if self.epochs > 1 else ""
        if self.preparing_seconds:
            once = f", {duration(self.preparing_seconds)} of it for the frozen layers, once"
            epochs = f"{epochs}{each}{once}"
            each = ""
        return (
            f"about {duration(self.seconds)} for {epochs}{each}, "
            f"at most {amount(self.memory_bytes)}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain data, for JSON."""
        return {**asdict(self), "seconds": self.seconds}


def forecast(run: Run) -> Forecast:
    """Forecast the rest of a run; the run itself is not changed in any bit.

    Parameters
    ----------
    run : Run
        Prepared, or resumed after some epochs.

    Returns
    -------
    Forecast
        Without early stopping.
    """
    settings, split = run.settings, run.split
    epochs = settings.epochs - run.epochs_done
    if worth_keeping(run):
        return _of_head(run, epochs)
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


def _of_head(run: Run, epochs: int) -> Forecast:
    """Forecast a run that computes its frozen layers once, from a run on a few images."""
    split, settings = run.split, run.settings
    small = Split(
        split.train[evenly_spaced(len(split.train), _FROZEN)],
        split.validation[evenly_spaced(len(split.validation), _FROZEN_JUDGED)],
        split.train[evenly_spaced(len(split.train), _FROZEN_JUDGED)],
    )
    kinds = len(variants(settings.augmentation))
    watch = _Stopwatch()
    short = replace(settings, epochs=max(2, kinds), patience=None, class_weights=False)
    short = replace(short, lr=settings.lr * 1e-3, batch_size=min(settings.batch_size, _FROZEN))
    with TemporaryDirectory(prefix="clearconv-plan-") as place:
        copy = copy_of(run, Path(place), short, small)
        go(copy, [watch])
    _explain(run)
    image = (watch.prepared - watch.begin) / (kinds * len(small.train) + len(small.validation))
    steps = watch.steps[len(watch.steps) // short.epochs * (short.epochs - 1) :]
    step = (watch.last_step - watch.epochs[-2]) / len(steps)
    each, end = run.steps * step, watch.epochs[-1] - watch.last_step
    images = len(split.train) + len(split.validation) + len(split.test)
    return Forecast(
        epochs=epochs,
        epoch_seconds=each + end,
        training_seconds=each,
        validation_seconds=end,
        test_seconds=watch.end - watch.epochs[-1] + image * (len(split.test) - len(small.test)),
        report_seconds=_PICTURES + image * min(REPORTED, images),
        images_per_second=len(split.train) / each,
        memory_bytes=round(_MARGIN * (peak_memory() + kept_bytes(run))),
        steps=len(steps),
        preparing_seconds=image * (kinds * len(split.train) + len(split.validation)),
    )


@dataclass(frozen=True)
class _Found:
    """Seconds per image trained on, per image judged, and at the start and end of epoch and run."""

    image: float
    judged: float
    start: float
    save: float
    end: float
    steps: int


class _Stopwatch(Callback):
    """Records the times of events."""

    def __init__(self) -> None:
        self.steps: list[float] = []
        self.epochs: list[float] = []

    def started(self, run: Run) -> None:
        """Start."""
        self.begin = perf_counter()

    def preparing(self, done: int, total: int) -> None:
        """Note the time."""
        self.prepared = perf_counter()

    def step(self, *_: Any) -> None:
        """Note the time."""
        self.steps.append(perf_counter())
        self.last_step = self.steps[-1]

    def epoch(self, record: EpochRecord, best: bool) -> None:
        """Note the time, and the epoch's own measurements."""
        self.saved, self.record = perf_counter(), record
        self.epochs.append(self.saved)

    def finished(self, result: Result) -> None:
        """Note the time."""
        self.end = perf_counter()


def _explain(run: Run) -> None:
    """Hold briefly what the report's Grad-CAM holds: every inner array of one image."""
    model = randomised(run.model, ())
    with suppress(ShapeError):  # a network without maps gets no explanations
        grad_cam(model, np.zeros((1, *model.input_shape), model.store.dtype))


def _measure(run: Run, train: int, judged: int) -> _Found:
    """Train a copy of the run for one epoch on a given number of images, and test it."""
    watch, split = _Stopwatch(), run.split
    # the report also judges training images: if there are few others, its batches are larger
    tested = max(split.test, split.train, key=len)
    # images are ordered by class: at equal distances each class gets its share
    small = Split(
        split.train[evenly_spaced(len(split.train), train)],
        split.validation[evenly_spaced(len(split.validation), judged)],
        tested[evenly_spaced(len(tested), judged_at_once(run.model))],
    )
    # Steps too small to diverge: this schedule is too short to have a warm-up.
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
    # Extra time of the first steps: threads are started, and images prepared ahead.
    start = max(0.0, float(times[:_WARM].sum()) - each * int(sizes[:_WARM].sum()))
    return _Found(
        image=each,
        judged=judging / len(small.validation),
        start=start,
        save=save,
        end=max(watch.end - watch.saved - len(small.test) * judging / len(small.validation), 0.0),
        steps=len(counted),
    )
