"""The context of a forward pass, and what it keeps for the backward pass."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from clearconv.arrays import Array
from clearconv.errors import TapeError
from clearconv.layers.base.group import ALONE, Group
from clearconv.ops.geometry.shards import WHOLE, Shards

#: None: store nothing. "backward": what backward needs. "all": every layer's arrays too.
Keep = Literal["backward", "all"] | None


@dataclass(frozen=True)
class Context:
    """Everything that a forward pass depends on, except x.

    Attributes
    ----------
    training : bool
        Batch statistics and dropout (True), or running statistics and none (False).
    seed, epoch, step : int
        Key of the random numbers of this pass.
    samples : tuple of int, optional
        The number of each image of the batch in its data set; its place in the batch if None.
    input_gradient : bool
        Whether backward must return its input's gradient; not for a first layer in training.
    recording : bool
        Whether a backward pass can follow; if not, layers may save nothing. Set by
        ``forward`` from its `keep`.
    shards : Shards
        Which shards of the batch x holds.
    group : Group
        The members that hold the others. A sum over the batch is taken over x, then combined
        by the group.
    """

    training: bool = False
    seed: int = 0
    epoch: int = 0
    step: int = 0
    samples: tuple[int, ...] | None = None
    input_gradient: bool = True
    recording: bool = True
    shards: Shards = WHOLE
    group: Group = ALONE

    @property
    def in_parts(self) -> bool:
        """Whether a sum over x may be a part of one over the batch."""
        return self.group is not ALONE or self.shards is not WHOLE

    def numbers(self, N: int) -> tuple[int, ...]:
        """Number the N images of x: by `samples`, or by their places in the batch."""
        if self.samples is not None:
            return self.samples
        first = self.shards.cut().start or 0
        return tuple(range(first, first + N))


@dataclass
class Tape:
    """One forward pass, by layer path.

    Attributes
    ----------
    context : Context
        Context of the pass.
    keep : {"backward", "all"}
        What the tape keeps.
    single : bool
        Whether the model was given one image without the batch axis.
    output_shape : tuple of int
        Shape of the model's y, batch axis included.
    saved : dict
        Path -> what that layer's backward needs.
    inputs, outputs, grads : dict
        Path -> the x, y and dL/dy of a layer, a Residual or a Concat; filled only with
        ``keep="all"``. Where a layer has the path of the container around it, they are the layer's.
    handed_back : dict
        Path -> the dL/dx that a layer returned; filled only with ``keep="all"``.
    shares : dict
        The same for a layer with several inputs: path -> the dL/dx of each.
    """

    context: Context
    keep: Keep
    single: bool = False
    output_shape: tuple[int, ...] = ()
    saved: dict[str, Any] = field(default_factory=dict)
    inputs: dict[str, Array] = field(default_factory=dict)
    outputs: dict[str, Array] = field(default_factory=dict)
    grads: dict[str, Array] = field(default_factory=dict)
    handed_back: dict[str, Array] = field(default_factory=dict)
    shares: dict[str, tuple[Array | None, ...]] = field(default_factory=dict)

    def record(self, path: str, x: Array, y: Array, saved: Any) -> None:
        """Note one layer's forward pass."""
        self.saved[path] = saved
        if self.keep == "all":
            self.inputs[path], self.outputs[path] = x, y

    def around(self, path: str, x: Array, y: Array) -> None:
        """Note what went in and out of a container, whose layers have recorded theirs."""
        if self.keep == "all":
            self.inputs.setdefault(path, x)
            self.outputs.setdefault(path, y)

    def around_back(self, path: str, grad_y: Array) -> None:
        """Note what comes back to a container, before its layers note theirs."""
        if self.keep == "all":
            self.grads[path] = grad_y

    def recall(self, path: str, grad_y: Array) -> Any:
        """Return what the layer saved."""
        if path not in self.saved:
            raise TapeError(
                f"Layer '{path}' has nothing on the tape: the model was changed after its forward "
                "pass. Call forward(x, training=True) again, then backward."
            )
        if self.keep == "all":
            self.grads[path] = grad_y
        return self.saved[path]

    def hand_back(self, path: str, grad_x: Array | None) -> None:
        """Note what a layer's backward pass gave."""
        if self.keep == "all" and grad_x is not None:
            self.handed_back[path] = grad_x

    def hand_back_each(self, path: str, grads: tuple[Array | None, ...]) -> None:
        """Note what the backward pass of a layer with several inputs gave."""
        if self.keep == "all":
            self.shares[path] = grads


class Looking(Tape):
    """Shows every layer's output as it is computed, and keeps none."""

    def __init__(self, context: Context, look: Callable[[str, Array], None]) -> None:
        super().__init__(context, "all")
        self._look = look

    def record(self, path: str, x: Array, y: Array, saved: object) -> None:
        """Show one layer's output."""
        self._look(path, y)
