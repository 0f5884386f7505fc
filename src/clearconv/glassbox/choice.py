"""The choice of maps and layers on a page: all of a small network, some of a large one."""

from collections.abc import Sequence
from math import prod

import numpy as np

from clearconv.errors import ArgumentError
from clearconv.tracing import LayerTrace, LossTrace, Trace

#: Path -> channels of its y that the page holds; an empty list if it holds nothing of it.
Picks = dict[str, list[int]]

_BYTEWISE = ("relu", "relu6")  # their slopes, like masks, are zeros and ones
_FLOORS = (8, 4, 2, 1)  # maps of every layer, if there are that many
_CAPS = tuple(
    int(2 ** (k / 4)) for k in range(100, 15, -1)
)  # largest number of elements of one array


def choose(
    trace: Trace, budget: int, layers: Sequence[str] = (), maps: Sequence[int] | None = None
) -> Picks:
    """Choose maps that stay within a number of bytes.

    Every layer gets the same share, its first maps; requested layers get all maps, or the requested
    ones, with all their inputs, or as many as fit. If even one map of each is too much, the largest
    layers are left out.

    Parameters
    ----------
    trace : Trace
        Traced pass.
    budget : int
        Number of bytes of all arrays.
    layers : sequence of str
        Paths of layers, or of containers, to show in full.
    maps : sequence of int, optional
        Numbers of their maps to show.

    Raises
    ------
    ArgumentError
        If there is no such layer or map, or the requested maps are too many.
    """
    fixed = _fixed(trace, _wanted(trace, layers), maps, budget)
    for floor in _FLOORS:
        for cap in _CAPS:
            picks = _proposed(trace, cap, floor, fixed)
            if _bytes(trace, picks) <= budget:
                return picks
    return _thinned(trace, picks, fixed, budget)


def _wanted(trace: Trace, layers: Sequence[str]) -> list[str]:
    """Return the layers of these paths; for a container all layers inside."""
    found: list[str] = []
    for path in layers:
        if trace.loss is not None and path == trace.loss.path:
            continue  # every page has it
        inside = [one.path for one in trace.layers if one.path.startswith(f"{path}.")]
        if not inside:
            inside = [trace[path].path]  # raises with the existing paths
        found += [one for one in inside if one not in found]
    return found


def _fixed(trace: Trace, wanted: Sequence[str], maps: Sequence[int] | None, budget: int) -> Picks:
    """Return the requested maps, or all, or the first of them if all are too many."""
    if not wanted:
        return {}
    most = max(trace[path].y.shape[1] for path in wanted)
    for count in (most, *(int(2 ** (k / 2)) for k in range(23, -1, -1))):
        for whole in (True, False):  # explaining an output takes every input
            fixed = {path: _asked(trace[path], maps, count) for path in wanted}
            for path in wanted:
                for source in trace[path].sources:
                    channels = trace[source].y.shape[1]
                    fixed.setdefault(source, list(range(channels if whole else count)[:channels]))
            needed = _bytes(trace, {one.path: fixed.get(one.path, []) for one in trace.layers})
            if needed <= budget:
                return fixed
        if maps is not None:
            break
    raise ArgumentError(
        f"the requested maps take {needed / 2**20:.1f} MiB, but a page holds "
        f"{budget / 2**20:.1f} MiB of numbers. Choose fewer layers or fewer maps."
    )


def _asked(layer: LayerTrace, maps: Sequence[int] | None, count: int) -> list[int]:
    channels = layer.y.shape[1]
    if maps is None:
        return list(range(min(count, channels)))
    if max(maps) >= channels:
        raise ArgumentError(
            f"map {max(maps)} of {layer.path!r} is requested, but its maps are 0 to {channels - 1}."
        )
    return sorted(set(maps))


def _proposed(trace: Trace, cap: int, floor: int, fixed: Picks) -> Picks:
    """Give each array at most `cap` numbers, but at least `floor` maps."""
    picks: Picks = {}
    for layer in trace.layers:
        channels, size = layer.y.shape[1], prod(layer.y.shape[2:])
        if layer.type == "Input" or layer.path in fixed:
            picks[layer.path] = fixed.get(layer.path, list(range(channels)))
            continue
        given = _handed_on(trace, layer, picks)
        if layer.type == "Flatten":
            picks[layer.path] = given
            continue
        if size == 1 and channels <= cap:  # one number per channel costs almost nothing
            given = list(range(channels))
        room = cap // size
        if "weight" in layer.parameters:
            weight = layer.parameters["weight"].value
            if weight.ndim > 1:
                inputs = min(len(picks[layer.sources[0]]), weight.shape[1])
                shares = len(layer.y) * inputs * prod(weight.shape[2:])
                room = min(room, cap // max(1, shares))
        count = max(floor, room)
        picks[layer.path] = given[:count]
        if trace.loss is not None and layer.path == trace.loss.source and count < channels:
            picks[layer.path] = _likeliest(trace.loss, count)
    return picks


def _likeliest(loss: LossTrace, count: int) -> list[int]:
    """Return the predicted class of the first image, and its own."""
    order = np.argsort(-loss.logits[0].ravel(), kind="stable")[:count]
    return sorted({*order.tolist(), *loss.labels[:1]})


def _handed_on(trace: Trace, layer: LayerTrace, picks: Picks) -> list[int]:
    """Return the useful maps: for a channel-wise layer, those of its inputs."""
    channels = layer.y.shape[1]
    everything = list(range(channels))
    sources = [(trace[path], picks[path]) for path in layer.sources]
    if layer.slots:
        placed = zip(layer.slots, sources, strict=True)
        return [slot.start + c for slot, (_, here) in placed for c in here]
    if layer.type == "Flatten":
        source, here = sources[0]
        size = prod(source.y.shape[2:])
        return [c * size + k for c in here for k in range(size)]
    if "weight" in layer.parameters and layer.parameters["weight"].value.ndim > 1:
        return everything
    if any(one.y.shape[1] != channels for one, _ in sources):
        return everything
    common = set(everything).intersection(*(here for _, here in sources))
    return sorted(common) or everything


def _thinned(trace: Trace, picks: Picks, fixed: Picks, budget: int) -> Picks:
    """Leave out the largest layers until the rest fits."""
    spare = [one for one in trace.layers if one.path not in fixed and one.type != "Input"]
    for layer in sorted(spare, key=lambda one: -prod(one.y.shape[2:])):
        if _bytes(trace, picks) <= budget:
            break
        picks = {**picks, layer.path: []}
    return picks


def _bytes(trace: Trace, picks: Picks) -> int:
    """Count the bytes of a page with these maps."""
    numbers = 0
    for layer in trace.layers:
        here = len(picks[layer.path])
        maps = 2.0  # y and grad_y; x and grad_x are those of the source
        if layer.activation != "identity":  # the slope, and around one inside net and grad_net
            bytewise = layer.activation in _BYTEWISE
            maps += (0.25 if bytewise else 1) + 2 * (layer.chapter != "activation")
        maps += 0.25 * (len(layer.saved) > 0) + (layer.chapter == "softmax")
        maps += len(layer.consumers) if len(layer.consumers) > 1 else 0
        numbers += round(maps * here * prod(layer.y.shape[2:]))
        for parameter in layer.parameters.values():
            copies = 1 + (parameter.updated is not None) + len(layer.y)  # each image's share
            numbers += copies * _weights(layer, parameter.value.shape, picks)
    return numbers * trace.layers[0].y.itemsize


def _weights(layer: LayerTrace, shape: tuple[int, ...], picks: Picks) -> int:
    if len(shape) not in (2, 4):
        return prod(shape)
    if not all(picks[path] for path in (layer.path, *layer.sources)):
        return 0  # its sums would have no ends
    rows, columns = parameter_picks(layer, shape, picks)[:2]
    return len(rows or range(shape[0])) * len(columns or range(shape[1])) * prod(shape[2:])


def parameter_picks(
    layer: LayerTrace, shape: tuple[int, ...], picks: Picks
) -> list[list[int] | None]:
    """Return the indices along each axis of a parameter that the page holds; None for all.

    Parameters
    ----------
    layer : LayerTrace
        Layer of the parameter.
    shape : tuple of int
        Shape of the parameter.
    picks : dict
        Maps that the page holds.
    """
    if layer.several:
        return [None] * len(shape)
    outputs, inputs = picks[layer.path], picks[layer.sources[0]]
    if len(shape) == 3:  # a bias for every position
        return [outputs, None, None]
    if len(shape) == 1:
        return [None]
    if layer.chapter == "linear":
        return [outputs, inputs]
    first, second = (inputs, outputs) if layer.chapter == "conv_transpose2d" else (outputs, inputs)
    within = sorted({one % shape[1] for one in second})
    return [first, within, None, None]
