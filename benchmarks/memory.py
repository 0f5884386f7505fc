"""Peak memory of a training step, each side in a Python of its own (Linux only)."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from benchmarks.networks import NETWORKS, Ours
from benchmarks.results import Memory

STEPS = 4
EAGER = ("eager", "eager channels-last")


def measure(names: Iterable[str], tell: Callable[[str], None]) -> list[Memory]:
    """Measure both sides of each network with one thread."""
    if not Path("/proc/self/clear_refs").exists():
        tell("memory is not measured: this system has no /proc/self/clear_refs")
        return []
    rows = []
    for name in names:
        ours = _in_a_fresh_python(name, "ours")
        theirs = {variant: _in_a_fresh_python(name, variant) for variant in EAGER}
        best = min(EAGER, key=lambda variant: theirs[variant]["growth"])
        row = Memory(
            name,
            *(ours["growth"], ours["total"]),
            *(theirs[best]["growth"], theirs[best]["total"]),
            best,
        )
        tell(
            f"{name:13} memory  ours +{row.ours_growth >> 20} MiB of {row.ours_total >> 20}"
            f"  PyTorch +{row.theirs_growth >> 20} MiB of {row.theirs_total >> 20} ({best})"
        )
        rows.append(row)
    return rows


def _in_a_fresh_python(name: str, side: str) -> dict[str, int]:
    command = [sys.executable, "-m", "benchmarks.memory", name, side]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr}")
    return json.loads(done.stdout)


def _here(name: str, side: str) -> dict[str, int]:
    """Train in this process and read what the kernel of the system counted."""
    stepper: Any
    if side == "ours":  # without PyTorch
        Ours.threads(1)
        stepper = Ours(NETWORKS[name])
    else:
        from benchmarks.pytorch import Theirs

        Theirs.threads(1)
        stepper = Theirs(NETWORKS[name], side)
    # A step with two images loads code, and makes gradients and momentum; neither is counted below.
    x, labels = stepper.x, stepper.labels
    stepper.x, stepper.labels = x[:2], labels[:2]
    stepper.train()
    stepper.x, stepper.labels = x, labels
    before, peak_before = _status("VmRSS"), _status("VmHWM")
    Path("/proc/self/clear_refs").write_text("5")  # the peak is now what is resident
    for _ in range(STEPS):
        stepper.train()
    peak = _status("VmHWM")
    return {"growth": peak - before, "total": max(peak, peak_before)}


def _status(field: str) -> int:
    """Return a size in bytes from the process's status."""
    text = Path("/proc/self/status").read_text()
    (kilobytes,) = re.findall(rf"{field}:\s+(\d+) kB", text)
    return int(kilobytes) * 1024


if __name__ == "__main__":
    print(json.dumps(_here(*sys.argv[1:])))
