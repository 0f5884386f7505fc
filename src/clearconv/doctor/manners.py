"""Styles of writing a layer, recognised from the text of its functions."""

import ast
from collections.abc import Mapping
from dataclasses import replace

from clearconv.doctor.signature import Call, Parameter, last_name, read_call

#: Methods that finish a layer after it was made.
_SETUP = "initialize initialise build init_weights initialize_weights initialize_parameters".split()


def way_back(
    node: ast.FunctionDef, kind: str, beside: Mapping[str, ast.FunctionDef]
) -> Call | None:
    """Return the backward pass of a function that runs backward when it is given a gradient.

    Parameters
    ----------
    node : ast.FunctionDef
        ``conv(x, w, b, dzdy=None)``.
    kind : str
        The kind of layer.
    beside : mapping
        The other functions of the file, by name.
    """
    call = read_call(node, kind, beside)
    gradient = call.role("grad_y")
    if gradient is None or not gradient.optional:
        return None
    names = [a.arg for a in node.args.args][len(node.args.args) - len(node.args.defaults) :]
    default = dict(zip(names, node.args.defaults, strict=True)).get(gradient.name)
    absent = isinstance(default, ast.Constant) and default.value is None
    return call if absent else None


def pullback(node: ast.FunctionDef, kind: str) -> Call | None:
    """Return the backward pass that a forward function returns along with its result.

    Parameters
    ----------
    node : ast.FunctionDef
        The forward pass.
    kind : str
        The kind of layer.
    """
    inner = {one.name: one for one in node.body if isinstance(one, ast.FunctionDef)}
    last = node.body[-1]
    value = last.value if isinstance(last, ast.Return) else None
    for part in value.elts[1:] if isinstance(value, ast.Tuple) else ():
        if isinstance(part, ast.Lambda):
            lines = (part.lineno, part.end_lineno or part.lineno)
            return Call(f"{node.name}.lambda", lines, (Parameter("", "grad_y"),))
        if last_name(part) in inner:
            call = read_call(inner[last_name(part)], kind, {})
            return replace(call, name=f"{node.name}.{call.name}")
    return None


def fixed_window(node: ast.FunctionDef) -> tuple[int, int] | None:
    """Return the window hard-coded in a pooling function: the only number that it uses.

    Parameters
    ----------
    node : ast.FunctionDef
        The forward pass, without an argument for a window.
    """
    parts: list[ast.expr | None] = []
    for inner in ast.walk(node):
        if isinstance(inner, ast.BinOp) and isinstance(inner.op, ast.FloorDiv | ast.Mult):
            parts += [inner.left, inner.right]
        elif isinstance(inner, ast.Slice):
            parts.append(inner.step)
    sizes = {part.value for part in parts if isinstance(part, ast.Constant)}
    size = sizes.pop() if len(sizes) == 1 else 0
    return (size, size) if isinstance(size, int) and size > 1 else None


def set_up(methods: Mapping[str, ast.FunctionDef], kind: str) -> Call | None:
    """Return the method that must be called before the forward pass, if there is one.

    Parameters
    ----------
    methods : mapping
        Methods of a class, by name.
    kind : str
        The kind of layer.
    """
    text = " ".join(ast.unparse(method) for method in methods.values())
    for name in _SETUP:
        if name in methods and f"self.{name}(" not in text:  # otherwise the class calls it itself
            call = read_call(methods[name], kind, methods)
            if all(p.role or p.optional for p in call.parameters):
                return call
    return None
