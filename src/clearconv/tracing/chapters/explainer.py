"""The base class that explains the numbers of one layer."""

import inspect
import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module

from clearconv.docstring import sections
from clearconv.tracing._data import LayerTrace
from clearconv.tracing._explanation import Factor, Index, Step
from clearconv.tracing._sums import Column, Products


@dataclass(frozen=True)
class Derivation:
    """How a number was computed, before its terms are laid out.

    `function` is the name of the function that computes it, below ``clearconv``.
    """

    function: str
    formula: str
    reference: str = ""
    sums: tuple[Products, ...] = ()
    steps: tuple[Step, ...] = ()
    note: str = ""


#: Functions that explain one element, by quantity.
Derivations = dict[str, Callable[[Index], Derivation]]


#: Explainers by chapter, or by class for a layer without a chapter.
EXPLAINERS: dict[str, type["Explainer"]] = {}


class Explainer(ABC):
    """Explains the numbers of one layer.

    Attributes
    ----------
    explains : tuple of str
        Chapters that a subclass explains, or the class of a layer without a chapter; empty for a
        common base.
    saves : tuple of str
        Interesting arrays that such a layer saves for backward, except its input or output.
    """

    explains: tuple[str, ...] = ()
    saves: tuple[str, ...] = ()

    def __init_subclass__(cls) -> None:
        """Register the class for what it explains."""
        for name in cls.__dict__.get("explains", ()):
            EXPLAINERS[name] = cls

    def __init__(self, layer: LayerTrace) -> None:
        self.layer = layer
        self.path = layer.path

    @abstractmethod
    def derivations(self) -> Derivations:
        """Return, by quantity, the function that explains one element."""

    def column(self, name: str, *axes: object) -> Column:
        """Read a factor's column from an array of the layer, or a parameter's values."""
        parameters = self.layer.parameters
        array = parameters[name].value if name in parameters else self.layer.array(name)
        return Column.of(self.path, name, array, *axes)

    def factor(self, name: str, *index: int) -> Factor:
        """Return one number of the layer."""
        return self.column(name, *index).factor(0)

    def constant(self, name: str, value: float) -> Column:
        """Return a factor that is not an element of an array."""
        return Column.constant(self.path, name, value)


@lru_cache(maxsize=256)
def written(name: str) -> tuple[str, str]:
    """Return formula and reference of a chapter's function, from its docstring, in LaTeX.

    Parameters
    ----------
    name : str
        Such as ``"conv2d.backward_weight"``; a chapter alone gives the formula of its contract.
    """
    chapter, _, function = name.partition(".")
    module = import_module(f"clearconv.ops.{chapter}")
    whole = inspect.getdoc(getattr(module, function) if function else module) or ""
    parts = sections(whole)
    text = parts.get("Notes", whole)
    reference = " ".join(parts.get("References", "").split())
    reference = re.sub(r":math:`([^`]*)`", r"$\1$", reference).replace("``", "")
    return formulas(text), reference


def renamed(latex: str, **symbols: str) -> str:
    r"""Replace letters of a formula by the names of this layer's numbers.

    Parameters
    ----------
    latex : str
        Formula.
    **symbols
        New name of each letter, in LaTeX; ``x`` does not change ``dx`` and ``\max``.
    """
    for letter, name in symbols.items():
        whole = rf"(?<![A-Za-z\\]){letter}(?![A-Za-z])"
        latex = name.join(re.split(whole, latex))
    return latex


def formulas(text: str) -> str:
    """Return the LaTeX of a docstring's formulas, one after another."""
    found = re.findall(r"^\.\. math::(.*(?:\n[ \t]+\S.*)*)", text, re.M)
    return r" \qquad ".join(" ".join(tex.split()) for tex in found)
