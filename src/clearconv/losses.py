"""Losses: one number that measures how wrong an output is, and its gradient."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from clearconv.arrays import Array
from clearconv.errors import ArgumentError
from clearconv.layers.base.group import ALONE, Group
from clearconv.ops import cross_entropy, squared_error
from clearconv.ops.geometry.shards import WHOLE, Shards


@dataclass(frozen=True)
class CrossEntropy:
    """Cross-entropy of the softmax of logits; its gradient is (probability - target) / N.

    Attributes
    ----------
    label_smoothing : float
        Share of the target spread evenly over all classes, 0 <= s < 1.
    class_weight : sequence of float, optional
        Weight of each class: an image has the weight of its label's class, and the mean divides by
        the total weight. Label smoothing does not change the weight of an image.
    """

    label_smoothing: float = 0.0
    class_weight: Sequence[float] | None = None

    def __call__(
        self,
        y: Array,
        target: npt.NDArray[np.integer] | Array,
        shards: Shards = WHOLE,
        group: Group = ALONE,
    ) -> tuple[float, Array]:
        """Return the mean loss and dL/dy.

        Parameters
        ----------
        y : ndarray of shape (N, K)
            Logits.
        target : ndarray of shape (N,) of int, or (N, K)
            Class numbers, or probabilities.
        shards : Shards
            Which shards of a batch these images are.
        group : Group
            Who holds the others; the mean is over all.

        Returns
        -------
        loss : float
            Mean over the batch.
        grad_y : ndarray of shape (N, K)
            For ``model.backward``.

        Raises
        ------
        ShapeError
            If a label is not a class, or the shapes do not fit.
        ArgumentError
            If a row of probabilities has a negative number, or does not sum to 1.
        """
        weight = None if self.class_weight is None else np.asarray(self.class_weight, y.dtype)
        how = y, target, self.label_smoothing, weight
        loss, saved = _saving(cross_entropy, cross_entropy.mean_loss, how, shards, group)
        return float(loss), cross_entropy.backward_input(saved)

    def weighed(
        self, y: Array, target: npt.NDArray[np.integer] | Array, weight: Array
    ) -> tuple[float, Array]:
        """Return the loss and dL/dy where each image counts by a weight of its own.

        Parameters
        ----------
        y : ndarray of shape (N, K)
            Logits.
        target : ndarray of shape (N,) of int, or (N, K)
            Class numbers, or probabilities.
        weight : ndarray of shape (N,)
            Weight of each image, in addition to that of its class. Where they are 1 on average
            over all images, the step is on average as large as without weights.

        Returns
        -------
        loss : float
            Sum of weight times loss, over N.
        grad_y : ndarray of shape (N, K)
            For ``model.backward``.

        Raises
        ------
        ShapeError, ArgumentError
            As without weights.
        """
        classes = None if self.class_weight is None else np.asarray(self.class_weight, y.dtype)
        losses, saved = cross_entropy.forward_saving(
            y, target, self.label_smoothing, classes, "none"
        )
        share = (np.asarray(weight, np.float64) / len(y)).astype(y.dtype)  # (N,)
        return float(losses @ share), cross_entropy.backward_input(saved, share)


@dataclass(frozen=True)
class SquaredError:
    """Squared difference.

    Attributes
    ----------
    reduction : {"mean", "sum", "half_sum"}
        "half_sum" is the article's E = 1/2 sum (t - y)², whose gradient is y - t.
    """

    reduction: str = "mean"

    def __post_init__(self) -> None:
        """Check the reduction before the first batch."""
        if self.reduction not in ("mean", "sum", "half_sum"):
            raise ArgumentError(
                f"SquaredError: reduction={self.reduction!r}, but a loss is one number: choose "
                "'mean', 'sum' or 'half_sum'. clearconv.ops.squared_error.forward(..., "
                "reduction='none') gives the square of each difference."
            )

    def __call__(
        self, y: Array, target: Array, shards: Shards = WHOLE, group: Group = ALONE
    ) -> tuple[float, Array]:
        """Return the loss and dL/dy.

        Parameters
        ----------
        y, target : ndarray of the same shape
        shards : Shards
            Which shards of a batch these samples are.
        group : Group
            Who holds the others; the loss is that of all.

        Returns
        -------
        loss : float
        grad_y : ndarray of the shape of y

        Raises
        ------
        ShapeError
            If the shapes differ.
        """
        how = y, target, self.reduction
        loss, saved = _saving(squared_error, squared_error.whole_loss, how, shards, group)
        return float(loss), squared_error.backward_input(saved)


def _saving(
    chapter: Any, whole: Callable[..., Any], how: tuple[Any, ...], shards: Shards, group: Group
) -> tuple[Array, Any]:
    """Return the loss of the whole batch, which `whole` makes of its sums, and what was saved."""
    if shards is WHOLE and group is ALONE:
        found: tuple[Array, Any] = chapter.forward_saving(*how)
        return found
    sums, saved = chapter.loss_sums(*how, shards=shards, joined=True)
    loss, saved = whole(group.combine(sums, "sum"), saved)
    return loss, saved
