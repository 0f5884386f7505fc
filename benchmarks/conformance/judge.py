"""Run one case on the model as clearconv reads it."""

import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
from onnx import numpy_helper

from benchmarks.conformance.cases import Case
from clearconv.errors import ClearconvError, ModelFileError
from clearconv.exchange.onnx.reading.file import read_model
from clearconv.exchange.onnx.reading.load import load_onnx
from clearconv.exchange.onnx.reading.walk import walk


class Verdict(NamedTuple):
    """What became of a case.

    Attributes
    ----------
    outcome : {"passed", "not supported", "failed"}
        Failed is only what was read and gave other numbers.
    why : str
        What was missing, or how far off the numbers were.
    """

    outcome: str
    why: str = ""


def judge(case: Case) -> Verdict:
    """Read the case's model, run it, and compare every output.

    The first input is the model's; the others are stored in the file, as weights are.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        try:
            model = _stored(case)
            path.write_bytes(model.SerializeToString())
            for wanted, value in zip(case.outputs, model.graph.output, strict=True):
                if not isinstance(wanted, np.ndarray):
                    return Verdict("not supported", "an output that is not a tensor")
                got = _run(path, value.name, case)
                if problem := _compare(got, wanted, case):
                    return Verdict("failed", problem)
        except (ModelFileError, _Unsuited) as error:
            return Verdict("not supported", _short(str(error)))
        except ClearconvError as error:
            return Verdict("failed", f"{type(error).__name__}: {error}")
    return Verdict("passed")


class _Unsuited(Exception):
    """The case is not about a tensor that a network computes."""


def _stored(case: Case) -> Any:
    """Return the model with all inputs but one stored: the first that is not a shape or a mask."""
    model = onnx.ModelProto()
    model.CopyFrom(case.model)
    weights = {tensor.name for tensor in model.graph.initializer}
    given = [value for value in model.graph.input if value.name not in weights]
    kept = _varying(case)
    for place, (array, value) in enumerate(zip(case.inputs, given, strict=False)):
        if not isinstance(array, np.ndarray):
            raise _Unsuited("an input that is not a tensor")
        if place != kept:
            model.graph.initializer.append(numpy_helper.from_array(array, value.name))
    return model


def _varying(case: Case) -> int | None:
    """Return which input the model is to compute from."""
    if case.group in ("ConstantOfShape", "Range", "Constant"):
        return None
    masks = (place for place, one in enumerate(case.inputs) if one.dtype != bool)
    return next(masks, 0) if case.group == "Where" else 0


def _run(path: Path, output: str, case: Case) -> Any:
    """Return an output: a constant, or what the graph computes."""
    found, kept = read_model(path), _varying(case)
    x = None if kept is None else case.inputs[kept]
    if x is None:
        return walk(found, [output]).results[0]
    if x.size == 0:
        raise _Unsuited("an empty input")
    shape = found.inputs[0].shape
    sizes = tuple(x.shape[1:]) if None in shape[1:] else None
    try:
        model = load_onnx(path, output=output, input_shape=sizes)
    except ModelFileError as error:
        if "does not depend on the input" not in str(error):
            raise
        return walk(found, [output], sizes).results[0]
    about = model.info["onnx"]
    N = x.shape[0] if about["batched"] else 1
    with np.errstate(all="ignore"):
        y = model.forward(x.astype(model.store.dtype).reshape(N, *model.input_shape))
    return y.reshape(about["shape"])


def _compare(got: Any, wanted: Any, case: Case) -> str:
    """Describe the difference; empty if there is none that matters."""
    if got.shape != wanted.shape:
        return f"shape {got.shape} instead of {wanted.shape}"
    bf16 = wanted.dtype.name == "bfloat16"
    if wanted.dtype.kind not in "fiub" and not bf16:
        return "" if np.array_equal(got, wanted) else "other values"
    a, b = got.astype(np.float64), wanted.astype(np.float64)
    rtol = max(case.rtol, 2**-6) if bf16 else case.rtol
    if wanted.dtype.name == "float16":
        a = got.astype(np.float16).astype(np.float64)
    if np.allclose(a, b, rtol=rtol, atol=case.atol, equal_nan=True):
        return ""
    with np.errstate(invalid="ignore"):
        return f"largest difference {np.nanmax(np.abs(a - b)):.3g}"


def _short(text: str) -> str:
    lines = text.split("\n")
    return "; ".join(line.strip() for line in lines[1:-1])[:300] if len(lines) > 2 else text[:300]
