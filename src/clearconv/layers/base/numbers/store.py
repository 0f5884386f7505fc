"""Parameters of a model in one flat array, gradients in another, each parameter a view."""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from clearconv.arrays import Array
from clearconv.errors import ArgumentError, DtypeError, ModelFileError
from clearconv.layers.base.numbers.parameter import Leaf, join
from clearconv.random import generator
from clearconv.saving.digest import update_digest
from clearconv.words import some

#: PyTorch's batch norm counts its batches; nothing here depends on that.
_COUNTERS = "num_batches_tracked"
_MOST = 12  # wrong shapes listed in a message


class Unmatched(NamedTuple):
    """What ``load_state_dict`` left alone: paths of the model, and names of the state."""

    missing_keys: list[str]
    unexpected_keys: list[str]


class Store:
    """The numbers of a model.

    One optimiser call, one buffer to save: decayed parameters (weights) come first, the others
    (biases, norms) after them, so that each kind is one slice.

    Attributes
    ----------
    values, grads : ndarray of shape (count,)
        Every parameter, and every gradient, end to end.
    decayed : int
        The first `decayed` numbers take part in weight decay.
    frozen : (int, int)
        Number of the first decayed numbers, and of the first others, that are kept as they are.
    parameters, gradients, buffers : dict
        Path -> view of `values`, view of `grads`, running statistics.
    """

    def __init__(
        self, layers: list[Leaf], seed: int, dtype: np.dtype[Any], draw: bool = True
    ) -> None:
        if dtype not in (np.float32, np.float64):
            raise DtypeError(f"build: dtype={dtype}, but it must be 'float32' or 'float64'.")
        self.dtype = dtype
        declared = [
            (layer, name, parameter)
            for layer in layers
            for name, parameter in layer.declared.items()
        ]
        declared.sort(key=lambda item: not item[2].decay)  # stable: weights first, in order
        sizes = [parameter.size for _, _, parameter in declared]
        self.values = np.zeros(sum(sizes), dtype)
        self.grads = np.zeros(sum(sizes), dtype)
        self.decayed = sum(item.size for _, _, item in declared if item.decay)
        self.frozen = (0, 0)
        self.parameters: dict[str, Array] = {}
        self.gradients: dict[str, Array] = {}
        self.buffers: dict[str, Array] = {}
        start = 0
        for (layer, name, parameter), size in zip(declared, sizes, strict=True):
            path = join(layer.path, name)
            value = self.values[start : start + size].reshape(parameter.shape)
            grad = self.grads[start : start + size].reshape(parameter.shape)
            if draw:  # otherwise values are about to be loaded
                value[...] = parameter.initial(generator(seed, "init", path))
            self.parameters[path] = layer.parameters_here[name] = value
            self.gradients[path] = layer.gradients_here[name] = grad
            start += size
        for layer in layers:
            for name, initial in layer.declared_buffers.items():
                layer.buffers_here[name] = initial.astype(dtype)
                self.buffers[join(layer.path, name)] = layer.buffers_here[name]

    @property
    def trainable(self) -> tuple[tuple[slice, bool], ...]:
        """The parts of `values` that an optimiser moves, each with whether it decays."""
        weights, others = self.frozen
        rest = slice(self.decayed + others, self.values.size)
        return (slice(weights, self.decayed), True), (rest, False)

    def freeze(self, layers: Iterable[Leaf]) -> None:
        """Freeze the parameters of these, the first layers of the model; unfreeze all others."""
        parameters = [item for layer in layers for item in layer.declared.values()]
        weights = sum(item.size for item in parameters if item.decay)
        self.frozen = weights, sum(item.size for item in parameters) - weights
        self.grads[...] = 0  # what passes no longer write must not look like a gradient

    def state(self) -> dict[str, Array]:
        """Return copies of parameters and buffers, by path."""
        return {path: array.copy() for path, array in self._all().items()}

    def load(self, state: dict[str, Array], strict: bool = True) -> Unmatched:
        """Check a state, then copy it in; unless `strict`, only the names that match."""
        if not isinstance(state, Mapping):
            raise ArgumentError(
                f"load_state_dict: state is a {type(state).__name__}, but a dict of path -> array "
                "is needed, as from model.state_dict(). A saved model is read by "
                "clearconv.load(path)."
            )
        mine = self._all()
        missing, unknown = mine.keys() - state.keys(), state.keys() - mine.keys()
        unknown = {path for path in unknown if not str(path).endswith(_COUNTERS)}
        if strict and (missing or unknown):
            raise ModelFileError(
                f"The state does not fit the model: missing {some(sorted(missing))}; not in the "
                f"model {some(sorted(map(str, unknown)))}. Is it the same architecture, with the "
                "same options?"
            )
        taken = {path: array for path, array in mine.items() if path in state}
        wrong = [
            f"{path} has shape {np.shape(state[path])}, but the model's is {array.shape}"
            for path, array in taken.items()
            if np.shape(state[path]) != array.shape
        ]
        if wrong:
            raise ModelFileError(
                f"The state does not fit the model: {'; '.join(wrong[:_MOST])}"
                f"{f'; and {len(wrong) - _MOST} more' if len(wrong) > _MOST else ''}. Is the "
                "number of classes the same?"
            )
        for path, array in taken.items():
            array[...] = state[path]
        return Unmatched(sorted(missing), sorted(map(str, unknown)))

    def fingerprint(self) -> str:
        """Return the SHA-256 of all parameters and buffers: equal bits, equal fingerprint."""
        digest = hashlib.sha256()
        for path, array in sorted(self._all().items()):
            update_digest(digest, path, array)
        return digest.hexdigest()

    def _all(self) -> dict[str, npt.NDArray[Any]]:
        return {**self.parameters, **self.buffers}
