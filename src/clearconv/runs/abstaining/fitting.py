"""Temperature and thresholds from the images of a run."""

import numpy as np
import numpy.typing as npt

from clearconv.arrays import Array
from clearconv.data import Batches, Preprocessing, Source, Split
from clearconv.layers import Node
from clearconv.runs.abstaining.abstainer import Abstainer
from clearconv.runs.abstaining.distance import kept, number_of_features, seen

Integers = npt.NDArray[np.int64]

#: Images at a time: every layer runs separately, which takes memory.
_AT_A_TIME = 16


def fit_abstainer(
    model: Node, source: Source, split: Split, preprocessing: Preprocessing
) -> Abstainer | None:
    """Fit what is needed to abstain: features of training images, the rest on validation images.

    Parameters
    ----------
    model : Node
        The trained model; its classes are the source's.
    source, split
        The run's data and their parts.
    preprocessing : Preprocessing
        Preprocessing of the model.

    Returns
    -------
    Abstainer or None
        None if the model's answer to one of the images is not finite.
    """
    train = split.train[kept(source.labels[split.train], number_of_features(model))]
    with np.errstate(all="ignore"):
        features, _ = all_seen(model, source, train, preprocessing)
        validated, logits = all_seen(model, source, split.validation, preprocessing)
        if not all(np.isfinite(array).all() for array in (features, validated, logits)):
            return None
        labels = source.labels[split.validation]
        return Abstainer.fit(features, (validated, logits, labels))


def all_seen(
    model: Node, source: Source, samples: Integers, preprocessing: Preprocessing
) -> tuple[Array, Array]:
    """Return features and logits of images of a source.

    Parameters
    ----------
    model : Node
        The model.
    source : Source
        The images.
    samples : ndarray of int64
        Their numbers, at least one.
    preprocessing : Preprocessing
        Preprocessing of the model.

    Returns
    -------
    features : ndarray of shape (n, D)
    logits : ndarray of shape (n, K)
    """
    batches = Batches(source, samples, preprocessing, _AT_A_TIME)
    features, logits = zip(*(seen(model, model.as_input(b.x)) for b in batches), strict=True)
    return np.concatenate(features), np.concatenate(logits)
