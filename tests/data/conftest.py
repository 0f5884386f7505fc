"""Images made for the tests, and where the real ones lie."""

import numpy as np
import pytest
from PIL import Image

COLOURS = {"blue": (20, 40, 220), "green": (30, 200, 60), "red": (210, 30, 20)}


@pytest.fixture
def picture():
    """Return a maker of random smooth colour pictures (H, W, 3)."""

    def make(seed=0, size=(24, 32), colour=(0, 0, 0)):
        rng = np.random.default_rng(seed)
        small = rng.integers(0, 256, (4, 5, 3), dtype=np.uint8)
        large = Image.fromarray(small).resize(size[::-1], Image.Resampling.BICUBIC)
        mixed = 0.5 * np.asarray(large) + 0.5 * np.array(colour)
        return mixed.astype(np.uint8)

    return make


@pytest.fixture
def folder(tmp_path, picture):
    """Return a maker of data folders: {"cat/1.png": pixels or bytes, ...}, or `count` a class."""

    def make(files=None, count=6, name="pets", size=(24, 32)):
        if files is None:
            files = {
                f"{colour}/{i:02d}.png": picture(100 * k + i, size, rgb)
                for k, (colour, rgb) in enumerate(COLOURS.items())
                for i in range(count)
            }
        root = tmp_path / name
        root.mkdir(exist_ok=True)
        for file, content in files.items():
            path = root / file
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, bytes):
                path.write_bytes(content)
            else:
                Image.fromarray(content).save(path)
        return root

    return make
