"""Whether a learner's assertion doubts its own result, or refuses its input."""

import ast
from collections.abc import Iterator, Mapping
from types import FrameType, TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

_NEAR = 1e-5  # a copy may be in single precision


def doubts_result(
    trace: TracebackType | None, path: str, source: str, given: Mapping[str, npt.NDArray[Any]]
) -> bool:
    """Return whether the condition that failed looks at numbers that the code computed.

    Sizes and options are what the code was given, and so are its inputs, padded, copied or
    sliced; any other array is its own work.

    Parameters
    ----------
    trace : traceback
        Traceback of the exception.
    path, source : str
        The learner's file.
    given : mapping
        The arrays of the case.
    """
    frames: list[FrameType] = []
    line = 0
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == path:
            frames.append(trace.tb_frame)
            line = trace.tb_lineno
        trace = trace.tb_next
    if not frames:
        return False
    known = [_numbers(array) for array in given.values()]
    looked_at = [
        value
        for condition in _conditions(ast.parse(source), line)
        for value in _values(condition, frames[-1].f_locals)
    ]
    held = [value for frame in frames for value in _held(frame)]
    inputs = [array for array in held if _is_given(array, known)]
    for value in looked_at:
        array = _array(value)
        if array is None:
            continue
        if array.ndim == 0:
            if isinstance(value, np.floating) and not float(value).is_integer():
                return True
        elif not _is_given(array, known) and not any(
            np.may_share_memory(array, one) for one in inputs
        ):
            return True
    return False


def _conditions(tree: ast.Module, line: int) -> Iterator[ast.expr | ast.stmt]:
    """Yield what was tested in a line: an assertion, or the conditions above a ``raise``."""
    around = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.stmt) and node.lineno <= line <= (node.end_lineno or node.lineno)
    ]
    inner = around[-1] if around else None
    if isinstance(inner, ast.Assert):
        yield inner.test
    elif isinstance(inner, ast.Raise):
        yield from (node.test for node in around if isinstance(node, ast.If))
    elif inner is not None:
        yield inner


def _values(condition: ast.AST, names: Mapping[str, Any]) -> Iterator[Any]:
    """Yield the values of the variables and attributes in a condition."""
    for node in ast.walk(condition):
        if isinstance(node, ast.Name) and node.id in names:
            yield names[node.id]
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            owner = names.get(node.value.id)
            yield getattr(owner, "__dict__", {}).get(node.attr)


def _held(frame: FrameType) -> Iterator[npt.NDArray[Any]]:
    """Yield the arrays of a function, and those of the object that it belongs to."""
    for value in list(frame.f_locals.values()):
        inner = getattr(value, "__dict__", None)
        inside = inner.values() if isinstance(inner, dict) else ()
        yield from (one for one in (value, *inside) if isinstance(one, np.ndarray))


def _array(value: Any) -> npt.NDArray[Any] | None:
    """Return numbers as an array, and None for anything else."""
    if isinstance(value, np.ndarray):
        return value
    if not isinstance(value, list | np.generic):
        return None
    try:
        array = np.asarray(value, dtype=np.float64)
    except (ValueError, TypeError):
        return None
    return array


def _numbers(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return the numbers that are not padding, sorted."""
    flat = np.asarray(array).ravel()
    if flat.dtype.kind not in "fiu":
        return np.empty(0)
    return np.sort(flat[np.isfinite(flat) & (flat != 0)])


def _is_given(array: npt.NDArray[Any], known: list[npt.NDArray[Any]]) -> bool:
    mine = _numbers(array)
    return any(mine.size == one.size > 0 and np.allclose(mine, one, _NEAR, _NEAR) for one in known)
