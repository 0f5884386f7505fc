"""``conv2d.backward=my_grad(grad_y, x, weight) -> grad_x``: functions named by hand."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from clearconv.doctor.names import known_roles
from clearconv.errors import ArgumentError

_FORM = re.compile(r"(\w+)\.(\w+)\s*=\s*([\w.]+)\s*(?:\(([^)]*)\))?\s*(?:->\s*([\w\s,]+))?")
_EXAMPLE = "Write `functions` conv2d.forward=my_conv, or with the arguments and results said: "
_FULL = "'conv2d.backward=my_grad(grad_y, x, weight, stride) -> grad_x, grad_weight'."


@dataclass(frozen=True)
class Named:
    """One of the learner's functions, and how the user describes it.

    Attributes
    ----------
    kind, part, function : str
        "conv2d", "forward" or "backward" or the one result it computes, the function's name.
    roles : tuple of str
        Roles of its arguments, in order; empty to infer them from names and positions.
    returns : tuple of str
        Results that it returns, in order; empty to infer them.
    """

    kind: str
    part: str
    function: str
    roles: tuple[str, ...] = ()
    returns: tuple[str, ...] = ()


def read(text: str, results: Mapping[str, Iterable[str]]) -> Named:
    """Read how the user named a function.

    Parameters
    ----------
    text : str
        "KIND.PART=NAME", with "(ARGUMENTS)" and "-> RESULTS" if names are not enough.
    results : mapping
        The known kinds, with the results of each.

    Raises
    ------
    ArgumentError
        If it is not of that form, or names a kind, part or role that is not known.
    """
    form = _FORM.fullmatch(text.strip())
    if form is None:
        raise ArgumentError(f"`functions` {text!r} is not understood. {_EXAMPLE}{_FULL}")
    kind, part, function = form[1], form[2], form[3]
    if kind not in results:
        raise ArgumentError(
            f"`functions` {text!r}: the kind {kind!r} is not known. Known: {', '.join(results)}."
        )
    parts = ("forward", "backward", *results[kind])
    if part not in parts:
        raise ArgumentError(
            f"`functions` {text!r}: {kind} has no part {part!r}. Known: {', '.join(parts)}."
        )
    roles, returns = _words(form[4]), _words(form[5])
    for word in roles:
        if word not in known_roles():
            raise ArgumentError(
                f"`functions` {text!r}: the argument {word!r} is not known. Known: "
                f"{', '.join(known_roles())}."
            )
    for word in returns:
        if word not in ("cache", *results[kind]):
            raise ArgumentError(
                f"`functions` {text!r}: {kind} has no result {word!r}. Known: cache, "
                f"{', '.join(results[kind])}."
            )
    return Named(kind, part, function, roles, returns)


def _words(text: str | None) -> tuple[str, ...]:
    return tuple(word.strip() for word in (text or "").split(",") if word.strip())
