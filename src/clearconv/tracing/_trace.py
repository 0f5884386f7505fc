"""A trace and its methods."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import index as whole
from typing import Any

import numpy as np

from clearconv.arrays import Array
from clearconv.errors import ArgumentError
from clearconv.layers import Context
from clearconv.layers.base.staged import Stages
from clearconv.tracing._data import LayerTrace, LossTrace, UpdateTrace, numbered
from clearconv.tracing._explanation import Explanation, Factor, Index
from clearconv.tracing._function import function_of
from clearconv.tracing._sums import lay_out
from clearconv.tracing.chapters import explainer_of
from clearconv.tracing.chapters.explainer import Derivation, Derivations, Explainer
from clearconv.tracing.chapters.joins import image, incoming, joined
from clearconv.tracing.chapters.loss import LossExplainer
from clearconv.tracing.chapters.update import updates
from clearconv.words import meant

#: Quantities with one number per image: the image's axis may be left out.
_BY_IMAGE = "y net grad_y grad_net grad_x x_hat mask argmax probabilities grad".split()


@dataclass(frozen=True, eq=False, repr=False)
class Trace:
    """One forward and backward pass with every number kept.

    Attributes
    ----------
    layers : tuple of LayerTrace
        Input first, then layers and places where branches meet, in the order they ran.
    loss : LossTrace, optional
        Loss of the output; None if the gradient of the output was given instead.
    update : UpdateTrace, optional
        Next step of the optimiser; None if no optimiser was given.
    context : Context
        Context of the pass.
    stages : Stages
        Layers that a training step runs as one; the traced pass ran each separately.
    """

    layers: tuple[LayerTrace, ...]
    loss: LossTrace | None
    update: UpdateTrace | None
    context: Context
    stages: Stages

    def __getitem__(self, path: str) -> LayerTrace:
        """Return the layer of this path.

        Raises
        ------
        ArgumentError
            If there is none; the message lists the existing ones.
        """
        if path not in self._by_path:
            raise ArgumentError(self._unknown(path))
        return self._by_path[path]

    def quantities(self, path: str) -> tuple[str, ...]:
        """Return the quantities of a layer, or of the loss, that can be explained.

        Parameters
        ----------
        path : str
            Path of a layer, or ``trace.loss.path``.

        Returns
        -------
        tuple of str
            Such as ("y", "grad_y", "grad_x", "grad_weight", "grad_bias").

        Raises
        ------
        ArgumentError
            If there is no such layer.
        """
        return tuple(self._derivations(path)[0])

    def array(self, path: str, quantity: str) -> Array:
        """Return the array of a quantity.

        Parameters
        ----------
        path : str
            Path of a layer, or ``trace.loss.path``.
        quantity : str
            One of ``quantities(path)``.

        Returns
        -------
        ndarray

        Raises
        ------
        ArgumentError
            If there is no such layer or quantity.
        """
        return self._asked(path, quantity)[2]

    def explain(
        self,
        path: str,
        quantity: str,
        index: int | Sequence[int] = (),
        *,
        largest: int | None = None,
    ) -> Explanation:
        """Explain how one number was computed.

        Parameters
        ----------
        path : str
            Path of a layer, or ``trace.loss.path``.
        quantity : str
            One of ``quantities(path)``: "y", "grad_y" (dL/dy), "grad_x" (dL/dx, as this layer
            returned it), "net" and "grad_net" around an activation inside the layer, "grad_weight"
            and "grad_bias" (or "weight" and "bias"), "weight.update" for a weight after the
            optimiser's step; for some layers more, such as "mean" of batch norm.
        index : sequence of int
            Index of the element; without the axis of the images it refers to image 0.
        largest : int, optional
            Number of the largest terms listed for a longer sum, with the sum of the others.

        Returns
        -------
        Explanation

        Raises
        ------
        ArgumentError
            If there is no such layer, quantity or element, or the layer is your own.
        """
        if largest is not None and (not hasattr(largest, "__index__") or largest < 0):
            raise ArgumentError(f"explain: largest={largest!r} must be an integer of at least 0.")
        quantity, explain, array = self._asked(path, quantity)
        place = _place(path, quantity, index, array.shape)
        explained = explain(place)
        terms, rest, left_out = lay_out(explained.sums, largest)
        return Explanation(
            path=path,
            quantity=quantity,
            index=place,
            value=float(array[place]),
            terms=terms,
            steps=explained.steps,
            rest=rest,
            left_out=left_out,
            formula=explained.formula,
            reference=explained.reference,
            function=function_of(explained.function),
            note=explained.note,
        )

    def origin(self, factor: Factor) -> tuple[str, str, Index] | None:
        """Return the arguments with which `explain` shows where a factor comes from.

        Parameters
        ----------
        factor : Factor
            Factor of a term or step.

        Returns
        -------
        (path, quantity, index) or None
            None for numbers not computed in this pass (weights, constants), and for those that your
            own layer computed.
        """
        path, name, judged = factor.path, factor.array, self.loss
        if judged is not None and path == judged.path:
            if name in ("logits", "(y - target)"):
                path, name = judged.source, "y"
            elif name == "-log p":
                name = "probabilities"
        elif name in ("x", "(x - mean)"):
            path, name = self[path].sources[0], "y"
        elif 0 <= (number := numbered(name)) < len(self[path].xs) and name.startswith("x"):
            path, name = self[path].sources[number], "y"
        return (path, name, factor.index) if name in self.quantities(path) else None

    @property
    def nbytes(self) -> int:
        """Return the memory of the arrays, with those that several layers share counted once."""
        blocks: dict[int, int] = {}
        for layer in self.layers:
            arrays = [layer.x, layer.y, layer.grad_y, layer.grad_x, *layer.saved.values()]
            for parameter in layer.parameters.values():
                given = parameter.value, parameter.gradient, parameter.updated
                arrays += [*given, *parameter.memory.values()]
            for array in arrays:
                if array is not None:
                    while isinstance(array.base, np.ndarray):
                        array = array.base
                    blocks[id(array)] = array.nbytes
        return sum(blocks.values())

    def __repr__(self) -> str:
        """Return the size of the trace in one line."""
        images, mode = len(self.layers[0].y), "training" if self.context.training else "evaluation"
        batch = f"a batch of {images}" if images > 1 else "one image"
        return f"<Trace of {len(self.layers) - 1} layers, {batch}, {mode}, {self.nbytes:,} bytes>"

    @cached_property
    def _by_path(self) -> dict[str, LayerTrace]:
        return {layer.path: layer for layer in self.layers}

    @cached_property
    def _explainers(self) -> dict[str, Explainer]:
        found = {layer.path: explainer_of(layer) for layer in self.layers}
        return {path: one for path, one in found.items() if one is not None}

    def _derivations(self, path: str) -> tuple[Derivations, Callable[[str], Array]]:
        """Return the explainer of each quantity of a path, and where its array is."""
        if self.loss is not None and path == self.loss.path:
            judge = LossExplainer(self.loss)
            return judge.derivations(), judge.array
        layer, explainer = self[path], self._explainers.get(path)
        found: Derivations = {}
        if layer.type == "Input":
            found["y"] = lambda index: image(layer, index)
        elif layer.x is None and not layer.several:
            found["y"] = lambda index: joined(self._by_path, layer, index)
        elif explainer is not None:
            found |= explainer.derivations()
        found["grad_y"] = lambda index: incoming(self._by_path, self.loss, layer, index)
        found |= updates(layer, self.update)
        order = ("y", "net", "grad_y", "grad_net", "grad_x")
        first = {name: found[name] for name in order if name in found}
        return {**first, **found}, layer.array

    def _asked(self, path: str, quantity: str) -> tuple[str, Callable[[Index], Derivation], Array]:
        derivations, array = self._derivations(path)
        layer = self._by_path.get(path)
        known = layer is not None and quantity in layer.parameters
        name = f"grad_{quantity}" if known else quantity
        if name not in derivations:
            raise ArgumentError(self._unexplained(path, quantity, tuple(derivations)))
        return name, derivations[name], array(name)

    def _unknown(self, path: Any) -> str:
        paths = list(self._by_path)
        shown = paths if len(paths) <= 16 else [*paths[:8], "...", *paths[-4:]]
        return f"there is no layer {path!r}; there are {', '.join(shown)}.{meant(path, paths)}"

    def _unexplained(self, path: str, quantity: Any, known: tuple[str, ...]) -> str:
        what = f"explain: {path!r} has no quantity {quantity!r}"
        if isinstance(quantity, str) and quantity.endswith(".update") and self.update is None:
            return f"{what}: no optimiser was given. Use trace(..., optimiser=SGD(model, lr=0.01))."
        layer = self._by_path.get(path)
        if layer is not None and layer.own:
            return (
                f"{what} that can be explained: {layer.type} is a layer of your own, and only its "
                f"code knows its formulas. It has {', '.join(known)}; its arrays are in the trace."
            )
        explained = layer is None or path in self._explainers
        if layer is not None and not explained and (layer.x is not None or layer.several):
            return (
                f"{what} that can be explained: nothing in clearconv.tracing.chapters explains "
                f"{layer.chapter or layer.type} yet. It has {', '.join(known)}; its arrays are in "
                "the trace."
            )
        return f"{what}; it has {', '.join(known)}."


def _place(path: str, quantity: str, index: Any, shape: tuple[int, ...]) -> Index:
    """Return an element's index, with the images' axis and negative numbers resolved."""
    given = index if isinstance(index, Sequence | np.ndarray) else (index,)
    try:
        place = tuple(whole(one) for one in given)
        if len(place) == len(shape) - 1 and quantity in _BY_IMAGE:
            place = (0, *place)
        if len(place) != len(shape):
            raise IndexError
        return tuple(range(size)[one] for one, size in zip(place, shape, strict=True))
    except (IndexError, TypeError):
        raise ArgumentError(
            f"explain: index={index!r}, but {quantity} of {path!r} has shape {shape}."
        ) from None
