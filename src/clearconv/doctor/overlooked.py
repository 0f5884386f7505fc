"""What looks like a layer in a file, but was not examined: silence would look like praise."""

import ast
import re
from collections.abc import Sequence

from clearconv.doctor.find import Found
from clearconv.doctor.names import kind_of

_PASS = re.compile(r"forward|fwd|backward|bwd|backprop|bprop|im2col|col2im", re.I)
_ASIDE = re.compile(r"test|check|plot|demo|time|indices|index|shape|size", re.I)


def overlooked(source: str, found: Sequence[Found]) -> list[str]:
    """Return a note on functions and classes that are named like a layer, and none of those found.

    Parameters
    ----------
    source : str
        The file's text.
    found : sequence of Found
        The layers in it.

    Returns
    -------
    list of str
        One note at most.
    """
    known = {one.name for one in found}
    known |= {call.name.partition(".")[0] for one in found for call in one.calls.values()}
    missed = [
        f"{node.name} (line {node.lineno})"
        for node in ast.parse(source).body
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
        and node.name not in known
        and kind_of(node.name)
        and _passes(node)
    ]
    if not missed:
        return []
    return [
        f"Not examined, since names and arguments say too little: {', '.join(missed)}. "
        "A function can be named with `functions`"
    ]


def _passes(node: ast.FunctionDef | ast.ClassDef) -> bool:
    """Whether it is one pass of a layer, or a class that has both."""
    if isinstance(node, ast.FunctionDef):
        unfinished = isinstance(node.body[-1], ast.Raise | ast.Pass)
        aside = _ASIDE.search(node.name) or not node.args.args
        return bool(_PASS.search(node.name)) and not (unfinished or aside)
    passes = {n.name for n in node.body if isinstance(n, ast.FunctionDef) and _PASS.search(n.name)}
    return len(passes) > 1
