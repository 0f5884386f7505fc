"""Parts of a model: the network without its preprocessing, and every value that it computes."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from clearconv.exchange.onnx import names
from clearconv.exchange.onnx.package import onnx_package

Arrays = Mapping[str, np.ndarray[Any, np.dtype[Any]]]


def network_alone(model: Any) -> bytes | None:
    """Return a model that begins at what the network sees; None if the file takes that itself.

    Parameters
    ----------
    model : onnx.ModelProto
        The whole model.

    Returns
    -------
    bytes or None
    """
    if any(value.name == names.TENSOR for value in model.graph.input):
        return None
    makers = {output: node for node in model.graph.node for output in node.output}
    if names.TENSOR not in makers:
        return None
    needed: set[str] = set()
    waiting = [value.name for value in model.graph.output]
    while waiting:
        name = waiting.pop()
        if name in needed or name == names.TENSOR:
            continue
        needed.add(name)
        if name in makers:
            waiting += makers[name].input
    onnx, helper = onnx_package(), onnx_package("helper")
    inferred = onnx.shape_inference.infer_shapes(model)
    shapes = {value.name: value for value in inferred.graph.value_info}
    part = onnx.ModelProto()
    part.CopyFrom(model)
    del part.graph.node[:], part.graph.initializer[:], part.graph.input[:]
    part.graph.node.extend(n for n in model.graph.node if needed & {*n.output})
    part.graph.initializer.extend(t for t in model.graph.initializer if t.name in needed)
    any_shape = helper.make_tensor_value_info(names.TENSOR, onnx.TensorProto.FLOAT, None)
    part.graph.input.append(shapes.get(names.TENSOR, any_shape))
    made: bytes = part.SerializeToString()
    return made


def every_value(model: Any) -> tuple[bytes, list[str]]:
    """Return a model that gives all floats that it computes, and their names in order."""
    onnx = onnx_package()
    inferred = onnx.shape_inference.infer_shapes(model)
    known = {value.name: value for value in inferred.graph.value_info}
    given = {value.name for value in model.graph.output}
    shown = onnx.ModelProto()
    shown.CopyFrom(model)
    order = []
    for node in model.graph.node:
        for name in node.output:
            value = known.get(name)
            if name in given:
                order.append(name)
            elif value is not None and value.type.tensor_type.elem_type == onnx.TensorProto.FLOAT:
                shown.graph.output.append(value)
                order.append(name)
    return shown.SerializeToString(), order


def parting(model: Any, ours: Arrays, theirs: Arrays, tolerance: float) -> str | None:
    """Return the first operator whose result differs, in words; None if none does.

    Parameters
    ----------
    model : onnx.ModelProto
        Says which operator computes what.
    ours, theirs : mapping
        Name -> value in each engine.
    tolerance : float
        Largest difference, relative to the largest value (at least 1), that counts as none.
    """
    for node in model.graph.node:
        for name in node.output:
            if name not in ours or name not in theirs:
                continue
            a, b = ours[name], theirs[name]
            if a.size != b.size:
                return f"{node.op_type} '{node.name}' ({_shape(a)} against {_shape(b)})"
            off = difference(a, b)
            if not off <= tolerance:
                return f"{node.op_type} '{node.name}' ({off:.1e})"
    return None


def difference(a: Any, b: Any) -> float:
    """Return the largest difference, relative to the largest number of a, or to 1."""
    a, b = (np.asarray(value, np.float64).reshape(-1) for value in (a, b))
    if a.size == 0:
        return 0.0
    with np.errstate(all="ignore"):
        off = np.where(a == b, 0, np.abs(a - b))  # equal infinities do not differ
        return float(off.max() / max(1.0, np.abs(a).max()))


def _shape(value: Any) -> str:
    return "x".join(map(str, np.shape(value))) or "one number"
