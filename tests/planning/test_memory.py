"""`at most` holds: a run with its report takes no more memory than was forecast before it."""

import os
import subprocess
import sys

import pytest

SCRIPT = """
import sys
import numpy as np
from clearconv.models import create
from clearconv.planning import forecast
from clearconv.machine import peak_memory
from clearconv.report import write_report
from clearconv.train import Callback, train

name, side, freeze, n = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
rng = np.random.default_rng(0)
images = rng.integers(0, 255, (n, side, side, 3), dtype=np.uint8)

class Look(Callback):
    def started(self, run):
        self.run, self.said = run, forecast(run).memory_bytes

look = Look()
model = create(name, 2).build((3, side, side))
data = (images, np.arange(n) % 2)
given = {"freeze": freeze} if freeze else {}
train(data, model=model, epochs=1, batch_size=8, out="run", callbacks=[look], **given)
write_report("run", look.run.source)
print(look.said, peak_memory())
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "side", "freeze"),
    [("mobilenet_v2", 96, "classifier"), ("clearnet", 96, "")],
)
def test_no_more_is_taken_than_was_said(tmp_path, name, side, freeze):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, name, str(side), freeze, "80"],
        cwd=tmp_path,
        capture_output=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert done.returncode == 0, done.stderr
    said, taken = map(int, done.stdout.split())
    assert taken <= said <= 2 * taken, f"said {said >> 20} MiB, took {taken >> 20} MiB"
