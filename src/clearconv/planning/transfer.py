"""Whether to start from pretrained weights: judged on a few of the images, before any training."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from clearconv.arrays import Array
from clearconv.data import Batches
from clearconv.errors import ClearconvError
from clearconv.exchange.pretrained.cache import place
from clearconv.exchange.pretrained.catalogue import WEIGHTS
from clearconv.exchange.pretrained.get import pretrained
from clearconv.layers import Context, Layer, Node, Sequential
from clearconv.models import default_for
from clearconv.planning.forecaster import Forecast, forecast
from clearconv.runs.evaluation import Integers, evenly_spaced
from clearconv.runs.given import Given
from clearconv.train import Run
from clearconv.train.preparing import prepared

#: Number of images that are looked at, and of parts of the cross-validation.
_LOOKED_AT, _PARTS = 200, 5
#: Training a network leaves this share of an untrained one's errors, less its skill; see the docs.
_LEFT = 1.27
#: What pretrained weights may promise less and still be advised, since training takes less time.
_TIE = 0.01
#: Strengths of the ridge penalty, relative to the mean eigenvalue; the best one counts.
_PENALTIES = (1e-2, 1e-1, 1.0)
#: Names of weights, those that are preferred first.
_PREFERRED = "mobilenet_v2", "efficientnet_lite0"


@dataclass(frozen=True)
class Transfer:
    """What pretrained weights promise for these images.

    Attributes
    ----------
    weights : str
        Name of the weights.
    images : int
        Number of training images looked at.
    features : float
        Cross-validated accuracy of a linear layer on the features of the frozen network.
    untrained : float
        The same on the mean and deviation of every map of the network that would be trained from
        scratch, before it is trained.
    scratch : float
        Accuracy that this lets expect of training from scratch, roughly.
    advised : bool
        Whether the weights should be tried first.
    forecast : Forecast
        Time and memory of a run that starts from them.
    """

    weights: str
    images: int
    features: float
    untrained: float
    scratch: float
    advised: bool
    forecast: Forecast

    def to_dict(self) -> dict[str, Any]:
        """Return plain data, for JSON."""
        return {**vars(self), "forecast": self.forecast.to_dict()}


def available(run: Run) -> str | None:
    """Return the name of weights in the cache from which such a run could start, if there are any.

    Only for photographs, and where neither a model to start from nor a network was chosen.
    """
    usual = run.settings.model == default_for(run.source.kind)
    if run.source.kind != "photos" or run.settings.start is not None or not usual:
        return None
    return next((name for name in _PREFERRED if place(WEIGHTS[name]).exists()), None)


def transfer(run: Run, name: str) -> Transfer | None:
    """Look at what pretrained weights promise for the images of a run.

    Parameters
    ----------
    run : Run
        Prepared to start from scratch; it is not changed.
    name : str
        Name of weights in the cache.

    Returns
    -------
    Transfer or None
        None if the weights cannot be used.

    Notes
    -----
    ``docs/transfer.md`` derives the criterion, and says how often it was right.
    """
    settings = run.settings
    given = Given(
        start=None,
        seed=settings.seed,
        ratios=settings.ratios if run.source.split is None and settings.split is None else None,
        split=settings.split,
        backend=settings.backend,
        threads=settings.threads,
    )
    try:
        head = prepared(run.source, replace(given, start=pretrained(name)))
    except ClearconvError:
        return None
    samples = _some(run)
    labels, groups = run.source.labels[samples], run.source.twins.alike[samples]
    parts = _parts(labels, groups)
    assert isinstance(head.model, Sequential)
    below, _ = head.model.parted()
    features = accuracy(_features(head, below, samples), labels, parts)
    untrained = accuracy(_maps(run, samples), labels, parts)
    scratch = expected(untrained, len(run.source.classes))
    advised = features >= scratch - _TIE
    return Transfer(name, len(samples), features, untrained, scratch, advised, forecast(head))


def expected(untrained: float, classes: int) -> float:
    r"""Return the accuracy to be expected of training a network from scratch, roughly.

    Where an untrained network's maps tell the classes apart, training finds more of the same; where
    they do not, few images teach it little.

    Parameters
    ----------
    untrained : float
        Cross-validated accuracy of a linear layer on the untrained network's maps.
    classes : int
        Number of classes.

    Notes
    -----
    With the skill :math:`s = (a - 1/K) / (1 - 1/K)` of an accuracy a, training leaves the share
    :math:`1.27 - s` of the errors :math:`1 - s`. The line was fitted to three sets of images:
    ``docs/transfer.md``.
    """
    chance = 1 / classes
    skill = max(0.0, (untrained - chance) / (1 - chance))
    wrong = min(1.0, (1 - skill) * (_LEFT - skill))
    return 1 - wrong * (1 - chance)


def accuracy(x: Array, labels: Integers, parts: Integers) -> float:
    """Return the cross-validated accuracy of a linear layer, fitted by ridge regression.

    Parameters
    ----------
    x : ndarray of shape (n, features)
        One row per image.
    labels, parts : ndarray of int64, shape (n,)
        Class of each image, and the part in which it is tested.
    """
    targets = np.equal.outer(labels, np.unique(labels)).astype(np.float64)  # (n, K)
    right = np.zeros(len(_PENALTIES))
    for part in np.unique(parts):
        learn, test = parts != part, parts == part
        mean, deviation = x[learn].mean(axis=0), x[learn].std(axis=0) + 1e-6
        a, b = (x[learn] - mean) / deviation, (x[test] - mean) / deviation
        middle = targets[learn].mean(axis=0)
        alike = a @ a.T  # (n, n): fewer images than features
        for i, penalty in enumerate(_PENALTIES):
            strength = penalty * np.trace(alike) / len(alike)
            weights = np.linalg.solve(
                alike + strength * np.eye(len(alike)), targets[learn] - middle
            )
            said = (b @ a.T @ weights + middle).argmax(axis=1)
            right[i] += np.sum(targets[test][np.arange(len(said)), said])
    return float(right.max() / len(labels))


def _some(run: Run) -> Integers:
    """Return training images, the same number of each class as far as there are."""
    labels = run.source.labels[run.split.train]
    each = max(2, _LOOKED_AT // len(run.source.classes))
    chosen = [run.split.train[labels == label] for label in np.unique(labels)]
    spaced = [some[evenly_spaced(len(some), each)] for some in chosen]
    return np.concatenate(spaced)


def _parts(labels: Integers, groups: Integers) -> Integers:
    """Divide images into parts, class by class; copies of a picture stay together."""
    parts = np.empty(len(labels), dtype=np.int64)
    for label in np.unique(labels):
        mine = labels == label
        _, number = np.unique(groups[mine], return_inverse=True)
        parts[mine] = number.reshape(-1) % _PARTS
    return parts


def _features(head: Run, below: Node, samples: Integers) -> Array:
    """Return what the frozen layers give, (n, features)."""
    batches = Batches(head.source, samples, head.preprocessing, 32, workers=head.settings.threads)
    some = [below.forward(head.model.as_input(batch.x)) for batch in batches]
    return np.concatenate([one.reshape(len(one), -1) for one in some]).astype(np.float64)


def _maps(run: Run, samples: Integers) -> Array:
    """Return mean and deviation of each map of the run's own network, (n, 2 * maps)."""
    found: dict[str, list[Array]] = {}

    def look(layer: Layer, y: Array) -> None:
        if y.ndim == 4:
            both = [y.mean(axis=(2, 3)), y.std(axis=(2, 3))]
            found.setdefault(layer.path, []).append(np.concatenate(both, axis=1))

    batches = Batches(run.source, samples, run.preprocessing, 32, workers=run.settings.threads)
    for batch in batches:
        run.model.watch(run.model.as_input(batch.x), Context(), look)
    layers = [np.concatenate(rows) for rows in found.values()]
    return np.concatenate(layers, axis=1).astype(np.float64)
