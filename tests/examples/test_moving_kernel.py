import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from clearconv.errors import ShapeError
from examples.moving_kernel import moving_kernel

ROOT = Path(__file__).parents[2]


def test_picture_is_svg_with_a_frame_for_each_output():
    x, weight = np.arange(12.0).reshape(3, 4), np.array([[1.0, -1.0], [0.0, 2.0]])
    svg = moving_kernel(x, weight)
    ElementTree.fromstring(svg)
    # first patch: 0*1 + 1*(-1) + 4*0 + 5*2 = 9; terms with weight 0 are left out
    assert "0·1 + 1·(−1) + 5·2 = 9" in svg
    assert len(re.findall(r" = −?\d+</text>", svg)) == 6


def test_padding_and_stride_are_drawn():
    svg = moving_kernel(np.ones((3, 3)), np.ones((3, 3)), stride=2, padding=1)
    # corners of the padded image see four ones
    assert svg.count(" = 4</text>") == 4


def test_the_readmes_picture_is_what_the_example_draws():
    drawn = subprocess.run(
        [sys.executable, ROOT / "examples" / "moving_kernel.py"], capture_output=True, check=True
    ).stdout.decode()
    assert drawn == (ROOT / "docs" / "moving_kernel.svg").read_text()


def test_more_than_one_map_is_an_error():
    with pytest.raises(ShapeError, match=r"one map \(H, W\)"):
        moving_kernel(np.ones((1, 3, 3)), np.ones((2, 2)))
