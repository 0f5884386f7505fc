"""The preprocessing inside a file gives the pixels of ``docs/pixels.md``, byte for byte."""

import numpy as np
import pytest
from exchange_engines import session_of

import clearconv as cc
from clearconv.data import Preprocessing
from clearconv.data.images.given_image import image_pixels

SETTINGS = [
    {},
    {"resize": "squash", "order": "bgr", "mean": (0.1, 0.2, 0.3), "std": (0.3, 0.2, 0.1)},
    {"resize": "letterbox", "fill": (1, 2, 3)},
    {"resize": "letterbox", "size": (31, 50), "channels": 1, "side": 70},
    {"channels": 1, "mean": (0.4,), "std": (0.2,), "size": (70, 31)},
    {"antialias": False, "size": (33, 47)},
    {"resize": "squash", "antialias": False, "order": "bgr", "side": None},
    {"side": None, "size": (19, 23)},
]
#: Rows and columns: tiny, tall, wide, equal to a size above, and large.
SIZES = [(1, 1), (1, 900), (1500, 2), (64, 64), (70, 31), (256, 255), (257, 256), (700, 523)]


def file_of(settings, tmp_path, **options):
    """Return a session of a file whose logits are the network's input itself."""
    how = Preprocessing(**{"size": (64, 64), **settings})
    model = cc.Sequential(cc.Identity()).build((how.channels, *how.size))
    model.info["preprocessing"] = how.to_dict()
    model.export_onnx(tmp_path / "a.onnx", **options)
    return how, session_of((tmp_path / "a.onnx").read_bytes())


def differing(settings, sizes, tmp_path):
    """Return the sizes of the pictures that do not come out as ours."""
    how, session = file_of(settings, tmp_path)
    numbers = np.random.default_rng(3)
    wrong = []
    for size in sizes:
        picture = numbers.integers(0, 256, (*size, 3), dtype=np.uint8)
        (found,) = session.run(["logits"], {"image": picture})
        if not np.array_equal(found, how(image_pixels(picture, how))):
            wrong.append(size)
    return wrong


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_pixels_are_equal_to_the_byte(settings, tmp_path):
    random = np.exp(np.random.default_rng(1).uniform(0, 6.5, (4, 2))).astype(int)
    assert differing(settings, [*SIZES, *map(tuple, random.tolist())], tmp_path) == []


@pytest.mark.slow
@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_pixels_of_many_sizes_are_equal_to_the_byte(settings, tmp_path):
    sizes = np.exp(np.random.default_rng(2).uniform(0, 7.2, (150, 2))).astype(int)
    huge = [(40_000, 3), (2, 70_000), (5000, 4001)]
    assert differing(settings, [*map(tuple, sizes.tolist()), *huge], tmp_path) == []


def test_pictures_of_one_size_are_taken_as_they_are(tmp_path):
    settings = {"resize": "none", "size": (28, 20), "channels": 1}
    assert differing(settings, [(28, 20)], tmp_path) == []
    _, session = file_of(settings, tmp_path)
    assert session.get_inputs()[0].shape == [28, 20, 3]


def test_a_batch_of_pictures_gives_each_its_own_pixels(tmp_path):
    how, session = file_of({}, tmp_path, batch=True)
    pictures = np.random.default_rng(4).integers(0, 256, (3, 300, 280, 3), dtype=np.uint8)
    (found,) = session.run(["logits"], {"image": pictures})
    expected = [how(image_pixels(picture, how)) for picture in pictures]
    np.testing.assert_array_equal(found, np.stack(expected))
