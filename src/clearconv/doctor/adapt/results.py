"""The results of a learner's function, as arrays by name of the result."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import permutations
from typing import Any

import numpy as np

from clearconv.doctor.adapt.values import NoValue, bound
from clearconv.doctor.layout import Array
from clearconv.doctor.names import result_of, role_of

_LISTED = ("weight", "bias")
_DATA = ("val", "value", "data", "array")  # the array's name in boxes with a gradient


class BadResult(Exception):
    """What came back is not an array of numbers."""


@dataclass(frozen=True)
class Slot:
    """A place where an object keeps something.

    Attributes
    ----------
    name : str
        Name of the place.
    value : any
        What is there.
    write : callable
        Function that puts something else there.
    gradient : any
        The gradient, if it is kept next to the array.
    """

    name: str
    value: Any
    write: Callable[[Any], None]
    gradient: Any = None


def as_array(value: Any, what: str) -> Array:
    """Return a result as an array of numbers."""
    if value is None:
        raise BadResult(f"{what} is None; is a return missing?")
    try:
        array = np.asarray(value)
    except (ValueError, TypeError) as error:
        raise BadResult(f"{what} is not an array: {error}") from None
    if array.dtype == bool:
        return array.astype(np.float64)
    if array.dtype.kind not in "fiu":
        raise BadResult(
            f"{what} has dtype {array.dtype} (a {type(value).__name__}), but an array of numbers "
            "is needed"
        )
    return array


def split(value: Any, said: tuple[str, ...], default: tuple[str, ...]) -> dict[str, Any]:
    """Identify the results of a backward function.

    Parameters
    ----------
    value : tuple, dict or array
        What the function returned.
    said : tuple of str
        Results that the names of the returned variables stand for, ``""`` if unknown.
    default : tuple of str
        The usual order.
    """
    if isinstance(value, Mapping):
        named = {result_of(str(key)): each for key, each in value.items()}
        return {name: each for name, each in named.items() if name}
    if not isinstance(value, tuple | list) or not _several(value):
        name = said[0] if len(said) == 1 and said[0] in default else default[0]
        return {name: value}
    names = list(said if len(said) == len(value) else default[: len(value)])
    rest = [name for name in default if name not in names]
    names = [
        name if name in default and name not in names[:at] else (rest.pop(0) if rest else "")
        for at, name in enumerate(names)
    ]
    return {name: each for name, each in zip(names, value, strict=False) if name}


def reordered(
    returned: Mapping[str, Any], said: tuple[str, ...], shapes: Mapping[str, tuple[int, ...]]
) -> list[str]:
    """Return the order of the results according to their shapes, if it is not the usual one.

    Parameters
    ----------
    returned : mapping
        The results, identified by names and by the usual order.
    said : tuple of str
        Result that each name stands for; names are trusted.
    shapes : mapping
        The shape that each result should have.
    """
    names = list(returned)
    free = [name for name in names if name not in said]
    if len(free) < 2 or any(name not in shapes for name in names):
        return []
    sizes = [_slim(np.shape(value)) for value in returned.values()]
    for order in permutations(free):
        rest = iter(order)
        mine = [next(rest) if name in free else name for name in names]
        if sizes == [_slim(shapes[name]) for name in mine]:
            return mine if mine != names else []
    return []


def _slim(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(length for length in shape if length != 1)


def held(owner: Any, wanted: Iterable[str]) -> dict[str, Any]:
    """Return the gradients that an object keeps: attributes, ``grads``, or one per filter."""
    found: dict[str, Any] = {}
    for name, value in _things(owner).items():
        result = result_of(name)
        if result in wanted and value is not None:
            found.setdefault(result, value)
        if name.lower() in ("grads", "gradients"):
            found = _gradients(value, wanted) | found
    kind = "batch_norm" if "grad_gamma" in wanted else ""
    for slot in slots(owner):
        result = f"grad_{role_of(slot.name, kind)}"
        if slot.gradient is not None and result in wanted:
            found.setdefault(result, slot.gradient)
    filters = _filters(owner)
    if filters:
        each = [held(one, wanted) for one in filters]
        for result in each[0]:
            found.setdefault(result, [one.get(result) for one in each])
    return found


def _gradients(value: Any, wanted: Iterable[str]) -> dict[str, Any]:
    """Read ``grads``: by name, or in the order of ``params``."""
    if isinstance(value, Mapping):
        names = {"w": "grad_weight", "b": "grad_bias", "gamma": "grad_gamma", "beta": "grad_beta"}
        pairs = [(names.get(str(k).lower()) or result_of(str(k)), v) for k, v in value.items()]
        return {name: each for name, each in pairs if name in wanted and each is not None}
    if isinstance(value, list) and len(value) == 2:
        return dict(zip(("grad_weight", "grad_bias"), value, strict=True))
    return {}


def parameters(owner: Any) -> dict[str, Any]:
    """Return the weights and biases that an object keeps, by role."""
    filters = _filters(owner)
    if filters:
        each = [parameters(one) for one in filters]
        return {role: [one[role] for one in each] for role in each[0]}
    found: dict[str, Any] = {}
    for slot in slots(owner):
        role = role_of(slot.name, "")
        if role in _LISTED and _may_hold(slot.value, role):
            found.setdefault(role, slot.value)
    return found


def states(owner: Any) -> dict[str, Any]:
    """Return the running statistics that an object, or a dictionary of options, keeps."""
    things = owner if isinstance(owner, Mapping) else _things(owner)
    roles = {role_of(str(name), "batch_norm"): value for name, value in things.items()}
    wanted = ("running_mean", "running_var")
    return {role: roles[role] for role in wanted if roles.get(role) is not None}


def put(owner: Any, role: str, value: Any, kind: str) -> bool:
    """Write weights and the like into an object, wherever it keeps them; return whether it does."""
    filters = _filters(owner)
    if filters and role in ("weight", "bias"):
        return all([put(one, role, each, kind) for one, each in zip(filters, value, strict=False)])
    there = [s for s in slots(owner) if role_of(s.name, kind) == role and _may_hold(s.value, role)]
    if role in _LISTED and not there:  # another name: identified by a shape that only one array has
        like = [s for s in slots(owner) if isinstance(s.value, np.ndarray)]
        like = [s for s in like if role_of(s.name, kind) in ("", "kernel")]
        like = [s for s in like if s.value.shape == np.shape(value)]
        there = like if len(like) == 1 else []
    for slot in there:
        slot.write(spread(value, slot.value) if role == "bias" else value)
    return bool(there)


def set_mode(owner: Any, training: bool) -> None:
    """Set an object to training or evaluation: with its ``train()`` and ``eval()``, or its flag."""
    switches = [getattr(owner, name, None) for name in ("eval", "train")]
    if all(callable(one) for one in switches):
        try:
            bound(switches[training], [], {})
        except NoValue:  # train(x, y) is something else
            pass
        else:
            return
    if not put(owner, "training", training, ""):
        for name, value in vars(type(owner)).items():
            if role_of(name, "") == "training" and isinstance(value, bool):
                setattr(owner, name, training)


def clear(owner: Any) -> None:
    """Set gradients that accumulate by design to zero: by the object's own method, and in boxes.

    A box, an object that holds an array and its gradient, leaves that to an optimiser.
    """
    for one in (owner, *_things(owner).values()):
        if type(one).__module__ in ("builtins", "collections"):  # dict.clear is something else
            continue
        for name in dir(type(one)):
            if re.fullmatch(r"(zero|clear|reset)(_?grad(ient)?s?)?", name):
                with suppress(NoValue):  # and so is reset(seed)
                    bound(getattr(one, name), [], {})
        box = _box(one)
        grad = getattr(one, box[1]) if box else None
        if isinstance(grad, np.ndarray):
            grad[...] = 0


def slots(owner: Any) -> Iterator[Slot]:
    """Yield the places where an object keeps things, except those that hold gradients."""
    for name, value in _things(owner).items():
        if result_of(name).startswith("grad") or callable(value):
            continue
        box = _box(value)
        if name in ("params", "parameters") and isinstance(value, list):
            for at, (role, one) in enumerate(zip(_LISTED, value, strict=False)):
                yield Slot(role, one, partial(value.__setitem__, at))
        elif name in ("params", "parameters") and isinstance(value, dict):
            for key, one in value.items():
                yield Slot(str(key), one, partial(value.__setitem__, key))
        elif box and isinstance(value, dict):
            yield Slot(name, value[box[0]], partial(value.__setitem__, box[0]), value[box[1]])
        elif box:
            write = partial(setattr, value, box[0])
            yield Slot(name, getattr(value, box[0]), write, getattr(value, box[1]))
        else:
            yield Slot(name, value, partial(setattr, owner, name))


def _box(value: Any) -> tuple[str, str] | None:
    """Return the names under which a dictionary or object holds an array and its gradient."""
    there = value if isinstance(value, dict) else _things(value)
    data = next((name for name in _DATA if name in there), None)
    grad = next((name for name in ("grad", "gradient", "g") if name in there), None)
    return (data, grad) if data and grad else None


def _may_hold(value: Any, role: str) -> bool:
    """Whether a place may hold an array: the number of filters is also called filters."""
    if role == "weight":
        return value is None or isinstance(value, np.ndarray | list)
    return role != "bias" or not isinstance(value, bool | str)


def spread(bias: Any, old: Any) -> Any:
    """Return a bias as an object keeps it: with a copy for each position if it has one for each.

    Parameters
    ----------
    bias : ndarray
        One number for each output channel.
    old : any
        Bias that the object holds.
    """
    if not (isinstance(old, np.ndarray) and old.ndim == 3 and np.ndim(bias) == 1):
        return bias
    first = len(old) == len(bias)
    return np.broadcast_to(bias[:, None, None] if first else bias, old.shape).copy()


def _things(owner: Any) -> dict[str, Any]:
    """Return an object's attributes, without slots and properties."""
    return dict(getattr(owner, "__dict__", {}))


def _filters(owner: Any) -> list[Any]:
    """Return the objects that hold one filter each, as in the article."""
    for name, value in _things(owner).items():
        if role_of(name, "") == "weight" and isinstance(value, list) and value:
            if all(_things(one) for one in value):
                return value
    return []


def _several(value: Any) -> bool:
    """Whether a tuple or list is several results, not one array written as a list."""
    return isinstance(value, tuple) or any(isinstance(one, np.ndarray) for one in value)
