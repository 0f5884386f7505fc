"""What a kind of layer is to the doctor: its cases, its mistakes, its conventions.

Arrays are always in the library's own layout and float64: images (N, C, H, W), weights
(O, C, KH, KW), linear weights (O, I), columns (N, C·KH·KW, OH·OW). Where a learner's code has
another layout, the doctor exchanges the axes before it calls the code and after. Options that have
two axes are pairs, rows first. Where a mistake would stop the code with an error, the result is
missing.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

#: By name. Inputs: x, weight, bias, grad_y, labels, gamma, beta, mask, ...; results: y, grad_x,
#: grad_weight, grad_bias, loss, ... A result ``"y@2"`` is that of a second call with the same
#: inputs; it is there only if it may differ from the first.
Arrays = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Limits:
    """What a learner's code can be asked to do; a kind makes its cases within them.

    Attributes
    ----------
    batch : bool
        Whether the code takes several images at once; otherwise N is 1.
    rank : int, optional
        Number of axes of x, where the kind leaves that open.
    square_image, square_kernel : bool
        Whether height and width must be equal.
    one_stride, one_padding, one_dilation : bool
        Whether both axes share one stride, one padding, one dilation.
    leftover : bool
        Whether windows may leave rows or columns over.
    bias : bool
        Whether it has a bias.
    fixed : mapping
        Options that the code does not take, with the value it uses; the stride ``"kernel"`` is that
        of a pool with non-overlapping windows.
    channels : bool
        Whether images may have several channels; otherwise C and O are 1.
    same_channels : bool
        Whether there must be as many channels out as in.
    """

    batch: bool = True
    rank: int | None = None
    square_image: bool = False
    square_kernel: bool = False
    one_stride: bool = False
    one_padding: bool = False
    one_dilation: bool = False
    leftover: bool = True
    bias: bool = True
    fixed: Mapping[str, Any] = field(default_factory=dict)
    channels: bool = True
    same_channels: bool = False


@dataclass(frozen=True)
class Case:
    """One geometry with its numbers.

    Attributes
    ----------
    name : str
        What is special about it: "unequal sides, stride 2x3, leftover rows".
    arrays : dict
        The inputs, float64 (labels: int64).
    options : dict
        stride, padding, dilation, kernel, p, training, eps, momentum, lr: those the kind has.
    """

    name: str
    arrays: Arrays
    options: dict[str, Any]


@dataclass(frozen=True)
class Slip:
    """One executable mistake.

    Attributes
    ----------
    key : str
        Its name in JSON: "no-turn".
    title : str
        The mistake as a sentence without a full stop.
    spoils : tuple of str
        The results that it can change: ("grad_x",).
    why : str
        Why it is wrong, for a learner, in one or two sentences.
    remedy : str
        What to write instead.
    link : str
        The page of docs/ and the anchor where the right formula is derived: "conv2d.md#the-input".
    hints : tuple of str
        Regular expressions that the learner's line, as ``ast.unparse`` writes it, may match.
    error : str
        A regular expression for the error message where the mistake always stops the code.
    """

    key: str
    title: str
    spoils: tuple[str, ...]
    why: str
    remedy: str
    link: str
    hints: tuple[str, ...] = ()
    error: str = ""


@dataclass(frozen=True)
class Convention:
    """A choice that is not a mistake.

    Attributes
    ----------
    key : str
        Its name on the command line: "kernel".
    title : str
        What is chosen: "how the kernel lies on the image".
    values : mapping
        Value -> what it means, in words. The first is the library's own.
    shows_in : tuple of str
        Results that show which one the code follows; empty if only an option can decide.
    """

    key: str
    title: str
    values: Mapping[str, str]
    shows_in: tuple[str, ...] = ("y",)


@dataclass(frozen=True)
class Kind:
    """A kind of layer: what it computes, how it is tried, how it goes wrong.

    Attributes
    ----------
    name : str
        "conv2d".
    inputs, results : tuple of str
        Names of the arrays that go in and come out.
    slips : tuple of Slip
        Catalogue of mistakes.
    conventions : tuple of Convention
        Conventions of this kind.
    make_cases : callable
        Limits -> list of Case.
    make_small : callable
        Limits -> list of Case that can be redone by hand, smallest first.
    compute : callable
        (case, keys of the slips made, conventions by key) -> results.
    read_draws : callable, optional
        (case, results of a learner's code) -> the case with the random numbers that the code must
        have drawn, for a kind whose code draws its own.
    """

    name: str
    inputs: tuple[str, ...]
    results: tuple[str, ...]
    slips: tuple[Slip, ...]
    conventions: tuple[Convention, ...]
    make_cases: Callable[[Limits], list[Case]]
    make_small: Callable[[Limits], list[Case]]
    compute: Callable[[Case, frozenset[str], Mapping[str, str]], Arrays]
    read_draws: Callable[[Case, Arrays], Case] | None = None

    def cases(self, limits: Limits | None = None) -> list[Case]:
        """Return the cases on which a mistake cannot hide, as far as the code can be asked."""
        return self.make_cases(limits or Limits())

    def small_cases(self, limits: Limits | None = None) -> list[Case]:
        """Return cases of whole numbers for a counter-example by hand, smallest first."""
        return self.make_small(limits or Limits())

    def run(
        self,
        case: Case,
        slips: frozenset[str] = frozenset(),
        conventions: Mapping[str, str] | None = None,
    ) -> Arrays:
        """Compute a case, correctly or with these mistakes made."""
        with np.errstate(all="ignore"):  # a mistake may well divide by zero
            return self.compute(case, slips, conventions or {})
