"""Layers written as methods of a network's class that take arrays like functions."""

import ast
from collections.abc import Mapping


def free(methods: Mapping[str, ast.FunctionDef]) -> dict[str, ast.FunctionDef]:
    """Return the methods that can be called alone.

    Parameters
    ----------
    methods : mapping
        The class's methods by name.

    Returns
    -------
    dict
        All except the constructor, if it needs no arguments; otherwise those that use nothing that
        it puts into the object.
    """
    init = methods.get("__init__")
    bare = init is None or len(init.args.args) - 1 <= len(init.args.defaults)
    return {
        name: method
        for name, method in methods.items()
        if name != "__init__"
        and not any("property" in ast.unparse(one) for one in method.decorator_list)
        and (bare or not _attributes(method, methods, set()))
    }


def _attributes(
    method: ast.FunctionDef, methods: Mapping[str, ast.FunctionDef], seen: set[str]
) -> bool:
    """Whether a method, or one that it calls, uses what the object holds."""
    seen.add(method.name)
    used = {
        node.attr
        for node in ast.walk(method)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "self"
    }
    return any(
        name not in methods or (name not in seen and _attributes(methods[name], methods, seen))
        for name in used
    )
