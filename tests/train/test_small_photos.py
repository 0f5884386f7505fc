"""Small photographs are not enlarged to an input that shows nothing more of them."""

import numpy as np
import pytest
from PIL import Image

from clearconv.planning import survey
from clearconv.train import prepare


def photos(root, sides):
    """Make photographs with these shorter sides, in turns in two classes."""
    rng = np.random.default_rng(0)
    for number, side in enumerate(sides):
        place = root / "ab"[number % 2]
        place.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 256, (side, side + 4, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(place / f"{number}.png")
    return str(root)


def said(run):
    return [line for line in survey(run).advice if line.startswith("the photographs are small")]


@pytest.mark.parametrize(
    ("sides", "model", "size"),
    [
        ([32] * 20, "clearnet", 32),
        ([32] * 19 + [200], "clearnet", 32),  # one in twenty is large
        ([32] * 16 + [200] * 4, "clearnet", 128),  # one in five
        ([40] * 20, "clearnet", 64),
        ([64] * 20, "clearnet", 64),
        ([65] * 20, "clearnet", 128),  # more than half
        ([32] * 20, "seed_cnn", 64),  # takes 61 and more
        ([32] * 20, "resnet20", 32),  # its own
        ([8] * 20, "resnet20", 32),
    ],
)
def test_the_size_that_suits(tmp_path, sides, model, size):
    run = prepare(photos(tmp_path / "data", sides), model=model)
    assert run.preprocessing.size == (size, size)
    smaller = {"clearnet": 128, "seed_cnn": 224, "resnet20": 32}[model] > size
    assert len(said(run)) == smaller
    if smaller:
        assert f"sees {size} x {size} pixels of each" in said(run)[0]


def test_a_size_that_was_asked_for_stays(tmp_path):
    run = prepare(photos(tmp_path / "data", [32] * 20), image_size=128)
    assert run.preprocessing.size == (128, 128)
    assert said(run) == []
