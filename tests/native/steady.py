"""Where a training step asks the system for memory: by line of Python, and by the kernels.

NumPy reports its arrays to tracemalloc. While a step runs, each line of the library is watched:
one that raises the peak by more than 64 KiB asked for that much. What kernels ask for they count
themselves. Page faults are the system's own count of both: run with MALLOC_MMAP_THRESHOLD_=65536,
so that every such block has fresh pages, ``python steady.py lenet`` prints all three as JSON.
"""

import json
import resource
import sys
import tracemalloc

from networks import Training

import clearconv
from clearconv import _native

LARGE = 64 << 10
LIBRARY = clearconv.__file__.removesuffix("__init__.py")
STEPS = 4


def offenders(step):
    """Run a step; return {"conv2d/matrix.py:12": most bytes} of the lines that ask for much."""
    found = {}
    before = 0  # bytes at the last event
    where = None  # file and line that ran since

    def note():
        nonlocal before
        current, peak = tracemalloc.get_traced_memory()
        if peak - before > LARGE and where:
            found[where] = max(found.get(where, 0), peak - before)
        tracemalloc.reset_peak()
        before = current

    def watch(frame, event, _):
        nonlocal where
        if not frame.f_code.co_filename.startswith(LIBRARY):
            return None
        note()
        at = frame.f_back if event == "return" and frame.f_back else frame
        where = (at.f_code.co_filename, at.f_lineno)
        return watch

    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    sys.settrace(watch)
    try:
        step()
    finally:
        sys.settrace(None)
        note()
        tracemalloc.stop()
    return {f"{file.removeprefix(LIBRARY)}:{line}": size for (file, line), size in found.items()}


def measure(name):
    """Return what steady training steps of a network ask for."""
    step = Training.of(name)
    for _ in range(3):
        step()
    for _ in range(10):  # on a busy machine a thread may come late to its first work
        native, faults = _native.system_allocations(), _faults()
        for _ in range(STEPS):
            step()
        native, faults = _native.system_allocations() - native, _faults() - faults
        if native == 0:
            break
    return {"faults": faults / STEPS, "native": native, "lines": offenders(step)}


def _faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1])))
