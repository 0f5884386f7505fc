"""The wrong functions of the same file that a layer calls."""

import ast
from collections.abc import Sequence

from clearconv.doctor.verdict import Verdict


def blame_helpers(source: str, verdicts: Sequence[Verdict]) -> None:
    """Add a remark to each wrong layer that names the wrong functions it calls.

    Parameters
    ----------
    source : str
        The learner's file.
    verdicts : sequence of Verdict
        Verdicts on its layers; remarks are added.
    """
    body = ast.parse(source).body
    functions = {node.name: node for node in body if isinstance(node, ast.FunctionDef)}
    wrong = {
        call.name: verdict
        for verdict in verdicts
        for call in verdict.found.calls.values()
        if not verdict.right and verdict.found.family == "functions" and call.name in functions
    }
    for verdict in verdicts:
        if verdict.right:
            continue
        reached = _reached(_own(body, verdict), functions)
        names = [name for name in wrong if name in reached and wrong[name] is not verdict]
        if names:
            listed = " and ".join(names)
            are, it = ("is", "that") if len(names) == 1 else ("are", "those")
            verdict.remarks.insert(0, f"it calls {listed}, which {are} wrong: fix {it} first")


def _own(body: Sequence[ast.stmt], verdict: Verdict) -> list[ast.stmt]:
    """Return the layer's class, or its functions."""
    names = {call.name for call in verdict.found.calls.values()}
    if verdict.found.family != "functions":
        names = {verdict.found.name}
    return [n for n in body if isinstance(n, ast.ClassDef | ast.FunctionDef) and n.name in names]


def _reached(waiting: list[ast.stmt], functions: dict[str, ast.FunctionDef]) -> set[str]:
    """Return the functions that are called, and those that these call."""
    names: set[str] = set()
    while waiting:
        for inner in ast.walk(waiting.pop()):
            name = getattr(inner.func, "id", "") if isinstance(inner, ast.Call) else ""
            if name in functions and name not in names:
                names.add(name)
                waiting.append(functions[name])
    return names
