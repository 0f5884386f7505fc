"""Describe where the errors are if no mistake in the catalogue fits."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from clearconv.doctor.kinds import Case
from clearconv.doctor.layout import Array
from clearconv.doctor.matching import NONE, Predictions, expected, same
from clearconv.ops import im2col

_AXES = {
    "x": ("image", "channel", "row", "column"),
    "y": ("image", "channel", "row", "column"),
    "grad_x": ("image", "channel", "row", "column"),
    "grad_weight": ("filter", "channel", "kernel row", "kernel column"),
    "grad_bias": ("filter",),
    "grad_gamma": ("channel",),
    "grad_beta": ("channel",),
}
_FLAT = ("sample", "feature")


def describe(predictions: Predictions, name: str) -> list[str]:
    """Describe in a few sentences how a result differs from the truth.

    Parameters
    ----------
    predictions : Predictions
        Predictions of the kind, under the conventions that hold.
    name : str
        The wrong result.
    """
    wrong, shapes = [], []
    for number, trial in enumerate(predictions.trials):
        got, want = trial.results.get(name), expected(predictions.of(NONE, number), name)
        if got is None or want is None or predictions.fits_in(NONE, name, number):
            continue
        if got.shape != want.shape:
            shapes.append((got.shape, want.shape))
        else:
            wrong.append((trial.case, got.astype(np.float64), want))
    said: list[str] = []
    if not wrong and not shapes:
        return said
    if shapes:
        got_shape, want_shape = shapes[0]
        said.append(f"its shape is {got_shape} where {want_shape} is expected")
    if wrong:
        said += list(_numbers(name, wrong))
    cases = _cases(predictions, name)
    return said + ([cases] if cases else [])


def _numbers(name: str, wrong: Sequence[tuple[Case, Array, Array]]) -> Iterator[str]:
    """Compare numbers of equal shape."""
    if any(not np.isfinite(got).all() for _, got, _ in wrong):
        yield "some of its numbers are NaN or infinite"
        return
    factor = _factor(wrong)
    if factor:
        yield factor
        return
    arrangement = _arranged(name, wrong)
    if arrangement:
        yield arrangement
        return
    yield from _places(name, wrong)


def _factor(wrong: Sequence[tuple[Case, Array, Array]]) -> str:
    """Name the factor by which every case is off, if there is one in each."""
    ratios = []
    for _, got, want in wrong:
        at = np.unravel_index(np.abs(want).argmax(), want.shape)
        ratio = got[at] / want[at] if want[at] else 0.0
        if not ratio or not same(got, want * ratio, ""):
            return ""
        ratios.append(ratio)
    scalar = all(want.size == 1 for _, _, want in wrong)
    it = "it" if scalar else "every number"
    if np.allclose(ratios, -1):
        return f"its sign is wrong; the size {'' if scalar else 'of every number '}is right"
    for said, inverse, sizes in _sizes(wrong):
        if np.allclose(ratios, sizes):
            return f"{it} is right except for a factor: {said}"
        if np.allclose(ratios, 1 / np.asarray(sizes)):
            return f"{it} is right except for a factor: divided by {inverse}"
    if np.allclose(ratios, ratios[0]):
        return f"{it} is {_ratio(ratios[0])} times what it should be"
    listed = ", ".join(_ratio(ratio) for ratio in ratios[:4])
    if scalar:
        return f"it is off by a different factor in each case: {listed}"
    return f"in each case all numbers are off by one factor: {listed}"


def _ratio(ratio: float) -> str:
    """Write a factor, as 1/99 if it is one over a whole number."""
    part = round(1 / ratio)
    whole = part > 1 and np.isclose(ratio * part, 1, rtol=1e-6, atol=0)
    return f"1/{part}" if whole else f"{ratio:.4g}"


def _sizes(wrong: Sequence[tuple[Case, Array, Array]]) -> Iterator[tuple[str, str, list[Any]]]:
    cases = [case for case, _, _ in wrong]
    if all("x" in case.arrays for case in cases):
        shapes = [case.arrays["x"].shape for case in cases]
        yield "times the number of images", "the number of images", [s[0] for s in shapes]
        if len(shapes[0]) == 4:
            yield "times the channels", "the channels", [s[1] for s in shapes]
            yield "times the pixels", "the pixels", [s[2] * s[3] for s in shapes]
        yield "times all inputs", "the number of inputs", [int(np.prod(s)) for s in shapes]
    for key, said in (("lr", "the learning rate"), ("p", "p")):
        if all(case.options.get(key) for case in cases):
            yield f"times {said}", said, [case.options[key] for case in cases]


def _arranged(name: str, wrong: Sequence[tuple[Case, Array, Array]]) -> str:
    """Find the right numbers in another order."""
    ways: dict[str, Callable[[Array], Array]] = {
        "turned by 180 degrees": lambda a: a[..., ::-1, ::-1],
        "its rows in reverse order": lambda a: a[..., ::-1, :],
        "its columns in reverse order": lambda a: a[..., ::-1],
        "rows and columns exchanged": lambda a: a.swapaxes(-1, -2),
        "the first two axes exchanged": lambda a: a.swapaxes(0, 1),
    }
    for said, way in ways.items():
        if all(want.ndim >= 2 and same(got, way(want), name) for _, got, want in wrong):
            return f"the numbers are right, but {said}"
    if all(same(np.sort(got, axis=None), np.sort(want, axis=None), name) for _, got, want in wrong):
        return "the numbers are right, but in other places"
    return ""


def _places(name: str, wrong: Sequence[tuple[Case, Array, Array]]) -> Iterator[str]:
    """Describe which elements are wrong."""
    share = [float((_off(got, want)).mean()) for _, got, want in wrong]
    where = [_where(name, case, _off(got, want)) for case, got, want in wrong]
    shared = [one for one in where[0] if all(one in other for other in where)]
    if shared:
        yield f"only {shared[0]} are wrong; the other numbers are right"
    elif all(one == 1 for one in share):
        yield (
            "it is wrong" if all(got.size == 1 for _, got, _ in wrong) else "every number is wrong"
        )
    else:
        shares = dict.fromkeys(f"{one:.0%}" for one in (min(share), max(share)))
        yield f"{' to '.join(shares)} of its numbers are wrong"


def _off(got: Array, want: Array) -> Any:
    near = 1e-6 * np.abs(want).max(initial=1e-6)
    return ~(np.abs(got - want) <= near)


def _where(name: str, case: Case, off: Any) -> list[str]:
    """Name every simple set of places that contains everything wrong, the smallest first."""
    plain = name.partition("@")[0]
    axes = _AXES.get(plain, ()) if off.ndim == 4 or off.ndim == 1 else _FLAT
    found: list[tuple[int, str]] = []
    if off.all():
        return []
    for axis, word in enumerate(axes[: off.ndim]):
        length = off.shape[axis]
        hit = np.flatnonzero(off.any(axis=tuple(a for a in range(off.ndim) if a != axis)))
        if length < 2 or len(hit) == length:
            continue
        for said, places in _along(word, length):
            if set(hit) <= set(places) and len(places) < length:
                found.append((len(places) * off.size // length, said))
    if off.ndim == 4 and off.shape[2] > 2 and off.shape[3] > 2 and not off[:, :, 1:-1, 1:-1].any():
        found.append((off.size - off[:, :, 1:-1, 1:-1].size, "the border's pixels"))
    if plain == "grad_x" and off.ndim == 4:
        seen = _seen(case, off.shape)
        if seen is not None and not off[seen < 2].any():
            found.append((int((seen > 1).sum()), "pixels that several windows see"))
        if seen is not None and not off[seen > 0].any():
            found.append((int((seen == 0).sum()), "pixels that no window sees"))
    return [said for _, said in sorted(found)]


def _along(word: str, length: int) -> Iterator[tuple[str, Sequence[int]]]:
    """Yield simple sets of places along an axis."""
    yield f"those of the first {word}", [0]
    yield f"those of the last {word}", [length - 1]
    yield f"those of every {word} but the first", range(1, length)
    yield f"those of every {word} but the last", range(length - 1)
    yield f"those of every second {word}", range(0, length, 2)
    yield f"those of every second {word}, from the second on", range(1, length, 2)
    yield f"those of the first and the last {word}", [0, length - 1]


def _seen(case: Case, shape: tuple[int, ...]) -> Array | None:
    """Count the windows that see each pixel."""
    if "kernel" not in case.options:
        return None
    kernel, stride, padding = (case.options[key] for key in ("kernel", "stride", "padding"))
    given = (kernel, stride, padding, case.options.get("dilation", 1))
    columns = im2col.forward(np.ones(shape), *given)
    counts: Array = im2col.backward_input(np.ones(columns.shape), shape, *given)
    return counts


def _cases(predictions: Predictions, name: str) -> str:
    """Describe in which cases it is wrong, if it is right in others."""
    wrong = [
        number
        for number in range(len(predictions.trials))
        if name in predictions.trials[number].results
        and not predictions.fits_in(NONE, name, number)
    ]
    where = common([trial.case for trial in predictions.trials], wrong)
    return f"it is wrong {where}" if where else ""


def common(cases: Sequence[Case], chosen: Sequence[int]) -> str:
    """Describe what the chosen cases, and no others, have in common.

    Parameters
    ----------
    cases : sequence of Case
        All cases.
    chosen : sequence of int
        Numbers of some cases; if these are all, the answer is empty.
    """
    if len(chosen) == len(cases):
        return ""
    for said, holds in _PROPERTIES.items():
        if [number for number, case in enumerate(cases) if holds(case)] == list(chosen):
            return f"in every case {said}, and in no other"
    names = [f"'{cases[number].name}'" for number in chosen]
    listed = ", ".join(names[:3]) + (" ..." if len(names) > 3 else "")
    return f"in {len(chosen)} of {len(cases)} cases: {listed}"


def _unequal(case: Case, option: str) -> bool:
    value = case.options.get(option, (1, 1))
    return bool(value[0] != value[1])


_PROPERTIES: dict[str, Callable[[Case], bool]] = {
    "with padding": lambda case: any(case.options.get("padding", ())),
    "with a stride other than 1": lambda case: tuple(case.options.get("stride", (1, 1))) != (1, 1),
    "with dilation": lambda case: tuple(case.options.get("dilation", (1, 1))) != (1, 1),
    "with a kernel that is not square": lambda case: _unequal(case, "kernel"),
    "with unequal padding": lambda case: _unequal(case, "padding"),
    "with unequal strides": lambda case: _unequal(case, "stride"),
    "where windows overlap": lambda case: (
        "kernel" in case.options
        and any(s < k for s, k in zip(case.options["stride"], case.options["kernel"], strict=True))
    ),
    "with several images": lambda case: len(case.arrays.get("x", ())) > 1,
    "in training": lambda case: case.options.get("training") is True,
    "in evaluation": lambda case: case.options.get("training") is False,
}
