"""A written graph as the bytes of an ONNX file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from clearconv.errors import ArgumentError
from clearconv.exchange.onnx.operators.base.writer import Constant, Writer
from clearconv.exchange.onnx.package import onnx_package
from clearconv.version import __version__

#: The opsets that the files of operators are written for, and the one that every runtime reads.
OPSETS = range(13, 24)
OPSET = 17

_MOST_BYTES = 2**31 - 1  # of a file without external data: protobuf's limit


@dataclass(frozen=True)
class Value:
    """An input or output of the whole graph.

    Attributes
    ----------
    name : str
        Name of the value.
    dtype : str
        Name of its dtype in ONNX, in lower case.
    shape : tuple of int or str
        Its axes; one of any size has a name.
    """

    name: str
    dtype: str
    shape: tuple[int | str, ...]


def to_bytes(
    written: Writer,
    inputs: Sequence[Value],
    outputs: Sequence[Value],
    metadata: Mapping[str, str],
    about: str,
) -> bytes:
    """Return the bytes of the file.

    Parameters
    ----------
    written : Writer
        Operators and constants.
    inputs, outputs : sequence of Value
        Inputs and outputs of the graph.
    metadata : mapping
        Key -> text that the file carries.
    about : str
        Description in words.

    Returns
    -------
    bytes

    Raises
    ------
    ArgumentError
        If the package onnx is not installed, or the model is too large for one file.
    """
    onnx, helper = onnx_package(), onnx_package("helper")
    size = sum(constant.array.nbytes for constant in written.constants.values())
    if size > _MOST_BYTES:
        raise ArgumentError(
            f"export_onnx: the weights take {size:,} bytes, but an ONNX file ends at 2 GiB. "
            "weights='float16' halves them."
        )
    graph = helper.make_graph(
        [
            helper.make_node(each.kind, each.inputs, each.outputs, each.name, **each.attributes)
            for each in written.operators
        ],
        "clearconv",
        [_value(each) for each in inputs],
        [_value(each) for each in outputs],
        [_tensor(name, constant) for name, constant in written.constants.items()],
    )
    opset = helper.make_opsetid("", written.opset)
    model = helper.make_model(
        graph,
        opset_imports=[opset],
        ir_version=helper.find_min_ir_version_for([opset]),
        producer_name="clearconv",
        producer_version=__version__,
        doc_string=about,
    )
    helper.set_model_props(model, dict(metadata))
    onnx.checker.check_model(model)
    made: bytes = model.SerializeToString(deterministic=True)
    return made


def _value(value: Value) -> Any:
    helper, proto = onnx_package("helper"), onnx_package().TensorProto
    kind = getattr(proto, value.dtype.upper())
    return helper.make_tensor_value_info(value.name, kind, list(value.shape))


def _tensor(name: str, constant: Constant) -> Any:
    proto = onnx_package().TensorProto
    little = constant.array.astype(constant.array.dtype.newbyteorder("<"), copy=False)
    return proto(
        name=name,
        dims=constant.array.shape,
        data_type=getattr(proto, constant.dtype.upper()),
        raw_data=np.ascontiguousarray(little).tobytes(),
    )
