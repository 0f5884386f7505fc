"""Read one of the learner's functions: the meaning of its arguments and results."""

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass

from clearconv.doctor.names import result_of, role_of

_ORDER = {
    "conv2d": ("x", "weight", "bias", "stride", "padding", "dilation"),
    "max_pool2d": ("x", "kernel", "stride", "padding"),
    "avg_pool2d": ("x", "kernel", "stride", "padding"),
    "linear": ("x", "weight", "bias"),
    "batch_norm": ("x", "gamma", "beta", "options"),
    "dropout": ("x", "p"),
    "softmax_cross_entropy": ("x", "labels"),
    "im2col": ("x", "kernel_h", "kernel_w", "stride", "padding"),
    "col2im": ("cols", "x_shape", "kernel_h", "kernel_w", "stride", "padding"),
}
_ARRAYS = ("x", "weight", "bias", "cols", "gamma", "beta")


@dataclass(frozen=True)
class Parameter:
    """One argument of a learner's function.

    Attributes
    ----------
    name, role : str
        Name of the argument, and its role; ``""`` if that is not known.
    optional : bool
        Whether it has a default.
    pair : bool
        Whether the code takes it apart, so that it must be (rows, columns).
    keys : tuple of str
        Keys that the code reads from it, where it is a dictionary of options.
    square : bool
        Whether one name is given to two of its axes: ``f, f, c, o = W.shape``.
    """

    name: str
    role: str
    optional: bool = False
    pair: bool = False
    keys: tuple[str, ...] = ()
    square: bool = False


@dataclass(frozen=True)
class Call:
    """One of the learner's functions or methods.

    Attributes
    ----------
    name : str
        Name of the function.
    lines : tuple of two int
        Its first and last line.
    parameters : tuple of Parameter
        Its arguments, without ``self``.
    returns : tuple of str
        Results that it returns, in order; ``""`` for a name without a known meaning.
    """

    name: str
    lines: tuple[int, int]
    parameters: tuple[Parameter, ...]
    returns: tuple[str, ...] = ()

    def role(self, role: str) -> Parameter | None:
        """Return the argument with this role, if there is one."""
        return next((p for p in self.parameters if p.role == role), None)


def read_call(
    node: ast.FunctionDef,
    kind: str,
    beside: Mapping[str, ast.FunctionDef],
    *,
    forward: bool = False,
    sure: bool = False,
) -> Call:
    """Read a function's arguments and results.

    Parameters
    ----------
    node : ast.FunctionDef
        The function or method.
    kind : str
        The kind of layer that it belongs to.
    beside : mapping
        The other functions of the file, or methods of the class, by name.
    forward : bool
        Whether it is the forward pass.
    sure : bool
        Whether the user has named it.
    """
    names = [
        a.arg for a in (*node.args.posonlyargs, *node.args.args) if a.arg not in ("self", "cls")
    ]
    optional = len(names) - len(node.args.defaults)
    roles = [role_of(name, kind) for name in names]
    if kind == "conv2d" and forward and node.name != "__init__" and "weight" not in roles:
        roles = ["weight" if role == "kernel" else role for role in roles]
    if not forward and node.name != "__init__" and kind not in ("im2col", "col2im"):
        roles = _backward_roles(names, roles, kind)
    roles = [role if roles.index(role) == at else "" for at, role in enumerate(roles)]
    for at, default in enumerate(node.args.defaults, optional):
        roles[at] = _by_default(roles[at], default)
    if sure:  # one letter is ambiguous; functions get arrays, not channel counts
        roles = ["" if role in ("in_channels", "out_channels") else role for role in roles]
    usual = sure or kind in ("im2col", "col2im")  # written in one order everywhere
    order = _ORDER.get(kind, ("x",)) if forward and (usual or "forward" in node.name) else ()
    order = order if usual else tuple(role for role in order if role in _ARRAYS)
    if sure and not forward:
        order = ("grad_y", "cache") if len(names) == 2 else ("grad_y", "x", "weight", "bias")
    for at, (role, likely) in enumerate(zip(roles, order, strict=False)):
        if not role and likely not in roles:
            roles[at] = likely
    if "kernel_h" in roles and "kernel_w" not in roles:  # one number for both sides
        roles[roles.index("kernel_h")] = "kernel"
    parameters = [
        Parameter(
            name,
            role,
            at >= optional,
            taken_apart(node, name),
            _keys(node, name, beside),
            _one_size(node, name),
        )
        for at, (name, role) in enumerate(zip(names, roles, strict=True))
    ]
    parameters += [
        Parameter(a.arg, role_of(a.arg, kind), default is not None, taken_apart(node, a.arg))
        for a, default in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
    ]
    lines = (node.lineno, node.end_lineno or node.lineno)
    return Call(node.name, lines, tuple(parameters), _returns(node))


def _backward_roles(names: list[str], roles: list[str], kind: str) -> list[str]:
    """In a backward function ``d...`` is a gradient, and y is not a label."""
    if "grad_y" not in roles:
        likely = [at for at, name in enumerate(names) if re.match(r"d[A-Z_]|d[a-z]*$|grad", name)]
        if likely and roles[likely[0]] in ("", "dilation"):
            roles = [*roles]
            roles[likely[0]] = "grad_y"
    if "grad_y" not in roles and roles.count("") == 1:  # the one that no name explains
        roles = [role or "grad_y" for role in roles]
    return roles


def _returns(node: ast.FunctionDef) -> tuple[str, ...]:
    """Return the names of the variables in the last ``return``."""
    last = [n for n in ast.walk(node) if isinstance(n, ast.Return) and n.value is not None]
    if not last:
        return ()
    value = max(last, key=lambda n: n.lineno).value
    parts = value.elts if isinstance(value, ast.Tuple) else [value]
    return tuple(result_of(last_name(part)) for part in parts)


def last_name(node: ast.expr | None) -> str:
    """Return the name of a variable, or of the attribute that an expression ends with."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def taken_apart(node: ast.FunctionDef, name: str) -> bool:
    """Whether a function takes an argument, or an attribute, as (rows, columns)."""
    for inner in ast.walk(node):
        if isinstance(inner, ast.Subscript) and last_name(inner.value) == name:
            return True
        if isinstance(inner, ast.Assign):
            target, value = inner.targets[0], inner.value
            sides = [(target, value)]
            if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
                sides = list(zip(target.elts, value.elts, strict=False))
            if any(isinstance(t, ast.Tuple) and last_name(v) == name for t, v in sides):
                return True
    return False


def _by_default(role: str, default: ast.expr) -> str:
    """Use a default where the name is not enough: bias=True is a flag, padding="same" a word."""
    value = default.value if isinstance(default, ast.Constant) else None
    if role in _ARRAYS and isinstance(value, bool):
        return ""
    if role == "padding" and isinstance(value, str):
        return "PADDING WORD" if value.isupper() else "padding word"
    return role


def _one_size(node: ast.FunctionDef, name: str) -> bool:
    """Whether the function gives one name to two axes of an argument's shape."""
    for inner in ast.walk(node):
        if not (isinstance(inner, ast.Assign) and isinstance(inner.targets[0], ast.Tuple)):
            continue
        axes = [last_name(part) for part in inner.targets[0].elts]
        axes = [axis for axis in axes if axis.strip("_")]
        value = inner.value
        shape = isinstance(value, ast.Attribute) and value.attr == "shape" and value.value
        if shape and last_name(shape) == name and len(set(axes)) < len(axes):
            return True
    return False


def _keys(
    node: ast.FunctionDef, name: str, beside: Mapping[str, ast.FunctionDef]
) -> tuple[str, ...]:
    """Return the keys that the function, or one that it hands the dictionary to, reads from it."""
    found: list[ast.expr] = []
    further: list[str] = []
    for inner in ast.walk(node):
        if isinstance(inner, ast.Subscript) and last_name(inner.value) == name:
            found.append(inner.slice)
        elif isinstance(inner, ast.Call) and isinstance(inner.func, ast.Attribute):
            if inner.func.attr in ("get", "setdefault") and last_name(inner.func.value) == name:
                found += inner.args[:1]
        elif isinstance(inner, ast.Call):
            other = beside.get(last_name(inner.func))
            if other is not None and other is not node:
                names = [a.arg for a in other.args.args]
                for place, argument in zip(names, inner.args, strict=False):
                    if last_name(argument) == name:
                        further += _keys(other, place, {})
    keys = [k.value for k in found if isinstance(k, ast.Constant) and isinstance(k.value, str)]
    return tuple(dict.fromkeys(keys + further))
