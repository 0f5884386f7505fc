"""The backend tests of the package onnx, as one kind of record."""

import os
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

#: Operators that convolutional networks are made of, in the order of the table.
OPERATORS = (
    *("Conv", "ConvTranspose", "MaxPool", "AveragePool", "LpPool"),
    *("GlobalAveragePool", "GlobalMaxPool"),
    *("BatchNormalization", "InstanceNormalization", "GroupNormalization", "LayerNormalization"),
    *("LRN", "Softmax", "LogSoftmax"),
    *("Relu", "LeakyRelu", "PRelu", "Elu", "Selu", "Celu", "Sigmoid", "Tanh", "HardSigmoid"),
    *("HardSwish", "Swish", "Mish", "Gelu", "Softplus", "Softsign", "ThresholdedRelu"),
    *("Gemm", "MatMul", "Pad", "Resize", "Upsample"),
    *("Concat", "Split", "Slice", "Gather", "Reshape", "Transpose", "Flatten"),
    *("Squeeze", "Unsqueeze", "Expand", "Tile", "DepthToSpace", "SpaceToDepth"),
    *("ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceL1", "ReduceL2"),
    *("ReduceSumSquare", "ReduceLogSum", "ReduceLogSumExp"),
    *("Add", "Sub", "Mul", "Div", "Pow", "Min", "Max", "Sum", "Mean"),
    *("Neg", "Abs", "Sqrt", "Exp", "Log", "Reciprocal", "Floor", "Ceil", "Round", "Sign", "Erf"),
    *("Sin", "Cos", "Clip", "Cast", "Identity", "Dropout"),
    *("Shape", "Size", "Constant", "ConstantOfShape", "Range", "Where"),
)
#: Dtypes that images and their networks come in.
_DTYPES = {"FLOAT", "FLOAT16", "BFLOAT16", "DOUBLE", "UINT8", "INT8", "INT32", "INT64", "BOOL"}
#: Row of the tests that write an operator out as several.
EXPANDED = "operators written out as several"
_KINDS = {"pytorch-converted": "converted from PyTorch", "pytorch-operator": "PyTorch's operators"}


@dataclass(frozen=True)
class Case:
    """One test: a model, what it is given, and what it must give.

    Attributes
    ----------
    name : str
        Name in the package.
    group : str
        Row of the table: an operator, or a kind of model.
    model : ModelProto
        The model.
    inputs, outputs : list
        Arrays, in the order of the model's.
    rtol, atol : float
        Tolerances of the package.
    """

    name: str
    group: str
    model: Any
    inputs: list[Any]
    outputs: list[Any]
    rtol: float
    atol: float


def node_cases() -> Iterator[Case]:
    """Yield the tests of single operators."""
    cases = {case.name: case for case in _loaded("node")}
    for case in cases.values():
        name, _, expanded = case.name.partition("_expanded")
        node = cases[name].model.graph.node[0] if name in cases else case.model.graph.node[0]
        kind = node.op_type
        if kind not in OPERATORS or node.domain:
            continue
        if kind == "Cast" and not set(name.split("_")[2::2]) <= _DTYPES:
            continue
        if case.name.startswith("test_castlike"):
            continue
        for inputs, outputs in case.data_sets:
            yield Case(
                case.name,
                kind if len(case.model.graph.node) == 1 and not expanded else EXPANDED,
                case.model,
                list(map(_array, inputs)),
                list(map(_array, outputs)),
                case.rtol,
                case.atol,
            )


def converted_cases() -> Iterator[Case]:
    """Yield the tests whose models PyTorch has written."""
    for kind, group in _KINDS.items():
        for case in _loaded(kind):
            folder = Path(case.model_dir)
            model = onnx.load(folder / "model.onnx")
            for data in sorted(folder.glob("test_data_set*")):
                inputs, outputs = (
                    [
                        _tensor(data / f"{what}_{i}.pb")
                        for i in range(len(list(data.glob(f"{what}_*.pb"))))
                    ]
                    for what in ("input", "output")
                )
                yield Case(case.name, group, model, inputs, outputs, case.rtol, case.atol)


def real_cases() -> Iterator[Case]:
    """Yield whole networks, with weights that a few operators make up."""
    for case in _loaded("real"):
        path = Path(onnx.__file__).parents[1] / case.url
        model = onnx.load(path)
        (output,) = (_tensor(path.with_name(f"{path.stem}_output_0.pb")),)
        weights = {tensor.name for tensor in model.graph.initializer}
        (given,) = (one for one in model.graph.input if one.name not in weights)
        shape = [d.dim_value for d in given.type.tensor_type.shape.dim]
        size = int(np.prod(shape))
        image = (np.arange(size).reshape(shape) / size).astype(np.float32)  # as the package does
        yield Case(case.name, "whole networks", model, [image], [output], case.rtol, case.atol)


def _loaded(kind: str) -> list[Any]:
    from onnx.backend.test.loader import load_model_tests

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return load_model_tests(kind=kind)


def _tensor(path: str | os.PathLike[str]) -> Any:
    return numpy_helper.to_array(onnx.load_tensor(path))


def _array(value: Any) -> Any:
    if isinstance(value, onnx.TensorProto):
        return numpy_helper.to_array(value)
    return np.asarray(value) if isinstance(value, np.generic) else value
