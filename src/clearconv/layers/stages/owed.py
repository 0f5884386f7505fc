"""Gradients on their way back through a graph: each value's, added up over its readers."""

from collections.abc import Callable, Sequence

import numpy as np

from clearconv.arrays import Array


class Owed:
    """The gradient of each value, as far as its readers have returned theirs.

    Parameters
    ----------
    wants : callable
        Whether a value's gradient is needed, by its name.
    in_place : bool
        Whether an array that a layer returned may be added to; not if a tape keeps it.
    """

    def __init__(self, wants: Callable[[str], bool], in_place: bool) -> None:
        self.wants = wants
        self._in_place = in_place
        self._grads: dict[str, tuple[Array, bool]] = {}

    def take(self, name: str) -> tuple[Array, bool] | None:
        """Take out a value's gradient and whether it may be overwritten; None without one."""
        return self._grads.pop(name, None)

    def room(self, name: str) -> Array | None:
        """Return an array to which a reader can add its share; None where it is the first."""
        held = self._grads.get(name)
        if held is None:
            return None
        grad, own = held
        if not own:
            grad = grad.copy(order="K")
            self._grads[name] = grad, True
        return grad

    def add(
        self, name: str, grad: Array, beside: Sequence[Array | None] = (), own: bool = False
    ) -> None:
        """Add a reader's share.

        Parameters
        ----------
        name : str
            Name of the value.
        grad : ndarray
            The share.
        beside : sequence of ndarray
            Arrays that are still needed; if it shares memory with none of them, it is a new one.
        own : bool
            Whether nobody else needs the array, whatever it shares memory with.
        """
        if not self.wants(name):
            return
        if beside:
            own = not any(one is not None and np.may_share_memory(grad, one) for one in beside)
        own = own and self._in_place and grad.flags.writeable
        held = self._grads.get(name)
        if held is None:
            self._grads[name] = grad, own
        elif held[1]:
            np.add(held[0], grad, out=held[0])
        else:
            self._grads[name] = held[0] + grad, True
