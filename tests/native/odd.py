"""Odd inputs to everything compiled: right results or a Python error, never a crash.

``python odd.py`` runs each case of the tables

- with its arrays in every odd layout: what comes out must be what plain arrays give;
- with NaN and infinity in them, and with an empty batch;
- and then calls the compiled functions themselves as that case calls them, but for one argument at
  a time that does not fit: another shape, dtype or number of axes, no array at all, other numbers
  in an integer array, another window.

Of the last two only the error's type matters. It is what a build with sanitizers runs.
"""

import argparse
import sys
import types

import numpy as np
from check import native_cases, passes, worst

from clearconv.ops import tellings as _backend

ERRORS = (
    ValueError,
    TypeError,
    MemoryError,
    OverflowError,
    LookupError,
    AttributeError,
    RuntimeError,
)


def misaligned(array):
    memory = np.empty(array.nbytes + 1, np.uint8)
    copy = memory[1:].view(array.dtype).reshape(array.shape)
    copy[...] = array
    return copy


def reversed_axes(array):
    turned = (*(slice(None, None, -1),) * array.ndim, ...)
    return np.ascontiguousarray(array[turned])[turned]


def gapped(array):
    """Return a view with NaN between and around its numbers: using one would show."""
    memory = np.empty([2 * length + 2 for length in array.shape], array.dtype)
    memory.reshape(-1).view(np.uint8)[...] = 0xFF
    view = memory[(*(slice(1, 2 * length + 1, 2) for length in array.shape), ...)]
    view[...] = array
    return view


def channels_last(array):
    if array.ndim != 4:
        return array
    return np.ascontiguousarray(array.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)


def read_only(array):
    copy = channels_last(array).copy("K")
    copy.flags.writeable = False
    return copy


LAYOUTS = (misaligned, reversed_axes, gapped, channels_last, read_only, np.asfortranarray)


def layouts(chapter, case, dtype):
    """Yield what differs between odd layouts and plain arrays."""
    inputs = case.arrays(dtype)
    wanted = passes(chapter, case, inputs, "native")
    for layout in LAYOUTS:
        odd = passes(chapter, case, inputs, "native", lambda a, of=layout: of(a) if a.ndim else a)
        found = worst(odd, wanted, dtype)  # an array without axes has one layout
        if found:
            yield f"{layout.__name__}: differs by {found}"


def numbers(chapter, case, dtype):
    """Run with numbers that are not finite, and without any sample."""
    inputs = case.arrays(dtype)
    for value in (np.nan, np.inf, -np.inf):
        spoilt = {name: array.copy() for name, array in inputs.items()}
        for array in spoilt.values():
            array.reshape(-1)[array.size // 2 : array.size // 2 + 1] = value
        with np.errstate(all="ignore"):
            passes(chapter, case, spoilt, "native")
    x = inputs.get("x")
    if x is not None and x.ndim in (2, 4):
        try:
            passes(chapter, case, {**inputs, "x": x[:0]}, "native")
        except ERRORS:
            pass


class Recorder:
    """Stands for a compiled chapter, and keeps the arguments of each call."""

    def __init__(self, module, calls):
        self.module, self.calls = module, calls

    def __getattr__(self, name):
        function = getattr(self.module, name)

        def call(*arguments):
            self.calls.append((name, function, tuple(map(copied, arguments))))
            return function(*arguments)

        return call


def copied(value):
    return value.copy("K") if isinstance(value, np.ndarray) else value


def recorded(chapter, case, dtype):
    """Return (name, function, arguments) of each compiled call that a case makes."""
    calls = []
    real = _backend._native
    _backend._native = lambda name: Recorder(real(name), calls)
    try:
        passes(chapter, case, case.arrays(dtype), "native")
    finally:
        _backend._native = real
    return calls


def misfits(value):
    """Yield things to give instead of an argument."""
    if isinstance(value, np.ndarray):
        yield from misfit_arrays(value)
    elif hasattr(value, "operand"):  # a value that is not computed yet: spoil its ingredients
        parts = value.operand
        for i, part in enumerate(parts):
            for other in misfits(part):
                spoilt = (*parts[:i], other, *parts[i + 1 :])
                yield types.SimpleNamespace(operand=spoilt, numbers=None)
        yield types.SimpleNamespace(operand=parts[:-1])
    elif hasattr(value, "numbers"):  # a window
        for i, number in enumerate(value.numbers):
            for other in (0, -1, number + 1, number - 1, 2**40, 2**63 - 1, -(2**63), 2**64):
                spoilt = (*value.numbers[:i], other, *value.numbers[i + 1 :])
                yield types.SimpleNamespace(numbers=spoilt)
    elif isinstance(value, bool) or value is None:
        yield np.zeros((), "f4")
    elif isinstance(value, int):
        yield from (0, -1, value + 1, 2**40, 2**63 - 1, -(2**63))
    elif isinstance(value, tuple):
        yield ()
        for i, part in enumerate(value):
            for other in misfits(part):
                yield (*value[:i], other, *value[i + 1 :])


def misfit_arrays(array):
    yield None
    with np.errstate(invalid="ignore"):  # NaN has no integer; any value will do
        others = [array.astype(dtype) for dtype in ("f8" if array.dtype == "f4" else "f4", "i4")]
    yield from others
    yield array.astype(">f4")
    yield array.reshape(-1)
    yield array[np.newaxis]
    yield array[np.newaxis, np.newaxis, np.newaxis]
    yield np.zeros((), array.dtype)
    for axis, length in enumerate(array.shape):
        yield np.repeat(array, 2, axis)
        yield np.take(array, range(length - 1), axis)
        yield np.take(array, [], axis)
    for layout in (misaligned, reversed_axes, gapped, read_only):
        yield layout(array)
    if array.dtype.kind in "iu":
        for number in (np.iinfo(array.dtype).min, np.iinfo(array.dtype).max):
            yield np.full_like(array, number)


def described(value):
    """Say what a misfit is, in one line."""
    if isinstance(value, np.ndarray):
        return f"{value.dtype} {value.shape}"
    return f"{value!r:.200}"


def replay(calls, verbose):
    """Call compiled functions again with one misfit at a time; return how many were refused."""
    refused = 0
    for name, function, arguments in calls:
        for i, argument in enumerate(arguments):
            for other in misfits(argument):
                given = [copied(value) for value in arguments]
                given[i] = other
                if verbose:
                    print(f"  {name}, argument {i}: {described(other)}", flush=True)
                try:
                    function(*given)
                except ERRORS:
                    refused += 1
    return refused


def main():
    """Run everything; return how many layouts differ."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--every", type=int, default=1, help="take every so-many-th case")
    parser.add_argument("--large", action="store_true", help="the large cases too")
    parser.add_argument("--verbose", action="store_true", help="print each call before it runs")
    given = parser.parse_args()
    cases = list(native_cases(given.large))[:: given.every]
    wrong = refused = 0
    for chapter, case in cases:
        for dtype in ("float32", "float64"):
            if given.verbose:
                print(f"{chapter.name}: {case.name}, {dtype}", flush=True)
            for difference in layouts(chapter, case, dtype):
                print(f"{chapter.name}: {case.name}, {dtype}, {difference}")
                wrong += 1
            numbers(chapter, case, dtype)
        if case not in chapter.cases:
            continue  # misfits need no large arrays
        refused += replay(recorded(chapter, case, "float32"), given.verbose)
    print(f"{_backend.variant()}: {len(cases)} cases, {wrong} layouts differ, {refused} refused")
    return wrong


if __name__ == "__main__":
    sys.exit(main() != 0)
