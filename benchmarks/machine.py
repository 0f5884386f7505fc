"""What a result must say about where it was found."""

import os
import platform
import re
from datetime import date
from importlib.metadata import version
from pathlib import Path

from clearconv import __version__
from clearconv.ops.tellings import variant


def machine() -> dict[str, str]:
    """Name the machine, the versions and the date."""
    return {
        "date": date.today().isoformat(),
        "processor": _processor(),
        "CPUs": str(len(os.sched_getaffinity(0))),
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.machine()}, {' '.join(platform.libc_ver())}",
        "Python": platform.python_version(),
        "NumPy": version("numpy"),
        "clearconv": f"{__version__}, kernels for {variant()}",
        "PyTorch": version("torch"),
    }


def _processor() -> str:
    try:
        found = re.search(r"model name\s*:\s*(.*)", Path("/proc/cpuinfo").read_text())
    except OSError:
        found = None
    return found[1] if found else platform.processor() or "unknown"
