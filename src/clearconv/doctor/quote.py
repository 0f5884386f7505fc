"""The learner's own line with the mistake, if it can be found."""

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass

from clearconv.doctor.adapt.results import split
from clearconv.doctor.adapt.runner import results_of
from clearconv.doctor.find import Found
from clearconv.doctor.kinds import Slip
from clearconv.doctor.names import result_of
from clearconv.doctor.signature import Call

_LONGEST = 150
_FORWARD = ("y", "loss", "cols", "x")


@dataclass(frozen=True)
class Quote:
    """A line of the learner's.

    Attributes
    ----------
    line : int
        Number of the line.
    text : str
        Text of the line.
    sure : bool
        Whether it shows the mistake; otherwise it is where the wrong result is computed.
    result : str
        The result that is computed there.
    """

    line: int
    text: str
    sure: bool
    result: str


def quote(source: str, found: Found, slip: Slip | None, result: str) -> Quote | None:
    """Return the line that makes a mistake, or makes the wrong result.

    Parameters
    ----------
    source : str
        The learner's file.
    found : Found
        The layer.
    slip : Slip, optional
        The mistake, whose hints describe such a line.
    result : str
        The wrong result.
    """
    name = result.partition("@")[0]
    statements = [s for call in _calls(found, name) for s in _statements(source, call)]
    for hint in slip.hints if slip else ():
        hits = [s for s in statements if re.search(hint, _text(s))]
        if hint == "^return":  # too early: inside a loop
            loops = [s for s in statements if isinstance(s, ast.For)]
            hits = [s for s in hits if any(s in ast.walk(loop) for loop in loops)]
        if len(hits) > 1:
            hits = [s for s in hits if isinstance(s, ast.Assign | ast.AugAssign | ast.Return)]
        if len(hits) == 1:
            return Quote(hits[0].lineno, _line(source, hits[0]), True, name)
    makers = [s for s in statements if name in _made(s)]
    for call in _calls(found, name):
        makers = _returned(source, found, call, name, statements) or makers
    if not makers and len(statements) == 1:
        makers = statements
    if not makers:
        return None
    adding = [s for s in makers if isinstance(s, ast.AugAssign) and isinstance(s.op, ast.Add)]
    last = (adding or makers)[-1]
    if isinstance(last, ast.Assign):
        last = _origin(last, last.value, statements)
    return Quote(last.lineno, _line(source, last), False, name)


def _returned(
    source: str, found: Found, call: Call, name: str, statements: Sequence[ast.stmt]
) -> list[ast.stmt]:
    """Return where the value that a function returns as this result is computed."""
    inside = [
        s
        for s in statements
        if isinstance(s, ast.Return) and call.lines[0] <= s.lineno <= call.lines[1]
    ]
    last = inside[-1] if inside else None
    if last is None or last.value is None:
        return []
    parts = tuple(last.value.elts) if isinstance(last.value, ast.Tuple) else (last.value,)
    results = results_of(found.kind, call is found.calls.get("forward"))
    if name in found.calls:
        results = (name,)
    said = call.returns if len(call.returns) == len(parts) else ("",) * len(parts)
    value = split(parts, said, results).get(name)
    if isinstance(value, ast.Name | ast.Attribute):
        return [s for s in statements if _name(value) in _assigned(s)]
    if value is None or isinstance(value, ast.Constant):
        return []
    helper = _name(value.func) if isinstance(value, ast.Call) else ""
    if any(helper == one.name for one in _functions(source, call)[1:]):
        return []  # made there
    return [_origin(last, value, statements)]


def _origin(made: ast.stmt, value: ast.expr, statements: Sequence[ast.stmt]) -> ast.stmt:
    """Go back from a mere slice or reshape to where its array is filled."""
    while isinstance(value, ast.Subscript | ast.Attribute | ast.Call):
        value = value.func if isinstance(value, ast.Call) else value.value
    if isinstance(value, ast.Name):
        fills = [
            s
            for s in statements
            if (isinstance(s, ast.AugAssign) and _name(s.target) == value.id)
            or (isinstance(s, ast.Assign) and any(_fills(t, value.id) for t in s.targets))
        ]
        if fills:
            return fills[-1]
    return made


def _fills(target: ast.expr, name: str) -> bool:
    return isinstance(target, ast.Subscript) and _name(target) == name


def _calls(found: Found, name: str) -> list[Call]:
    """Return the functions in which a result is made."""
    if name in found.calls:
        return [found.calls[name]]
    part = "forward" if name in _FORWARD or "backward" not in found.calls else "backward"
    return [found.calls[part]] if part in found.calls else []


def _statements(source: str, call: Call) -> list[ast.stmt]:
    """Return the simple statements of a function, and of the methods that it calls."""
    simple = ast.Assign | ast.AugAssign | ast.AnnAssign | ast.Return | ast.Expr | ast.If | ast.For
    reached = _functions(source, call)
    found_here = [s for f in reached for s in ast.walk(f) if isinstance(s, simple)]
    return sorted(found_here, key=lambda s: s.lineno)


def _functions(source: str, call: Call) -> list[ast.FunctionDef]:
    """Return a function, and those beside it that it calls."""
    tree = ast.parse(source)
    functions = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)]
    first = next((f for f in functions if f.lineno == call.lines[0]), None)
    if first is None:
        return []
    members = [f for f in functions if _beside(tree, first, f)]
    reached: list[ast.FunctionDef] = []
    waiting = [first]
    while waiting:
        function = waiting.pop()
        if function in reached:
            continue
        reached.append(function)
        used = {
            inner.func.attr if isinstance(inner.func, ast.Attribute) else _name(inner.func)
            for inner in ast.walk(function)
            if isinstance(inner, ast.Call)
        }
        waiting += [f for f in members if f.name in used and f.name != "forward"]
    return reached


def _beside(tree: ast.Module, first: ast.FunctionDef, other: ast.FunctionDef) -> bool:
    """Whether another function is in the same class, or at the top of the file as well."""
    homes: list[Sequence[ast.stmt]] = [tree.body]
    homes += [n.body for n in ast.walk(tree) if isinstance(n, ast.ClassDef)]
    return any(first in home and other in home for home in homes)


def _text(statement: ast.stmt) -> str:
    """Return a statement as one line; of a compound one, its head."""
    if isinstance(statement, ast.If):
        return f"if {ast.unparse(statement.test)}:"
    if isinstance(statement, ast.For):
        return f"for {ast.unparse(statement.target)} in {ast.unparse(statement.iter)}:"
    return ast.unparse(statement)


def _line(source: str, statement: ast.stmt) -> str:
    """Return the statement as the learner wrote it, in one line; of a compound one, its head."""
    last = statement.end_lineno or statement.lineno
    if isinstance(statement, ast.If | ast.For):
        last = statement.body[0].lineno - 1
    lines = source.splitlines()[statement.lineno - 1 : max(last, statement.lineno)]
    text = " ".join(line.strip() for line in lines)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} ..."


def _made(statement: ast.stmt) -> set[str]:
    """Return the results that a statement assigns, by the names of its variables."""
    return {result_of(name) for name in _assigned(statement)}


def _assigned(statement: ast.stmt) -> set[str]:
    """Return the variables and attributes that a statement assigns, whole or in part."""
    if isinstance(statement, ast.Assign):
        targets = list(statement.targets)
    elif isinstance(statement, ast.AugAssign | ast.AnnAssign):
        targets = [statement.target]
    else:
        return set()
    found = set()
    for target in targets:
        parts = target.elts if isinstance(target, ast.Tuple) else [target]
        found |= {_name(part) for part in parts}
    return found


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Subscript | ast.Starred):
        return _name(node.value)
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""
