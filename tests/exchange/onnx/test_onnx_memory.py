"""A large file is read in no more than 2.5 times its size."""

import subprocess
import sys

import pytest

pytest.importorskip("onnx", reason="the extra onnx is not installed")

import clearconv as cc  # noqa: E402

_READ = """
import sys
import onnx, clearconv
import clearconv.exchange.onnx.reading.load

def field(name):
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(name)) * 1024

before = field("VmRSS")
clearconv.load_onnx(sys.argv[1])
print(field("VmHWM") - before)
"""


@pytest.mark.ci
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_hundred_megabytes_take_two_and_a_half_times_as_much(tmp_path):
    path = tmp_path / "large.onnx"
    layers = [cc.Conv2d(512, 3, padding=1) for _ in range(11)]
    cc.Sequential(*layers).build((512, 8, 8)).export_onnx(path, input="tensor")
    size = path.stat().st_size
    assert size > 95e6
    done = subprocess.run([sys.executable, "-c", _READ, str(path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 2.5 * size
