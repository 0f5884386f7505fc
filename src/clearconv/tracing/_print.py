"""An explanation as text."""

import re
from typing import TYPE_CHECKING

from clearconv.docstring import formula

if TYPE_CHECKING:
    from clearconv.tracing._explanation import Explanation, Factor, Term

_MOST = 24  # lines of terms


def number(value: float) -> str:
    """Write a number short: six digits."""
    return f"{value + 0.0:.6g}"  # -0.0 reads 0


def signed(value: float) -> str:
    """Write a number within an expression: a negative one in brackets."""
    return f"({number(value)})" if value < 0 or "e" in number(value) else number(value)


def place(path: str, name: str, index: tuple[int, ...]) -> str:
    """Name a number: ``conv1 weight[0, 2, 1, 1]``."""
    where = f"[{', '.join(map(str, index))}]" if index else ""
    return f"{path} {name}{where}".strip()


def described(explanation: "Explanation") -> str:
    """Lay an explanation out: the number, its terms or steps, note, formula, function."""
    told = explanation
    lines = [f"{place(told.path, told.quantity, told.index)} = {number(told.value)}"]
    shown = told.terms if len(told.terms) <= _MOST else told.terms[: _MOST - 1]
    lines += _columns([_term(told.path, term) for term in shown])
    hidden = told.terms[len(shown) :]
    left_out, rest = told.left_out + len(hidden), told.rest + sum(term.value for term in hidden)
    if left_out:
        lines.append(f"  {left_out} more terms, together {number(rest)}")
    for step in told.steps:
        lines.append(f"  {step.name} = {step.expression} = {number(step.value)}")
    if told.note:
        lines.append(told.note)
    lines.append(f"formula   {formula(told.formula)}")
    if told.reference:
        reference = re.sub(r"\$([^$]*)\$", lambda found: formula(found[1]), told.reference)
        lines.append(f"source    {reference}")
    code = told.function
    lines.append(f"function  {code.name.rpartition('.')[2]}, {code.file}:{code.line}")
    return "\n".join(lines)


def _term(home: str, term: "Term") -> tuple[str, str, str]:
    names = " * ".join(_name(home, factor) for factor in term.factors)
    if len(term.factors) == 1:
        return names, "", number(term.value)
    values = " * ".join(signed(factor.value) for factor in term.factors)
    return names, values, number(term.value)


def _name(home: str, factor: "Factor") -> str:
    """Name a factor, with its layer where that is another one."""
    return place("" if factor.path == home else factor.path, factor.array, factor.index)


def _columns(rows: list[tuple[str, str, str]]) -> list[str]:
    """Align names, numbers and products."""
    wide = max((len(names) for names, _, _ in rows), default=0)
    long = max((len(values) for _, values, _ in rows), default=0)
    gap = "  " if long else ""
    return [f"  {names:<{wide}}  {values:<{long}}{gap}= {value}" for names, values, value in rows]
