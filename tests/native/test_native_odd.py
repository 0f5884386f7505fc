"""Odd inputs: right results or a Python error that says what is wrong, never a crash."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from clearconv import ops
from clearconv.errors import ShapeError
from clearconv.ops.tellings import native_module

pytestmark = pytest.mark.skipif(
    native_module() is None, reason="clearconv was built without a compiler"
)


def test_every_case_in_every_layout_and_with_every_misfit():
    """In a process of its own: a crash ends it, not the other tests."""
    ran = subprocess.run(
        [sys.executable, str(Path(__file__).parent / "odd.py")],
        env=os.environ,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.parametrize(
    ("x", "weight"), [((1, 0, 5, 5), (4, 0, 3, 3)), ((1, 3, 5, 5), (0, 3, 3, 3))]
)
def test_filters_without_channels_are_refused(x, weight):
    with pytest.raises(ShapeError, match="no axis of it may be empty|only the batch may be empty"):
        ops.conv2d.forward(np.zeros(x), np.zeros(weight))


def test_a_map_without_pixels_is_refused():
    with pytest.raises(ShapeError, match="only the batch may be empty"):
        ops.conv2d.backward_bias(np.zeros((2, 3, 0, 4)), backend="native")
