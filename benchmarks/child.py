"""Run a measurement in a fresh process: what ran before leaves no memory, threads or caches.

The process is forked, so that it need not import PyTorch again; the parent therefore never computes
anything itself. The state of malloc matters most: glibc gives large blocks back to the system or
keeps them, depending on what was allocated before, and PyTorch's training step then pays for fresh
pages or does not, up to a factor of two.
"""

import ctypes
import multiprocessing
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any


def run_alone(function: Callable[..., Any], *arguments: Any, keep_memory: bool = False) -> Any:
    """Return function(*arguments), computed in a process of its own.

    Parameters
    ----------
    function : callable
        Its result and errors are sent back by pickle.
    keep_memory : bool
        Tell glibc to give no memory back to the system: the effect of starting Python with
        ``MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=-1``.
    """
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_run, args=(there, keep_memory, function, arguments))
    process.start()
    there.close()
    try:
        error, result = here.recv()
    except EOFError:
        process.join()
        raise RuntimeError(f"{function.__name__}: process died ({process.exitcode})") from None
    process.join()
    if error is not None:
        raise error
    return result


def _run(
    pipe: Connection, keep_memory: bool, function: Callable[..., Any], arguments: tuple[Any, ...]
) -> None:
    try:
        if keep_memory:
            keep_all_memory()
        pipe.send((None, function(*arguments)))
    except Exception as error:
        pipe.send((error, None))


def keep_all_memory() -> None:
    """Tell glibc's malloc of this process to give nothing back to the system."""
    trim_threshold, mmap_max = -1, -4  # malloc.h
    libc = ctypes.CDLL(None)
    if not (libc.mallopt(mmap_max, 0) and libc.mallopt(trim_threshold, -1)):
        raise RuntimeError("mallopt failed")
