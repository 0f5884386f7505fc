"""Layers that each add channels to their input, in one array that is filled step by step.

A ``Concat`` that hands its input on copies it, and in a chain of them the first channels would be
copied again and again: memory for L layers would grow with L squared. Here all of them write into
one array that has room for the last one's channels, and each reads the channels before its own.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from clearconv.arrays import Array
from clearconv.layers.base.staged import Call, StageRow
from clearconv.layers.base.tape import Context, Tape
from clearconv.layers.stages.stage import ArrayOrNormalised, Runs
from clearconv.ops import conv_block


@dataclass(frozen=True)
class DenseGrowth:
    """Consecutive blocks, each of which passes its input on and adds channels.

    Attributes
    ----------
    added : tuple of Chain
        Nodes that compute the new channels from the earlier ones.
    channels : tuple of int
        Number of channels that each of them adds.
    names : tuple of (str, str)
        For each of them, the path of the layer that passes the input on ("" if there is none), and
        that of the place where the channels are added.
    """

    added: tuple[Runs, ...]
    channels: tuple[int, ...]
    names: tuple[tuple[str, str], ...]

    def rows(self, training: bool) -> Iterator[StageRow]:
        """Yield what a forward pass runs."""
        calls: tuple[Call, ...] = (Call("conv_block.join", "copy into one array"),)
        for (passes_on, joined), chain in zip(self.names, self.added, strict=True):
            if passes_on:
                yield StageRow((passes_on,), calls)
                calls = ()
            yield from chain.rows(training)
            calls = (*calls, Call("conv_block.join", "add channels to the array"))
            yield StageRow((joined,), calls)
            calls = ()  # the next block finds its input in place

    def run(self, x: ArrayOrNormalised, context: Context, tape: Tape | None) -> Array:
        """Forward."""
        end = x.shape[1]
        like = x if not isinstance(x, conv_block.Normalised) else x.x
        whole = conv_block.empty(like, end + sum(self.channels))
        conv_block.join([x], out=whole[:, :end])
        for chain, channels in zip(self.added, self.channels, strict=True):
            new = chain.run(whole[:, :end], context, tape)
            conv_block.join([new], out=whole[:, end : end + channels])
            end += channels
        return whole

    def run_back(
        self, grad_y: Array, tape: Tape, context: Context, into: Array | None = None
    ) -> Array:
        """Backward; the input's gradient is added to `into` if given."""
        inner = replace(context, input_gradient=True)
        end = grad_y.shape[1]
        whole = conv_block.join([grad_y], out=conv_block.empty(grad_y, end))  # not the caller's
        for chain, channels in zip(reversed(self.added), reversed(self.channels), strict=True):
            start = end - channels
            chain.run_back(whole[:, start:end], tape, inner, whole[:, :start])
            end = start
        if into is None:
            return whole[:, :end]
        into += whole[:, :end]
        return into
