"""What frozen layers give for each image: computed once, kept, and trained on.

Layers that ``Sequential.freeze`` has frozen run as in evaluation, so an image always gets the same
numbers from them. A flip makes another image, and what it gets is kept beside the first.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise, product
from math import prod
from typing import Any

import numpy as np

from clearconv.arrays import Array
from clearconv.data import Augmentation, Batch, Batches
from clearconv.data.batches.batches import bounds
from clearconv.layers import Graph, Node, Sequential
from clearconv.random import generator
from clearconv.runs.evaluation import Evaluation, Integers, evaluation_of, judged_at_once
from clearconv.runs.run import Run

#: Memory that kept features may take.
MOST_BYTES = 1 << 30

#: Whether an image is flipped horizontally and vertically.
Flips = tuple[bool, bool]


def variants(augmentation: Augmentation) -> tuple[Flips, ...]:
    """Return the flips that a training image may get; empty if it also varies in other ways."""
    if replace(augmentation, flip=0.0, vertical_flip=0.0) != Augmentation.none():
        return ()
    chances = augmentation.flip, augmentation.vertical_flip
    return tuple(product(*(_outcomes(chance) for chance in chances)))  # type: ignore[arg-type]


def worth_keeping(run: Run) -> bool:
    """Return whether a run's frozen layers can be computed once, and whether that saves time.

    They can if no variation but a flip is drawn anew in each epoch, the results fit in memory, and
    the boundary is not inside layers that run as one: then every number of the run is the same to
    the bit as if they were computed in each epoch.
    """
    model, settings = run.model, run.settings
    if not (isinstance(model, (Sequential, Graph)) and model.frozen and model.parts_between_stages):
        return False
    kinds = len(variants(settings.augmentation))
    left = settings.epochs - run.epochs_done
    return 0 < kinds <= left and kept_bytes(run) <= MOST_BYTES


def kept_bytes(run: Run) -> int:
    """Return the memory that the features of a run with frozen layers take."""
    assert isinstance(run.model, Sequential)
    kinds = len(variants(run.settings.augmentation))
    images = kinds * len(run.split.train) + len(run.split.validation)
    numbers = prod(run.model.parted()[1].input_shape)
    return images * numbers * run.model.store.dtype.itemsize


@dataclass(frozen=True, eq=False)
class Features:
    """What the frozen layers of a run give for its training and validation images.

    Attributes
    ----------
    run : Run
        The run.
    model : Node
        The layers that are trained, as a model that takes features.
    kept : dict
        Flips -> features, one row for each image.
    row : dict
        Number of a sample -> its row, for each of the flips.
    """

    run: Run
    model: Node
    kept: dict[Flips, Array]
    row: dict[Flips, dict[int, int]]

    @classmethod
    def of(cls, run: Run, progress: Callable[[int, int], None]) -> "Features | None":
        """Compute the features of a run, or return None where they are not `worth_keeping`.

        Parameters
        ----------
        run : Run
            Its frozen layers never change while it is trained.
        progress : callable
            Called as ``progress(done, total)`` with the number of images.
        """
        if not worth_keeping(run):
            return None
        assert isinstance(run.model, (Sequential, Graph))
        below, above = run.model.parted()
        wanted = variants(run.settings.augmentation)
        parts = {flips: [run.split.train] for flips in wanted}
        parts.setdefault((False, False), []).append(run.split.validation)
        samples = {flips: np.concatenate(some) for flips, some in parts.items()}
        kept, done, total = {}, 0, sum(map(len, samples.values()))
        for flips, some in samples.items():
            kept[flips] = np.empty((len(some), *above.input_shape), run.model.store.dtype)
            place = 0
            for x in _inputs(run, some, flips):
                kept[flips][place : place + len(x)] = below.forward(x)
                place += len(x)
                progress(done + place, total)
            done += place
        rows = {
            flips: {sample: row for row, sample in enumerate(some.tolist())}
            for flips, some in samples.items()
        }
        return cls(run, above, kept, rows)

    def of_samples(self, samples: Integers, flips: Flips = (False, False)) -> Array:
        """Return the features of images, (N, ...)."""
        row = self.row[flips]
        return self.kept[flips][[row[sample] for sample in samples.tolist()]]

    def batches(self, epoch: int, first: int = 0) -> "FeatureBatches":
        """Return an epoch's batches without the first ones: those of `Batches`, as features."""
        return FeatureBatches(self, epoch, first)

    def evaluate(self, samples: Integers, model: Node | None = None) -> Evaluation:
        """Evaluate the trained layers on training or validation images.

        Parameters
        ----------
        samples : ndarray of int64
            Numbers of the images.
        model : Node, optional
            Those layers of another epoch; by default as they are now.
        """
        model = model or self.model
        at_once = judged_at_once(self.run.model)
        x = self.of_samples(samples)
        with np.errstate(all="ignore"):
            logits = [model.forward(x[i : i + at_once]) for i in range(0, len(x), at_once)]
        run = self.run
        return evaluation_of(np.concatenate(logits), run.source, samples, run.source.classes)

    def learnt(self, model: Node) -> dict[str, Evaluation]:
        """Evaluate a model of this run on the images that it has learnt from, and been chosen by.

        Parameters
        ----------
        model : Node
            A model with the run's frozen layers.
        """
        assert isinstance(model, Sequential)
        _, above = model.freeze(self.run.settings.freeze).parted()
        split = self.run.split
        found = {"validation": self.evaluate(split.validation, above)}
        if (False, False) in variants(self.run.settings.augmentation):
            found["training"] = self.evaluate(split.train, above)
        model.freeze(0)
        return found


class FeatureBatches:
    """The features of an epoch's training images in batches; iterate as often as you like."""

    def __init__(self, features: Features, epoch: int, first: int) -> None:
        run = features.run
        self._features, self._epoch = features, epoch
        numbers = generator(run.settings.seed, "shuffle", epoch=epoch).permutation(run.split.train)
        cuts = bounds(len(numbers), run.settings.batch_size, run.smallest_batch)
        self._parts = [numbers[start:stop] for start, stop in pairwise(cuts[first:].tolist())]

    def __len__(self) -> int:
        """Return the number of batches."""
        return len(self._parts)

    def __iter__(self) -> Iterator[Batch]:
        """Yield the batches in order."""
        features, source = self._features, self._features.run.source
        flipped = [flips for flips in features.kept if any(flips)]
        for samples in self._parts:
            if not flipped:
                x = features.of_samples(samples)
            else:
                drawn = [self._flips(sample) for sample in samples.tolist()]
                x = np.stack(
                    [
                        features.kept[flips][features.row[flips][sample]]
                        for flips, sample in zip(drawn, samples.tolist(), strict=True)
                    ]
                )
            yield Batch(x, source.labels[samples], samples)

    def _flips(self, sample: int) -> Flips:
        """Draw an image's flips with the numbers that `Augmentation` draws."""
        settings = self._features.run.settings
        rng = generator(settings.seed, "augment", epoch=self._epoch, sample=sample)
        return settings.augmentation.flips(rng.random(10))


def _outcomes(chance: float) -> tuple[bool, ...]:
    return {0.0: (False,), 1.0: (True,)}.get(chance, (False, True))


def _inputs(run: Run, samples: Integers, flips: Flips) -> Iterator[Array]:
    """Yield images as the network sees them, flipped, a few at a time."""
    certain: dict[str, Any] = dict(zip(("flip", "vertical_flip"), map(float, flips), strict=True))
    batches = Batches(
        run.source,
        samples,
        run.preprocessing,
        judged_at_once(run.model),
        augmentation=Augmentation(**certain),
        workers=run.settings.threads,
    )
    for batch in batches:
        yield run.model.as_input(batch.x)
