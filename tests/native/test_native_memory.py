"""Memory: a steady training step asks the system for none, and no array changes once handed out."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from networks import NETWORKS, Training

from clearconv.errors import ShapeError
from clearconv.ops import max_pool2d
from clearconv.ops.tellings import native_module

native = native_module()
pytestmark = pytest.mark.skipif(native is None, reason="clearconv was built without a compiler")

HERE = Path(__file__).parent
LARGE_PAGES = 16  # of 4 KiB: what a block of 64 KiB takes


def run(*command, **environment):
    return subprocess.run(
        [sys.executable, *command],
        env={**os.environ, "CLEARCONV_ARENA": "on", **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.mark.parametrize(
    "name",
    [n if n in ("lenet", "resnet20") else pytest.param(n, marks=pytest.mark.ci) for n in NETWORKS],
)
@pytest.mark.skipif(sys.platform != "linux", reason="counts page faults as Linux does")
def test_a_steady_step_asks_the_system_for_no_large_block(name):
    ran = run(str(HERE / "steady.py"), name, MALLOC_MMAP_THRESHOLD_=str(64 << 10))
    assert ran.returncode == 0, ran.stderr
    measured = json.loads(ran.stdout)
    lines = "".join(f"\n  {size:>9} bytes  {line}" for line, size in measured["lines"].items())
    assert not measured["lines"], f"{name}: these lines ask for more than 64 KiB:{lines}"
    assert measured["native"] == 0, f"{name}: kernels asked {measured['native']} times"
    assert measured["faults"] < LARGE_PAGES, f"{name}: {measured['faults']} page faults a step"


@pytest.mark.parametrize("name", ["deep_convnet", "resnet20"])
def test_a_view_of_an_inner_activation_outlives_three_steps(name):
    step = Training.of(name)
    step(keep="all")
    kept = {path: y[1:, 2:] for path, y in step.model.tape.outputs.items() if y.ndim == 4}
    before = {path: view.copy() for path, view in kept.items()}
    assert len(kept) > 5
    for _ in range(3):
        step()
    for path, view in kept.items():
        np.testing.assert_array_equal(view, before[path], err_msg=path)


def pooled(megabytes):
    """Return a result of this size that costs nothing but its own memory."""
    image = np.ones((1, 64, 64, 64), "f4").transpose(0, 3, 1, 2)  # channels last, 1 MB
    return max_pool2d.forward(np.broadcast_to(image, (megabytes, 64, 64, 64)), 1, backend="native")


@pytest.mark.skipif(os.environ.get("CLEARCONV_ARENA") == "off", reason="the arena is off")
def test_sizes_no_longer_asked_for_make_room():
    """After work of one size has filled the idle memory, work of another size is recycled too."""
    kept = [pooled(100) for _ in range(6)]
    del kept
    kept = pooled(60)
    del kept
    before = native.system_allocations()
    for _ in range(3):
        kept = pooled(60)
        del kept
    assert native.system_allocations() == before


COUNT = """
import numpy as np
from clearconv import _native
from clearconv.ops import max_pool2d
before = _native.system_allocations()
for _ in range(5):
    max_pool2d.forward(np.ones((1, 4, 100, 100), "f4"), 1, backend="native")
print(_native.system_allocations() - before)
"""


@pytest.mark.parametrize(("setting", "asked"), [("on", 1), ("poison", 1), ("off", 5)])
def test_the_arena_recycles_unless_turned_off(setting, asked):
    ran = run("-c", COUNT, CLEARCONV_ARENA=setting)
    assert ran.returncode == 0, ran.stderr
    assert int(ran.stdout) == asked


def test_an_unknown_setting_is_an_error_that_names_the_known_ones():
    ran = run("-c", "import clearconv._native", CLEARCONV_ARENA="never")
    assert ran.returncode != 0
    assert "CLEARCONV_ARENA is 'never'" in ran.stderr and "poison" in ran.stderr


def test_a_result_too_large_for_any_memory_is_an_error():
    pixel = np.broadcast_to(np.ones((1, 1, 1, 1)), (2**40, 2**10, 1, 1))
    with pytest.raises(ShapeError, match="MiB of memory"):
        max_pool2d.forward(pixel, 1, padding=0, backend="native")
