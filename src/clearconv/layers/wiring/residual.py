"""Layers with a shortcut around them."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from clearconv.arrays import Array, Shape
from clearconv.errors import ShapeError
from clearconv.layers.activation.activations import Activation
from clearconv.layers.base.node import Node
from clearconv.layers.base.staged import Call, StageRow
from clearconv.layers.base.tape import Context, Tape
from clearconv.layers.stages.chain import Chain
from clearconv.layers.stages.stage import ResidualEnd, computed
from clearconv.layers.wiring.container import Container
from clearconv.ops import activation, conv_block


class Residual(Container):
    """The body's result plus the input itself: y = activation(body(x) + shortcut(x)).

    The sum passes `grad_y` unchanged to both summands, so gradients get through a deep stack.

    Parameters
    ----------
    *body : Node
        Nodes of the body, in the order they run.
    shortcut : Node, optional
        Node that the input goes through; none by default. Needed if the body changes the shape.
        Its path is its own name, or "shortcut".
    activation : str, optional
        Applied after the addition.
    name : str, optional
        Its part of the path.

    References
    ----------
    He et al., "Deep residual learning for image recognition", 2016.
    """

    prefix = "residual"
    starred = "body"

    def __init__(
        self,
        *body: Node,
        shortcut: Node | None = None,
        activation: str | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(name, body=body, shortcut=shortcut, activation=activation)
        self.body = self._adopt_all(body)
        self.shortcut = self._adopt(shortcut, "shortcut") if shortcut is not None else None
        self.activation = (
            self._adopt(Activation(activation), "activation") if activation is not None else None
        )

    def _wire(self, input_shape: Shape) -> Shape:
        shape = self._chain(self.body, input_shape)
        beside = input_shape
        if self.shortcut is not None:
            beside = self._place_child(self.shortcut, input_shape)
        if shape != beside:
            raise ShapeError(
                f"Residual '{self.path}': the body gives {shape}, but the shortcut {beside}; they "
                "are added, so they must agree. Give a shortcut, such as "
                f"Conv2d({shape[0]}, 1, stride=...), or padding in the body."
            )
        if self.activation is not None:
            self._place_child(self.activation, shape)
        self.steps = Chain(node for key in self.body for node in self.children[key].in_a_row())
        self.aside = Chain(self.children[self.shortcut].in_a_row() if self.shortcut else [])
        return shape

    def _ends_in_relu(self, tape: Tape | None) -> bool:
        """Whether addition and activation are one pass."""
        unfused = tape is not None and tape.keep == "all"
        return self.arguments["activation"] == "relu" and not unfused

    def _stage_rows(self, training: bool) -> Iterator[StageRow]:
        if type(self)._run is not Residual._run:
            yield from super()._stage_rows(training)
            return
        yield from self.aside.rows(training)
        after = self.children[self.activation] if self.activation is not None else None
        relu = self.arguments["activation"] == "relu"
        paths = (self.path or "sum", *((after.path,) if after is not None and relu else ()))
        words = "sum + ReLU" if relu else "sum"
        if not training and (after is None or relu):
            yield from self.steps.rows_with_sum(words, paths)
            return
        yield from self.steps.rows(training)
        yield StageRow(paths, (Call("conv_block.add", words),))
        if after is not None and not relu:
            yield from after._stage_rows(training)

    def _run(self, x: Array, context: Context, tape: Tape | None) -> Array:
        relu, after = self._ends_in_relu(tape), self.activation
        beside = self.aside.run(x, context, tape)
        if tape is None and (after is None or relu) and x.shape[1:] == self.input_shape:
            return computed(self.steps.run(x, context, None, ResidualEnd(computed(beside), relu)))
        body = self.steps.run(x, context, tape)
        self._check_shapes(body.shape, beside.shape)
        y = conv_block.add(body, beside, relu)
        if after is not None and relu and tape is not None:
            tape.saved[self.children[after].path] = y
        elif after is not None and not relu:
            y = self.children[after]._run(y, context, tape)
        if tape is not None:
            tape.around(self.path, x, y)
        return y

    def _check_shapes(self, body: Shape, beside: Shape) -> None:
        if body != beside:  # another image size than the model was built for
            raise ShapeError(
                f"Residual '{self.path}': the body gives {body}, but the shortcut {beside}. "
                f"The model was built for {self.input_shape}; does the image size differ?"
            )

    def _run_back(self, grad_y: Array, tape: Tape, context: Context) -> Array | None:
        tape.around_back(self.path, grad_y)
        own = False  # whether grad_y may be overwritten
        if self.activation is not None:
            after = self.children[self.activation]
            inner = replace(context, input_gradient=True)
            if self._ends_in_relu(tape):
                saved = activation.ActivationSaved("relu", 0.0, tape.recall(after.path, grad_y))
                grad_y, own = activation.backward_input(grad_y, saved), True
            else:
                grad = after._run_back(grad_y, tape, inner)
                assert grad is not None
                grad_y = grad
        beside: Array | None = grad_y
        if self.shortcut is not None:
            beside = self.aside.run_back(grad_y, tape, context)
            own = beside is not None and not np.may_share_memory(beside, grad_y)
            own = own and tape.keep != "all"  # the tape holds what a layer returned
        if not context.input_gradient:
            self.steps.run_back(grad_y, tape, context)
            return None
        assert beside is not None
        return self.steps.run_back(grad_y, tape, context, beside if own else beside.copy(order="K"))
