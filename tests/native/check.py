"""Compare the native telling with the matrix telling on the case tables, without pytest.

``python check.py`` needs NumPy and clearconv alone, so it also runs in an emulator or beside a
sanitizer. Options: ``--large`` adds the large cases, ``--threads 2`` sets the threads.
"""

import argparse
import sys

import numpy as np

from clearconv import ops
from clearconv.ops.tellings import available, native_module, set_threads, variant

TOLERANCE = {"float32": 3e-5, "float64": 1e-12}


def native_cases(large=False):
    """Yield (chapter, case) for all that have a native telling; without any this is no check."""
    if native_module() is None:
        sys.exit("clearconv has no compiled module here")
    for chapter in ops.CHAPTERS:
        if "native" in available(chapter.name):
            for case in chapter.cases + (chapter.large if large else ()):
                yield chapter, case


def passes(chapter, case, inputs, telling, remake=lambda array: array):
    """Return y and every gradient by name; `remake` lays each array out in memory."""
    y, backward = chapter.run({k: remake(v) for k, v in inputs.items()}, case.options, telling)
    grad_y = np.random.default_rng(1).standard_normal(y.shape).astype(y.dtype)
    return {"y": y, **backward(remake(grad_y), telling)}


def worst(actual, wanted, dtype):
    """Return the names of the results that differ by more than rounding, and by how much."""
    found = {}
    for name, array in wanted.items():
        scale = max(1.0, float(np.abs(array).max(initial=0)))
        away = float(np.abs(actual[name] - array).max(initial=0))
        if not away <= TOLERANCE[dtype] * scale:
            found[name] = away
    return found


def main():
    """Run the tables; return how many cases differ."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--large", action="store_true")
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    set_threads(given.threads)
    cases = wrong = 0
    for chapter, case in native_cases(given.large):
        for dtype in TOLERANCE:
            inputs = case.arrays(dtype)
            wanted = passes(chapter, case, inputs, "matrix")
            found = worst(passes(chapter, case, inputs, "native"), wanted, dtype)
            cases += 1
            if found:
                wrong += 1
                print(f"{chapter.name}: {case.name}, {dtype}: differs by {found}")
    print(f"{variant()}: {cases} cases, {wrong} differ")
    return wrong


if __name__ == "__main__":
    sys.exit(main() != 0)
