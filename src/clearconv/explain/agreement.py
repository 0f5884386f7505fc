"""How well two maps agree, and whether a map depends on what the model has learnt."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from clearconv.arrays import Array
from clearconv.explain.gradient_maps import chosen_layer, grad_cam
from clearconv.layers import Node, from_spec
from clearconv.random import generator

#: Largest number of networks examined between the trained and the fully random one.
_STEPS = 6
#: Above this mean rank correlation the maps of a random network count as unchanged.
_ALIKE = 0.5


@dataclass(frozen=True, eq=False)
class SanityCheck:
    """How much Grad-CAM maps change as a model's weights are replaced by random ones.

    Attributes
    ----------
    layer : str
        Layer whose maps were weighted.
    images : int
        Number of images examined: those for which the trained model's map is not 0 everywhere.
    steps : tuple of (str, float)
        Path of the lowest replaced layer (all above it are replaced too), and the mean rank
        correlation of the new maps with the trained model's; NaN without images. After the last
        step no trained weight is left.
    trained, random : ndarray of shape (N, H, W)
        The maps of the trained model, and of the one without a trained weight.
    """

    layer: str
    images: int
    steps: tuple[tuple[str, float], ...]
    trained: Array
    random: Array

    @property
    def correlation(self) -> float:
        """Return the mean rank correlation once every weight is random; 0 means no relation."""
        return self.steps[-1][1]

    @property
    def passed(self) -> bool:
        """Return whether a random network's maps differ enough; False if unknown."""
        return self.correlation < _ALIKE


def sanity_check(
    model: Node,
    x: Array,
    target: Sequence[int] | None = None,
    layer: str | None = None,
    seed: int = 0,
) -> SanityCheck:
    """Replace a model's weights by random ones, from the head down, and compare its maps.

    A map that stays the same shows the image, not the model: an edge detector would pass for an
    explanation. The model itself keeps its weights.

    Parameters
    ----------
    model : Node
        Trained; gives logits, one per class.
    x : ndarray of shape (N, C, H, W)
        A few inputs, prepared as in training.
    target : sequence of N ints, optional
        Classes to explain; by default the trained model's answers.
    layer : str, optional
        As for ``grad_cam``.
    seed : int
        Seed of the random weights.

    Returns
    -------
    SanityCheck

    References
    ----------
    Adebayo et al., "Sanity checks for saliency maps", 2018: cascading randomization, Spearman's
    rank correlation.
    """
    layer = chosen_layer(model, layer)
    chosen = np.asarray(model.forward(x).argmax(axis=1) if target is None else target).tolist()
    before = grad_cam(model, x, chosen, layer)
    shown = before.any(axis=(1, 2))  # a map that shows nothing cannot change
    learnt = [leaf.path for leaf in model.leaves() if leaf.declared][::-1]  # the head first
    steps = []
    for count in np.unique(np.linspace(1, len(learnt), min(_STEPS, len(learnt))).round()):
        replaced = learnt[: int(count)]
        after = grad_cam(randomised(model, replaced, seed), x, chosen, layer)
        alike = [rank_correlation(a, b) for a, b in zip(before[shown], after[shown], strict=True)]
        steps.append((replaced[-1], float(np.mean(alike)) if alike else float("nan")))
    return SanityCheck(layer, int(shown.sum()), tuple(steps), before, after)


def randomised(model: Node, layers: Sequence[str], seed: int = 0) -> Node:
    """Return a copy in which some layers are untrained.

    Parameters
    ----------
    model : Node
        Not changed.
    layers : sequence of str
        Paths of the layers whose parameters and running statistics are initialised again.
    seed : int
        Seed of the random weights, which differ from those that training with it starts from.

    Returns
    -------
    Node
        Built.
    """
    other = int(generator(seed, "sanity check").integers(2**62))
    copy = from_spec(model.spec()).build(model.input_shape, other, model.store.dtype)
    fresh, trained = copy.state_dict(), model.state_dict()
    names = set(layers)
    copy.load_state_dict(
        {
            path: fresh[path] if path.rpartition(".")[0] in names else array
            for path, array in trained.items()
        }
    )
    return copy


def rank_correlation(a: npt.ArrayLike, b: npt.ArrayLike) -> float:
    """Compare two maps by the order of their pixels (Spearman's rank correlation).

    Parameters
    ----------
    a, b : array of one shape
        Equal values share the mean of their ranks.

    Returns
    -------
    float
        1 for the same order, -1 for the opposite, 0 where one of the maps is constant.
    """
    first, second = (_ranks(np.asarray(values).ravel()) for values in (a, b))
    first, second = first - first.mean(), second - second.mean()
    size = np.sqrt((first @ first) * (second @ second))
    return float(first @ second / size) if size > 0 else 0.0


def _ranks(values: Array) -> Array:
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[place]
