"""The machine's cores and memory. The only file that asks the system for them.

Unknown amounts (Windows has neither `resource` nor `sysconf`) count as unlimited.
"""

import os
import sys

try:
    import resource
except ImportError:  # there is none on Windows, nor in a browser
    resource = None  # type: ignore[assignment]


def cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def memory() -> int:
    """Return the machine's memory in bytes; ``sys.maxsize`` if it is unknown."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return sys.maxsize


def allowed_memory() -> int:
    """Return the bytes that this process may use: the machine's memory, or a lower limit."""
    if resource is None:
        return memory()
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    return memory() if limit == resource.RLIM_INFINITY else min(memory(), limit)


def peak_memory() -> int:
    """Return the most memory, in bytes, that this process has held so far; 0 if unknown."""
    if resource is None:
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
