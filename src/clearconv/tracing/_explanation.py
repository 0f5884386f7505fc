"""How one number came about: terms or steps, a formula, and the function that computes it."""

import inspect
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any

import clearconv.errors
from clearconv.tracing._print import described

Index = tuple[int, ...]


@dataclass(frozen=True)
class Factor:
    """A number that went into another.

    Attributes
    ----------
    path : str
        The layer whose number it is.
    array : str
        Which of its arrays: ``"x"``, ``"weight"``, ``"grad_y"`` and so on; or what a constant
        means, such as ``"1/N"``.
    index : tuple of int
        Where in that array; empty for a constant.
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
        What is multiplied.
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
    """One step of a computation that is no sum of products.

    Attributes
    ----------
    name : str
        What it gives, such as ``"x_hat"``.
    expression : str
        How, with the numbers put in: ``"(0.5 - 0.25) / sqrt(0.04 + 1e-05)"``.
    value : float
        What came out.
    factors : tuple of Factor
        The numbers in the expression that stand in an array of the trace.
    """

    name: str
    expression: str
    value: float
    factors: tuple[Factor, ...] = ()


@dataclass(frozen=True)
class Function:
    """The function that computes a quantity, as the chapter's loops tell it.

    Attributes
    ----------
    name : str
        Its dotted name, such as ``"clearconv.ops.conv2d.loops.forward"``.
    file : str
        Its file, from the package's folder down: ``"clearconv/ops/conv2d/loops.py"``.
    line : int
        Its first line in that file.
    """

    name: str
    file: str
    line: int

    @property
    def source(self) -> str:
        """Return its source text, read from the file."""
        return inspect.getsource(_found(self.name))


@lru_cache(maxsize=256)
def function_of(name: str) -> Function:
    """Look a function or method up by its dotted name below ``clearconv``."""
    whole = f"clearconv.{name}"
    found = _found(whole)
    package = Path(str(clearconv.errors.__file__)).parents[1]
    file = Path(str(inspect.getsourcefile(found))).relative_to(package)
    return Function(whole, file.as_posix(), inspect.getsourcelines(found)[1])


def _found(name: str) -> Any:
    """Import as far as there are modules, then take attributes."""
    module, _, rest = name.rpartition(".")
    try:
        return getattr(import_module(module), rest)
    except ModuleNotFoundError:
        return getattr(_found(module), rest)


@dataclass(frozen=True)
class Explanation:
    """How one number of a trace came about.

    Where it is a sum of products, ``total`` is the value up to rounding; where it is not, the last
    step's value is.

    Attributes
    ----------
    path, quantity, index : str, str, tuple of int
        Which number.
    value : float
        The number, as the library computed it.
    terms : tuple of Term
        The products that were added; of a long sum perhaps only the largest.
    steps : tuple of Step
        The steps, one after another, of what is no sum of products.
    rest : float
        Sum of the terms that are left out.
    left_out : int
        How many they are.
    formula : str
        The general formula, LaTeX.
    reference : str
        Where it stands in the articles or the literature; may be empty.
    function : Function
        What computes it.
    note : str
        What the numbers alone do not say; may be empty.
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
        """Return what terms or steps come to, in double precision."""
        if self.steps:
            return self.steps[-1].value
        return float(sum(term.value for term in self.terms)) + self.rest

    def __str__(self) -> str:
        """Lay it out as text."""
        return described(self)
