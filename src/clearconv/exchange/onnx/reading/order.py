"""The operators that a result needs, in an order in which they can run."""

from collections.abc import Iterable
from pathlib import Path

from clearconv.errors import ModelFileError
from clearconv.exchange.onnx.reading.plain import Operator
from clearconv.words import some


def in_order(
    path: Path, operators: Iterable[Operator], known: Iterable[str], wanted: Iterable[str]
) -> list[Operator]:
    """Return the operators that the wanted values need, each after those whose results it reads.

    Parameters
    ----------
    path : Path
        The file, for messages.
    operators : iterable of Operator
        All operators, in any order.
    known : iterable of str
        Names of the inputs and constants.
    wanted : iterable of str
        Names of the results.

    Raises
    ------
    ModelFileError
        If a value is given twice or not at all, or an operator depends on its own result.
    """
    given = set(known)
    makers: dict[str, Operator] = {}
    for operator in operators:
        for name in filter(None, operator.outputs):
            if name in makers or name in given:
                raise ModelFileError(f"{path}: the value {name!r} is computed twice.")
            makers[name] = operator
    lacking = {name for name in wanted if name not in makers and name not in given}
    order: list[Operator] = []
    state: dict[int, bool] = {}  # operator -> whether everything below it is in `order`
    waiting = [makers[name] for name in wanted if name in makers]
    while waiting:
        operator = waiting[-1]
        if state.get(id(operator)) is None:
            state[id(operator)] = False
            read = [name for name in (*operator.inputs, *operator.captured) if name]
            below = [makers[name] for name in read if name in makers]
            lacking |= {name for name in read if name not in makers} - given
            if any(state.get(id(one)) is False for one in below):
                raise ModelFileError(
                    f"{path}: {operator.label} depends on its own result: the graph has a cycle."
                )
            waiting += [one for one in reversed(below) if id(one) not in state]
        else:
            waiting.pop()
            if not state[id(operator)]:
                state[id(operator)] = True
                order.append(operator)
    if lacking:
        raise ModelFileError(
            f"{path}: nothing gives {some(map(repr, sorted(lacking)))}: neither an operator, nor "
            "an input, nor a stored tensor. Was the file cut, or are its weights in another?"
        )
    return order
