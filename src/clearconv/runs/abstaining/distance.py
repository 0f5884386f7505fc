r"""How far an image is from those that a model has learnt from.

A softmax divides 1 among the classes that it knows, so a picture of none of them gets an answer as
well, often a sure one. What the last layer sees tells more: the features of such a picture seldom
point in a direction in which those of several training images point.

.. math:: u = f / |f|, \qquad d(f) = \sqrt{2 - 2 s_{(5)}}, \qquad
    s_{(1)} \ge s_{(2)} \ge \dots \text{ the sorted } u \cdot b_i

:math:`b_i` are the features of training images, of length 1 too, and d is the distance to the
fifth nearest: 0 for five copies, :math:`\sqrt 2` for an image at right angles to all. One alone
might be a training image that is odd itself.

Source: Sun, Ming, Zhu and Li, "Out-of-distribution detection with deep nearest neighbors", 2022,
section 3. ``docs/abstain.md`` compares it with the distance to the mean of a class.
"""

import numpy as np
import numpy.typing as npt

from clearconv.arrays import Array
from clearconv.layers import Context, Layer, Node
from clearconv.ops import linear

Integers = npt.NDArray[np.int64]

#: Which of the nearest training images counts.
NEAREST = 5
#: Most training images that are kept, and most numbers of their features (2 MB).
MOST_KEPT, MOST_NUMBERS = 400, 2**19


def head_of(model: Node) -> str:
    """Return the path of the last layer with parameters: what it sees are the features.

    Parameters
    ----------
    model : Node
        A built model.

    Returns
    -------
    str
        Path of the layer.
    """
    return [layer.path for layer in model.leaves() if layer.declared][-1]


def seen(model: Node, x: Array) -> tuple[Array, Array]:
    """Return what a model's last layer with parameters sees, and the logits.

    Parameters
    ----------
    model : Node
        A built model that gives logits.
    x : ndarray of shape (N, *model.input_shape)
        Input in the model's dtype.

    Returns
    -------
    features : ndarray of shape (N, D)
        Maps are averaged over their positions: D is then the number of channels.
    logits : ndarray of shape (N, K)
    """
    head, before, features = head_of(model), x, x

    def look(layer: Layer, y: Array) -> None:
        nonlocal before, features
        if layer.path == head:
            features = before
        before = y

    logits = model.watch(x, Context(), look)
    if features.ndim == 4:
        features = features.mean(axis=(2, 3), dtype=np.float64)  # (N, C)
    return features.reshape(len(x), -1), logits


def number_of_features(model: Node) -> int:
    """Return the number of features of one image, D, without running the model."""
    head, shape = head_of(model), model.input_shape
    for layer in model.leaves():
        if layer.path == head:
            break
        shape = layer.output_shape
    return int(shape[0]) if len(shape) == 3 else int(np.prod(shape))


def directions(features: Array) -> Array:
    """Return features scaled to length 1; those that are all 0 stay 0.

    Parameters
    ----------
    features : ndarray of shape (n, D)
        From `seen`.

    Returns
    -------
    ndarray of float32, shape (n, D)

    Notes
    -----
    .. math:: u_i = f_i / |f_i|
    """
    f = features.astype(np.float64)
    length = np.sqrt((f * f).sum(axis=1, keepdims=True))  # (n, 1)
    return (f / np.maximum(length, np.finfo(np.float64).tiny)).astype(np.float32)


def distances(features: Array, known: Array) -> Array:
    """Return the distance of each image to the fifth nearest training image.

    Parameters
    ----------
    features : ndarray of shape (n, D)
        From `seen`.
    known : ndarray of float32, shape (m, D)
        Training images' features of length 1, from `directions`; m at least 1. With fewer than
        five, the furthest of them counts.

    Returns
    -------
    ndarray of float64, shape (n,)
        From 0 to 2.
    """
    likeness = linear.forward(directions(features), known)  # (n, m)
    place = max(0, known.shape[0] - NEAREST)
    fifth = np.partition(likeness, place, axis=1)[:, place].astype(np.float64)  # (n,)
    return np.sqrt(np.maximum(2 - 2 * fifth, 0))


def kept(labels: Integers, features: int) -> Integers:
    """Choose the training images whose features are kept, equally many of each class.

    Parameters
    ----------
    labels : ndarray of int64, shape (n,)
        Classes of the training images.
    features : int
        Number of features of an image, D.

    Returns
    -------
    ndarray of int64
        Places among `labels`, ascending; all of a class that has few images.
    """
    classes = np.unique(labels)
    each = max(1, min(MOST_KEPT, MOST_NUMBERS // features) // len(classes))
    places = [np.flatnonzero(labels == k) for k in classes]
    return np.sort(
        np.concatenate(
            [p[np.linspace(0, len(p) - 1, min(each, len(p))).astype(int)] for p in places]
        )
    )
