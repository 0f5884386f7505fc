"""The numbers that a file will hold: batch norm folded, weights rounded."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass

import numpy as np

from clearconv.arrays import Array
from clearconv.errors import ArgumentError
from clearconv.exchange.onnx.operators.base.writer import packed, unpacked
from clearconv.layers import BatchNorm2d, Conv2d, ConvTranspose2d, Layer, Linear, Node
from clearconv.layers.wiring.places import Places

#: Layers whose filters a batch norm after them can be folded into.
_FILTERS = (Conv2d, ConvTranspose2d, Linear)


@dataclass(frozen=True)
class Numbers:
    """Parameters and running statistics as a file holds them.

    Attributes
    ----------
    arrays : dict
        Path -> float32 array; those of a folded batch norm are left out, and the layer before it
        has a bias.
    folded : dict
        Path of each folded batch norm -> path of the layer that it was folded into.
    stored : dict
        Path -> dtype of the filters and matrices that are kept in less than float32.
    """

    arrays: dict[str, Array]
    folded: dict[str, str]
    stored: dict[str, str]

    @classmethod
    def of(cls, model: Node, graph: Places, fold: bool, weights: str) -> "Numbers":
        """Collect a model's numbers.

        Parameters
        ----------
        model : Node
            Built model.
        graph : Places
            Its wiring.
        fold : bool
            Whether to fold batch norms into the filters before them.
        weights : str
            Dtype of filters and matrices in the file: "float32", "float16" or "bf16".

        Returns
        -------
        Numbers

        Raises
        ------
        ArgumentError
            If a weight is too large for float16.
        """
        store = model.store
        exact = {**store.parameters, **store.buffers}
        arrays = {path: np.asarray(array, np.float32) for path, array in exact.items()}
        folded: dict[str, str] = {}
        if fold:
            for before, norm in _pairs(graph):
                folded[norm.path] = before.path
                _fold(before, norm, exact, arrays)
        stored: dict[str, str] = {}
        if weights != "float32":
            filters = (layer for layer in model.leaves() if isinstance(layer, _FILTERS))
            stored = {_join(layer.path, "weight"): weights for layer in filters}
            arrays |= {path: _rounded(path, arrays[path], weights) for path in stored}
        return cls(arrays, folded, stored)

    def as_model(self, model: Node) -> Node:
        """Return a copy of the model that has these numbers, to compute what a file will give."""
        copy = deepcopy(model)
        held = {**copy.store.parameters, **copy.store.buffers}
        for path, array in held.items():
            if path in self.arrays:
                array[...] = self.arrays[path]
        for norm, filters in self.folded.items():
            layer = next(each for each in copy.leaves() if each.path == norm)
            assert isinstance(layer, BatchNorm2d)
            layer.value("weight")[...] = 1
            layer.value("bias")[...] = self.arrays[_join(filters, "bias")]
            layer.value("running_mean")[...] = 0
            layer.value("running_var")[...] = 1 - layer.eps
            if (bias := held.get(_join(filters, "bias"))) is not None:
                bias[...] = 0
        return copy


def _pairs(graph: Places) -> list[tuple[Layer, BatchNorm2d]]:
    """Return each layer of filters that a batch norm reads, and nothing else does."""
    places = {place.path: place.node for place in graph.places}
    found: list[tuple[Layer, BatchNorm2d]] = []
    for place in graph.places:
        if not place.sources:
            continue  # a constant
        norm, before = place.node, places.get(place.sources[0])
        if type(norm) is not BatchNorm2d or type(before) not in _FILTERS:
            continue
        assert isinstance(before, _FILTERS)
        alone = len(graph.consumers(before.path)) == 1 and before.path != graph.end
        shared = getattr(before, "shared_biases", True)
        if alone and shared and before.activation == "identity":
            found.append((before, norm))
    return found


def _fold(
    filters: Layer, norm: BatchNorm2d, exact: Mapping[str, Array], arrays: dict[str, Array]
) -> None:
    """Multiply the filters by the batch norm's scale, and make its shift their bias."""
    gamma, beta, mean, var = (
        exact[_join(norm.path, name)].astype(np.float64)
        for name in ("weight", "bias", "running_mean", "running_var")
    )
    scale = gamma / np.sqrt(var + norm.eps)  # (O,)
    weight = exact[_join(filters.path, "weight")].astype(np.float64)
    if isinstance(filters, ConvTranspose2d):
        groups = filters.geometry["groups"]
        apart = weight.reshape(groups, -1, *weight.shape[1:])  # (groups, C/groups, O/groups, ...)
        scales = scale.reshape(groups, 1, -1, 1, 1)
        weight = (apart * scales).reshape(weight.shape)
    else:
        weight = weight * scale.reshape(-1, *(1,) * (weight.ndim - 1))
    bias = exact.get(_join(filters.path, "bias"))
    shift = beta - mean * scale if bias is None else beta + (bias - mean) * scale
    arrays[_join(filters.path, "weight")] = weight.astype(np.float32)
    arrays[_join(filters.path, "bias")] = shift.astype(np.float32)
    for name in ("weight", "bias", "running_mean", "running_var"):
        del arrays[_join(norm.path, name)]


def _rounded(path: str, array: Array, stored: str) -> Array:
    rounded = unpacked(packed(array, stored))
    if np.isfinite(array).all() and not np.isfinite(rounded).all():
        raise ArgumentError(
            f"export_onnx: {path} has numbers up to {np.abs(array).max():g}, but float16 ends at "
            "65504. Use weights='bf16', which has float32's range, or weights='float32'."
        )
    return rounded


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
