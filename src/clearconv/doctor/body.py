"""The contents of a class, from its text: its methods, attributes, and the size in its name."""

import ast
import re
from collections.abc import Mapping

from clearconv.doctor.signature import last_name


def methods_of(
    node: ast.ClassDef, classes: Mapping[str, ast.ClassDef]
) -> dict[str, ast.FunctionDef]:
    """Return a class's methods, with those of its bases in the same file."""
    found: dict[str, ast.FunctionDef] = {}
    for base in node.bases:
        name = last_name(base)
        if name in classes and name != node.name:
            found |= methods_of(classes[name], classes)
    if any("dataclass" in ast.unparse(one) for one in node.decorator_list):
        found["__init__"] = _fields(node)
    return found | {n.name: n for n in node.body if isinstance(n, ast.FunctionDef)}


def _fields(node: ast.ClassDef) -> ast.FunctionDef:
    """Return the constructor that a dataclass gets: its fields as arguments and attributes."""
    fields = [n for n in node.body if isinstance(n, ast.AnnAssign) and "ClassVar" not in
              ast.unparse(n.annotation) and "init=False" not in ast.unparse(n)]  # fmt: skip
    names = [(last_name(n.target), n.value is not None) for n in fields]
    given = ", ".join(f"{name}=None" if optional else name for name, optional in names)
    stored = "; ".join(f"self.{name} = {name}" for name, _ in names) or "pass"
    made = ast.parse(f"def __init__(self, {given}): {stored}").body[0]
    assert isinstance(made, ast.FunctionDef)
    made.lineno, made.end_lineno = node.lineno, node.lineno
    return made


def attributes_of(methods: Mapping[str, ast.FunctionDef]) -> tuple[str, ...]:
    """Return what methods assign to, and the keys that they use."""
    stored = []
    for inner in (inner for method in methods.values() for inner in ast.walk(method)):
        if isinstance(inner, ast.Attribute) and isinstance(inner.ctx, ast.Store):
            stored.append(inner.attr)
        elif isinstance(inner, ast.Subscript) and isinstance(inner.slice, ast.Constant):
            stored.append(str(inner.slice.value))
    return tuple(dict.fromkeys(stored))


def window_of(name: str) -> tuple[int, int] | None:
    """Return the window size in a class's name: Conv3x3, MaxPool2."""
    size = re.search(r"(\d+)x(\d+)", name)
    if size:
        return int(size[1]), int(size[2])
    size = re.search(r"pool(?:ing)?_?(\d+)(?![\dd])", name, re.I)
    return (int(size[1]), int(size[1])) if size else None
