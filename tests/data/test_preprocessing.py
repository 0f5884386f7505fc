"""From image to network input: geometry, interpolation, channels, scaling, settings."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from clearconv.data import Preprocessing
from clearconv.errors import DataError


def slow_bilinear(image, rows, columns):
    """Interpolate pixel by pixel in exact-enough float64, edges clamped, not rounded."""
    H, W, C = image.shape
    result = np.empty((rows, columns, C))
    for i in range(rows):
        for j in range(columns):
            y = min(max((i + 0.5) * H / rows - 0.5, 0), H - 1)
            x = min(max((j + 0.5) * W / columns - 0.5, 0), W - 1)
            top, left = math.floor(y), math.floor(x)
            bottom, right = min(top + 1, H - 1), min(left + 1, W - 1)
            dy, dx = y - top, x - left
            result[i, j] = (
                (1 - dy) * (1 - dx) * image[top, left].astype(float)
                + (1 - dy) * dx * image[top, right]
                + dy * (1 - dx) * image[bottom, left]
                + dy * dx * image[bottom, right]
            )
    return result


def assert_rounded(actual, exact):
    """Within half a grey level (float32 may fall to either side of a half)."""
    assert np.abs(actual - exact).max() <= 0.5 + 1e-4


@settings(max_examples=40, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 12), st.integers(1, 12), st.sampled_from([1, 3])),
    size=st.tuples(st.integers(1, 15), st.integers(1, 15)),
    seed=st.integers(0, 1000),
)
def test_squash_without_antialiasing(shape, size, seed):
    image = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    how = Preprocessing(size, channels=shape[2], resize="squash", antialias=False)
    resized = how.resized(image)
    assert resized.dtype == np.uint8
    assert_rounded(resized.astype(float), slow_bilinear(image, *size))


def test_a_worked_row():
    """Four pixels to three, centres at 1/6, 3/2, 17/6: one third of the way is rounded."""
    image = np.array([[[0], [90], [210], [255]]], dtype=np.uint8)
    how = Preprocessing((1, 3), channels=1, resize="squash", antialias=False)
    assert how.resized(image)[0, :, 0].tolist() == [15, 150, 248]  # 15, 150, 247.5


def test_crop_without_antialiasing_is_squash_of_the_middle(picture):
    image = picture(size=(20, 36))
    how = Preprocessing((10, 10), resize="crop", antialias=False)
    assert_rounded(how.resized(image).astype(float), slow_bilinear(image[:, 8:28], 10, 10))


@pytest.mark.parametrize(
    ("shape", "size", "box"),
    [
        ((20, 36), (10, 10), (8, 0, 28, 20)),
        ((36, 20), (10, 10), (0, 8, 20, 28)),
        ((30, 30), (10, 20), (0, 7.5, 30, 22.5)),
        ((10, 10), (10, 10), (0, 0, 10, 10)),
        ((7, 9), (14, 14), (1, 0, 8, 7)),
    ],
)
def test_the_crop_covers_and_is_central(shape, size, box):
    how = Preprocessing(size, resize="crop")
    assert how.box(shape) == pytest.approx(box)


def test_antialiasing_averages_what_plain_interpolation_skips():
    stripes = np.zeros((64, 64, 3), dtype=np.uint8)
    stripes[:, ::4] = 255
    smooth = Preprocessing((8, 8), resize="squash").resized(stripes)
    rough = Preprocessing((8, 8), resize="squash", antialias=False).resized(stripes)
    assert np.abs(smooth[:, 1:-1].astype(int) - 64).max() <= 2
    assert np.unique(rough).tolist() == [128]  # halfway between columns 3 and 4, 11 and 12, ...


def test_crop_with_antialiasing_matches_resize_then_crop(picture):
    image = picture(size=(40, 72))
    whole = Image.fromarray(image).resize((36, 20), Image.Resampling.BILINEAR)
    expected = np.asarray(whole)[:, 8:28]
    actual = Preprocessing((20, 20), resize="crop").resized(image)
    assert np.abs(actual.astype(int) - expected).max() <= 1


@pytest.mark.parametrize("antialias", [True, False])
@pytest.mark.parametrize("resize", ["crop", "squash", "none"])
def test_an_image_of_the_right_size_keeps_its_pixels(picture, resize, antialias):
    image = picture()
    how = Preprocessing((24, 32), resize=resize, antialias=antialias)
    np.testing.assert_array_equal(how.resized(image), image)


@pytest.mark.parametrize("order", ["rgb", "bgr"])
def test_numbers_order_and_layout(picture, order):
    image = picture()
    mean, std = (0.4, 0.5, 0.6), (0.2, 0.25, 0.3)
    x = Preprocessing((24, 32), order=order, resize="none", mean=mean, std=std)(image)
    assert x.dtype == np.float32
    assert x.shape == (3, 24, 32)
    assert x.transpose(1, 2, 0).flags.c_contiguous
    for c in range(3):
        plane = image[..., c if order == "rgb" else 2 - c]
        expected = (plane / 255 - mean[c]) / std[c]
        assert np.abs(x[c] - expected).max() <= 1e-6


def test_without_mean_and_deviation_pixels_are_divided_by_255_exactly():
    image = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    x = Preprocessing((16, 16), channels=1, resize="none")(image)
    np.testing.assert_array_equal(x.ravel(), (np.arange(256) / 255).astype(np.float32))


def test_grey_and_colour_meet(picture):
    grey = picture()[..., :1]
    three = Preprocessing((24, 32), resize="none").resized(grey)
    np.testing.assert_array_equal(three, np.repeat(grey, 3, axis=2))
    np.testing.assert_array_equal(
        Preprocessing((24, 32), resize="none").resized(grey[..., 0]), three
    )
    one = Preprocessing((24, 32), channels=1, resize="none").resized(picture())
    luma = picture() @ np.array([0.299, 0.587, 0.114])
    assert one.shape == (24, 32, 1)
    assert np.abs(one[..., 0] - luma).max() <= 0.51


def test_settings_survive_json():
    for how in (
        Preprocessing((224, 200), order="bgr", resize="squash", antialias=False),
        Preprocessing((28, 28), 1, resize="none", mean=(0.13,), std=(0.3,)),
        Preprocessing(np.array([8, 9]), mean=np.float32([0.5, 0.25, 0]), std=[1, 2, 3]),
    ):
        again = Preprocessing.from_dict(json.loads(json.dumps(how.to_dict())))
        assert again == how
        assert hash(again) == hash(how)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"size": [224]}, "size"),
        ({"size": 224}, "size"),
        ({"size": None}, "size"),
        ({"size": [0, 3]}, "size"),
        ({"size": [1.5, 3]}, "size"),
        ({"channels": 2}, "channels"),
        ({"channels": "3"}, "channels"),
        ({"channels": True}, "channels"),
        ({"order": "gbr"}, "order"),
        ({"resize": "fit"}, "resize"),
        ({"antialias": 1}, "antialias"),
        ({"mean": [0.5]}, "mean"),
        ({"mean": [0.5, 0.5, "x"]}, "mean"),
        ({"std": [1, 1, 0]}, "std"),
        ({"std": [1, 1, float("nan")]}, "std"),
        ({"colour": 1}, "unknown colour"),
    ],
)
def test_wrong_settings_are_named(change, words):
    settings = Preprocessing((8, 8)).to_dict() | change
    with pytest.raises(DataError, match=words):
        Preprocessing.from_dict(settings)


def test_missing_settings_are_named():
    with pytest.raises(DataError, match="missing mean, size"):
        settings = Preprocessing((8, 8)).to_dict()
        Preprocessing.from_dict({k: v for k, v in settings.items() if k not in ("size", "mean")})
    with pytest.raises(DataError, match="table"):
        Preprocessing.from_dict([1])


def test_what_is_no_image_is_refused(picture):
    how = Preprocessing((8, 8))
    for wrong, words in (
        (picture().astype(float), r"float64 of shape \(24, 32, 3\)"),
        (picture()[:, :, :2], r"\(24, 32, 2\)"),
        (picture()[0, 0], r"shape \(3,\)"),
        (picture()[:0], r"\(0, 32, 3\)"),
        ([[1]], "list"),
    ):
        with pytest.raises(DataError, match=words):
            how(wrong)
    with pytest.raises(DataError, match="24 x 32.*8 x 8"):
        Preprocessing((8, 8), resize="none")(picture())


def test_the_share_of_an_image_that_a_crop_cuts():
    sizes = np.array([(64, 256), (64, 256), (100, 100)])
    assert Preprocessing(size=(64, 64), channels=3).cut(sizes) == 0.75
    assert Preprocessing(size=(64, 64), channels=3).cut(sizes[2:]) == 0
    assert Preprocessing(size=(64, 64), channels=3, resize="squash").cut(sizes) == 0
