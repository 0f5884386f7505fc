"""How one number was computed: terms or steps, a formula, and the function that computes it."""

import re
from dataclasses import dataclass

from clearconv.docstring import formula
from clearconv.tracing._function import Function
from clearconv.tracing._print import columns, number, place, signed

Index = tuple[int, ...]

_MOST = 24  # lines of terms


@dataclass(frozen=True)
class Factor:
    """A number that contributed to another.

    Attributes
    ----------
    path : str
        The layer whose number it is.
    array : str
        Name of the array: ``"x"``, ``"weight"``, ``"grad_y"`` and so on; or the meaning of a
        constant, such as ``"1/N"``.
    index : tuple of int
        Position in that array; empty for a constant.
    value : float
        The number.
    """

    path: str
    array: str
    index: Index
    value: float


@dataclass(frozen=True)
class Term:
    """One product of a sum.

    Attributes
    ----------
    factors : tuple of Factor
        Factors of the product.
    """

    factors: tuple[Factor, ...]

    @property
    def value(self) -> float:
        """Return the product."""
        product = 1.0
        for factor in self.factors:
            product *= factor.value
        return product


@dataclass(frozen=True)
class Step:
    """One step of a computation that is not a sum of products.

    Attributes
    ----------
    name : str
        Name of the result, such as ``"x_hat"``.
    expression : str
        Computation with the numbers filled in: ``"(0.5 - 0.25) / sqrt(0.04 + 1e-05)"``.
    value : float
        Result.
    factors : tuple of Factor
        Numbers in the expression that are elements of an array of the trace.
    """

    name: str
    expression: str
    value: float
    factors: tuple[Factor, ...] = ()


@dataclass(frozen=True)
class Explanation:
    """How one number of a trace was computed.

    If it is a sum of products, ``total`` is the value up to rounding; if it is not, the last
    step's value is.

    Attributes
    ----------
    path, quantity, index : str, str, tuple of int
        Position of the number.
    value : float
        Number as the library computed it.
    terms : tuple of Term
        Products that were added; for a long sum perhaps only the largest.
    steps : tuple of Step
        Steps in order, for a number that is not a sum of products.
    rest : float
        Sum of the omitted terms.
    left_out : int
        Number of omitted terms.
    formula : str
        General formula, in LaTeX.
    reference : str
        Source in the articles or the literature; may be empty.
    function : Function
        Function that computes the number.
    note : str
        Remark on what the numbers alone do not show; may be empty.
    """

    path: str
    quantity: str
    index: Index
    value: float
    terms: tuple[Term, ...]
    steps: tuple[Step, ...]
    rest: float
    left_out: int
    formula: str
    reference: str
    function: Function
    note: str

    @property
    def total(self) -> float:
        """Return the result of the terms or steps, in double precision."""
        if self.steps:
            return self.steps[-1].value
        return float(sum(term.value for term in self.terms)) + self.rest

    def __str__(self) -> str:
        """Return the text: the number, its terms or steps, note, formula, function."""
        lines = [f"{place(self.path, self.quantity, self.index)} = {number(self.value)}"]
        shown = self.terms if len(self.terms) <= _MOST else self.terms[: _MOST - 1]
        lines += columns([_row(self.path, term) for term in shown])
        hidden = self.terms[len(shown) :]
        left_out = self.left_out + len(hidden)
        if left_out:
            rest = self.rest + sum(term.value for term in hidden)
            lines.append(f"  {left_out} more terms, together {number(rest)}")
        for step in self.steps:
            lines.append(f"  {step.name} = {step.expression} = {number(step.value)}")
        if self.note:
            lines.append(self.note)
        lines.append(f"formula   {formula(self.formula)}")
        if self.reference:
            reference = re.sub(r"\$([^$]*)\$", lambda found: formula(found[1]), self.reference)
            lines.append(f"source    {reference}")
        code = self.function
        lines.append(f"function  {code.name.rpartition('.')[2]}, {code.file}:{code.line}")
        return "\n".join(lines)


def _row(home: str, term: Term) -> tuple[str, str, str]:
    """Return the names of the factors, their values and the product, as text."""
    names = " * ".join(_name(home, factor) for factor in term.factors)
    if len(term.factors) == 1:
        return names, "", number(term.value)
    values = " * ".join(signed(factor.value) for factor in term.factors)
    return names, values, number(term.value)


def _name(home: str, factor: Factor) -> str:
    """Name a factor, with its layer if that is another one."""
    return place("" if factor.path == home else factor.path, factor.array, factor.index)
