"""From a tape to traces: each layer's arrays, their sources and their consumers."""

from typing import Any

import numpy as np

from clearconv.arrays import Array
from clearconv.layers import MultiInput, Node, Residual, Tape
from clearconv.layers.base.layer import Layer
from clearconv.layers.base.numbers.parameter import join
from clearconv.layers.wiring.places import Place, Places
from clearconv.ops import conv_block
from clearconv.tracing._data import BufferTrace, LayerTrace, ParameterTrace
from clearconv.tracing._kinds import chapter_of, kind_of
from clearconv.tracing._update import NextStep
from clearconv.tracing.chapters import saved_by


def read(
    model: Node,
    graph: Places,
    images: Array,
    grads: Array,
    grad_x: Array,
    step: NextStep | None,
    buffers: dict[str, Array],
) -> tuple[LayerTrace, ...]:
    """Read every place of the graph from the model's tape, the input first.

    Parameters
    ----------
    model : Node
        Model after its backward pass, with a tape kept with ``keep="all"``.
    graph : Places
        Its wiring.
    images, grads, grad_x : ndarray
        Input, dL/dy and dL/dx of the whole network.
    step : NextStep, optional
        Next step of the optimiser.
    buffers : dict
        Running statistics before the pass, by path.
    """
    tape = model.tape
    assert tape is not None
    parameters = _parameters(model, step)
    outputs, errors = {graph.input: images}, {graph.input: grad_x}
    for place in graph.places:
        outputs[place.path] = _output(place, tape, outputs)
    for place in reversed(graph.places):
        errors[place.path] = _error(place, tape, graph, outputs, errors, grads)
    found = [
        LayerTrace(
            path=graph.input,
            type="Input",
            operation=None,
            arguments={},
            activation="identity",
            sources=(),
            consumers=graph.consumers(graph.input),
            slots=(),
            x=None,
            y=images,
            grad_y=grad_x,
            grad_x=None,
            parameters={},
            buffers={},
            saved={},
            own=False,
            context=tape.context,
        )
    ]
    for place in graph.places:
        node, path = place.node, place.path
        kind = kind_of(node)
        layer, several = isinstance(node, Layer), isinstance(node, MultiInput)
        one = layer and not several
        kept = tape.saved.get(path) if layer else None
        found.append(
            LayerTrace(
                path=path,
                type=kind.name,
                operation=kind.operation,
                arguments=dict(node.arguments) if layer else {},
                activation=kind.activation,
                sources=place.sources,
                consumers=graph.consumers(path),
                slots=_slots(place, outputs),
                x=tape.inputs[path] if one else None,
                y=outputs[path],
                grad_y=errors[path],
                grad_x=tape.handed_back[path] if one else None,
                parameters=_own(node, parameters),
                buffers=_buffers(node, buffers),
                saved=_saved(kept, chapter_of(kind.operation)),
                own=kind.own,
                context=tape.context,
                kept=kept,
                xs=tuple(outputs[source] for source in place.sources) if several else (),
                grad_xs=tuple(map(np.asarray, tape.shares[path])) if several else (),
            )
        )
    return tuple(found)


def _parameters(model: Node, step: NextStep | None) -> dict[str, ParameterTrace]:
    """Copy all parameters and gradients, by path."""
    store = model.store
    flat = {"value": store.values.copy(), "gradient": store.grads.copy()}
    if step is not None:
        flat["updated"] = step.values
    found, start = {}, 0
    for path, parameter in store.parameters.items():  # in the order of the flat arrays
        part = slice(start, start + parameter.size)
        arrays = {name: array[part].reshape(parameter.shape) for name, array in flat.items()}
        memory = step.memory if step is not None else {}
        found[path] = ParameterTrace(
            path,
            **arrays,
            memory={name: array[part].reshape(parameter.shape) for name, array in memory.items()},
            decays=start < store.decayed,
            frozen=not any(moved.start <= start < moved.stop for moved, _ in store.trainable),
        )
        start = part.stop
    return found


def _own(node: Node, parameters: dict[str, ParameterTrace]) -> dict[str, ParameterTrace]:
    if not isinstance(node, Layer):
        return {}
    return {name: parameters[join(node.path, name)] for name in node.declared}


def _buffers(node: Node, before: dict[str, Array]) -> dict[str, BufferTrace]:
    if not isinstance(node, Layer):
        return {}
    paths = {name: join(node.path, name) for name in node.declared_buffers}
    return {
        name: BufferTrace(path, before[path], node.value(name).copy())
        for name, path in paths.items()
    }


def _output(place: Place, tape: Tape, outputs: dict[str, Array]) -> Array:
    """Return the output of a place; for a Residual the sum, before any activation."""
    node = place.node
    if isinstance(node, Layer):
        return tape.outputs[place.path]
    if isinstance(node, Residual) and node.activation is not None:
        return tape.inputs[node[node.activation].path]
    if place.alone:
        return tape.outputs[place.path]
    parts = [outputs[source] for source in place.sources]
    if isinstance(node, Residual):
        return conv_block.add(parts[0], parts[1])
    return conv_block.join(parts) if parts[0].ndim == 4 else np.concatenate(parts, axis=1)


def _error(
    place: Place,
    tape: Tape,
    graph: Places,
    outputs: dict[str, Array],
    errors: dict[str, Array],
    grads: Array,
) -> Array:
    """Return dL/dy of a place: the sum of what its consumers return."""
    if isinstance(place.node, Layer):
        return tape.grads[place.path]
    parts: list[Any] = []
    for reader in graph.places:
        slots = _slots(reader, outputs)
        for number, source in enumerate(reader.sources):
            if source == place.path and isinstance(reader.node, MultiInput):
                parts.append(tape.shares[reader.path][number])
            elif source == place.path and isinstance(reader.node, Layer):
                parts.append(tape.handed_back[reader.path])
            elif source == place.path:
                whole = errors[reader.path]
                parts.append(whole[:, slots[number]] if slots else whole)
    if not parts:
        return grads
    if len(parts) > 1 and place.alone:
        return tape.grads[place.path]
    return sum(parts[1:], parts[0])


def _slots(place: Place, outputs: dict[str, Array]) -> tuple[slice, ...]:
    return place.slots([outputs[source].shape[1] for source in place.sources])


def _saved(kept: Any, chapter: str | None) -> dict[str, Any]:
    """Name the arrays that a layer saved for backward in addition to its input or output."""
    arrays = {name: getattr(kept, name, None) for name in saved_by(chapter)}
    return {name: array for name, array in arrays.items() if array is not None}
