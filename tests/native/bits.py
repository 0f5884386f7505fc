"""Print the bits of every native result, to be compared between ways of running.

``python bits.py`` prints a JSON object, "chapter: case ..." -> hash of y and all gradients;
``python bits.py --train lenet`` prints the weights' fingerprint after 20 training steps. Options
say how to run; the environment chooses the instruction set and the arena.
"""

import argparse
import ctypes
import hashlib
import json
import platform
from contextlib import contextmanager

import numpy as np
from networks import FULL, NETWORKS, Training

from clearconv import ops
from clearconv.ops.tellings import available, set_threads

#: Factors of every input: plain numbers; tiny ones, whose products lie below the normal range; and
#: numbers that lie there themselves.
SCALES = {"float32": (1, 1e-20, 1e-39), "float64": (1, 1e-160, 1e-310)}
STEPS = 20


@contextmanager
def flushing(wanted):
    """Let the calling thread count numbers below the normal range as zero."""
    libm = ctypes.CDLL("libm.so.6")
    before, changed = (ctypes.c_uint32 * 16)(), (ctypes.c_uint32 * 16)()
    libm.fegetenv(before), libm.fegetenv(changed)
    if platform.machine() == "x86_64":
        changed[7] |= 0x8040  # MXCSR lies behind the 28 bytes of the old coprocessor: FTZ and DAZ
    else:
        changed[0] |= 1 << 24  # FPCR: FZ
    if wanted:
        libm.fesetenv(changed)
    try:
        yield
    finally:
        libm.fesetenv(before)


def moved(array, offset, last):
    """Return the array so many bytes behind a multiple of 64, channels last if wanted."""
    last = last and array.ndim == 4
    lying = array.transpose(0, 2, 3, 1) if last else array
    memory = np.empty(array.nbytes + 128, np.uint8)
    start = -memory.ctypes.data % 64 + offset
    copy = memory[start : start + array.nbytes].view(array.dtype).reshape(lying.shape)
    copy[...] = lying
    return copy.transpose(0, 3, 1, 2) if last else copy


def digest(results):
    """Return a hash of arrays by name."""
    whole = hashlib.sha256()
    for name, array in sorted(results.items()):
        whole.update(f"{name} {array.dtype} {array.shape}".encode())
        whole.update(np.ascontiguousarray(array).tobytes())
    return whole.hexdigest()


def cases():
    """Yield (chapter, case) for all that have a native telling."""
    for chapter in ops.CHAPTERS:
        if "native" in available(chapter.name):
            for case in (*chapter.cases, *chapter.large):
                yield chapter, case


def results(chapter, case, dtype, scale, last, options):
    """Return y and every gradient by name."""
    place = {"offset": options.offset, "last": last}
    inputs = {k: moved(v * v.dtype.type(scale), **place) for k, v in case.arrays(dtype).items()}
    with flushing(options.flush):
        y, backward = chapter.run(inputs, case.options, "native")
    grad_y = np.random.default_rng(1).standard_normal(y.shape).astype(dtype)
    grad_y = moved(grad_y * grad_y.dtype.type(scale), **place)
    with flushing(options.flush):
        return {"y": y, **backward(grad_y, "native")}


def table(options):
    """Return the hash of every case."""
    hashes = {}
    for chapter, case in cases():
        made = case.arrays()
        images = any(array.ndim == 4 for array in made.values())
        # A block's batch norm takes a few numbers a channel from NumPy, and this loss becomes one
        # number there, which flushes or not.
        shared = {"norm_weight", "before_weight", "target"} & made.keys()
        for dtype, scales in SCALES.items():
            for scale in scales[:1] if shared else scales:
                for last in (False, True) if images else (False,):
                    where = "channels last" if last else "as they come"
                    name = f"{chapter.name}: {case.name}, {dtype}, times {scale}, {where}"
                    hashes[name] = digest(results(chapter, case, dtype, scale, last, options))
    return hashes


def train(name, options):
    """Return the fingerprint of a network's weights after a few steps."""
    make, shape, batch = (FULL if options.full else NETWORKS)[name]
    step = Training(make, shape, batch)
    step.x = moved(step.x, options.offset, last=True)
    with flushing(options.flush):
        for _ in range(STEPS):
            step()
    return step.model.store.fingerprint()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--offset", type=int, default=0)
    parser.add_argument("--flush", action="store_true")
    parser.add_argument("--train", nargs="*")
    parser.add_argument("--full", action="store_true")
    given = parser.parse_args()
    set_threads(given.threads)
    if given.train is None:
        print(json.dumps(table(given)))
    else:
        print(json.dumps({name: train(name, given) for name in given.train}))
