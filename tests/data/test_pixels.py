"""One definition of a pixel: resizing, its telling in NumPy, letterboxes, and definition 1."""

import json

import numpy as np
import pytest
from PIL import Image
from pixel_cases import cases

from clearconv.data import Preprocessing, load_image
from clearconv.data.images.resize import resample, resized_thumbnail
from clearconv.data.images.triangle import resized, weights
from clearconv.errors import DataError

SHAPES = [(300, 517), (640, 270), (12, 9), (700, 701), (257, 900), (5, 300), (64, 64), (1, 1)]
SIZES = [(64, 64), (31, 90), (96, 40), (1, 7)]


def test_pillow_by_axis_is_the_telling_in_numpy():
    for image, size, box in cases(75, seed=4):
        fast = resample(image, size, box, antialias=True)
        np.testing.assert_array_equal(fast, resized(image, size, box), err_msg=f"{size} {box}")


def test_the_width_comes_first_in_a_tall_picture():
    """Pillow 13 alone filters a picture whose height shrinks more along its height first."""
    image = (np.random.default_rng(0).integers(0, 2, (900, 200, 3)) * 255).astype(np.uint8)
    across, down = weights(200, 0, 200, 100), weights(900, 0, 900, 100)
    wide = np.floor(np.einsum("jw,hwc->hjc", across, image) / 2**22 + 0.5)
    expected = np.floor(np.einsum("ih,hjc->ijc", down, wide) / 2**22 + 0.5)
    actual = Preprocessing((100, 100), resize="squash", side=None).resized(image)
    np.testing.assert_array_equal(actual, expected)


def test_weights_worked_by_hand():
    """Centres 2/3, 2, 10/3; distances over 4/3 are 1/8 and 5/8, 3/8 and 3/8."""
    low, high = round(0.3 * 2**22), round(0.7 * 2**22)
    assert weights(4, 0, 4, 3).tolist() == [
        [high, low, 0, 0],
        [0, 2**21, 2**21, 0],
        [0, 0, low, high],
    ]
    # growing: centre 1/4 is nearer to pixel 0 than its own centre, 3/4 is a quarter towards pixel 1
    assert weights(2, 0, 2, 4).tolist() == [
        [2**22, 0],
        [3 * 2**20, 2**20],
        [2**20, 3 * 2**20],
        [0, 2**22],
    ]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("size", SIZES)
def test_a_letterbox_just_fits_and_is_central(shape, size):
    how = Preprocessing(size, resize="letterbox")
    left, top, right, bottom = how.window(shape)
    height, width = bottom - top, right - left
    assert how.box(shape) == (0, 0, shape[1], shape[0])
    assert (height == size[0]) or (width == size[1])
    scale = min(size[0] / shape[0], size[1] / shape[1])
    assert abs(height - max(1, shape[0] * scale)) <= 0.5
    assert abs(width - max(1, shape[1] * scale)) <= 0.5
    assert 0 <= (size[0] - bottom) - top <= 1
    assert 0 <= (size[1] - right) - left <= 1


def test_a_letterbox_worked_by_hand():
    """A picture of 2 x 4 in an input of 4 x 3: 1.5 rows are rounded to 2, below one filled row."""
    how = Preprocessing((4, 3), resize="letterbox", fill=(1, 2, 3))
    assert how.window((2, 4)) == (0, 1, 3, 3)
    image = np.full((2, 4, 3), 200, np.uint8)
    shown = how.resized(image)
    assert shown[0].tolist() == shown[3].tolist() == [[1, 2, 3]] * 3
    assert (shown[1:3] == 200).all()


def test_a_letterbox_shows_the_whole_picture_squashed_to_the_window(picture):
    image = picture(size=(40, 72))
    how = Preprocessing((30, 32), resize="letterbox", mean=(0.2, 0.4, 0.6), order="bgr")
    left, top, right, bottom = how.window(image.shape)
    shown = how.resized(image)
    inner = Preprocessing((bottom - top, right - left), resize="squash").resized(image)
    np.testing.assert_array_equal(shown[top:bottom, left:right], inner)
    rest = np.ones(shown.shape[:2], bool)
    rest[top:bottom, left:right] = False
    assert rest.sum() == (30 - 18) * 32
    assert (shown[rest] == (153, 102, 51)).all()  # the mean, in the picture's order
    assert np.abs(how(image)[:, rest]).max() < 0.01


@pytest.mark.parametrize("channels", [1, 3])
def test_a_large_picture_is_reduced_first_as_files_are(tmp_path, channels):
    image = np.random.default_rng(0).integers(0, 256, (400, 611, 3), dtype=np.uint8)
    Image.fromarray(image).save(tmp_path / "x.png")
    how = Preprocessing((50, 70), channels, side=101)
    once = load_image(tmp_path / "x.png", 101)
    assert once.shape == (101, 154, 3)  # 611 * 101 / 400 = 154.3
    np.testing.assert_array_equal(once, resized(image, (101, 154), (0, 0, 611, 400)))
    np.testing.assert_array_equal(how.resized(image), how.resized(once))
    whole = Preprocessing((50, 70), channels, side=None)
    assert not np.array_equal(whole.resized(image), how.resized(image))


def test_the_reduced_length_is_rounded_half_up(tmp_path):
    """3 * 1 / 2 and 5 * 1 / 2 are 1.5 and 2.5; definition 1 rounded these to 2 and 2."""
    for length, (new, old) in {3: (2, 2), 5: (3, 2)}.items():
        Image.new("RGB", (length, 2)).save(tmp_path / "x.png")
        assert load_image(tmp_path / "x.png", 1).shape == (1, new, 3)
        assert load_image(tmp_path / "x.png", 1, definition=1).shape == (1, old, 3)


def test_definition_1_is_pillow_itself():
    image = np.random.default_rng(0).integers(0, 256, (90, 40, 3), dtype=np.uint8)
    how = Preprocessing((16, 20), definition=1)
    box = how.box(image.shape)
    assert box == (0, 29, 40, 61)
    expected = Image.fromarray(image).resize((20, 16), Image.Resampling.BILINEAR, box=box)
    np.testing.assert_array_equal(how.resized(image), np.asarray(expected))


def test_settings_without_a_number_are_of_definition_1():
    new = Preprocessing((28, 20), order="bgr", mean=(0.1, 0.2, 0.3))
    plain = json.loads(json.dumps(new.to_dict()))
    assert plain["definition"] == 2
    assert plain["fill"] == [76, 51, 26]
    assert plain["side"] == 256
    for name in ("definition", "fill", "side"):
        del plain[name]
    old = Preprocessing.from_dict(plain)
    assert (old.definition, old.side, old.fill) == (1, 256, (76, 51, 26))
    assert old != new
    assert Preprocessing.from_dict(old.to_dict()) == old


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"definition": 3}, "definition is 3, but a number from 1 to 2"),
        ({"definition": True}, "definition is True"),
        ({"fill": (256, 0, 0)}, "3 whole numbers from 0 to 255"),
        ({"fill": (0.5,) * 3}, "3 whole numbers from 0 to 255"),
        ({"side": 0}, "side is 0, but a positive whole number or None"),
    ],
)
def test_wrong_settings_are_named(wrong, words):
    with pytest.raises(DataError, match=words):
        Preprocessing((8, 8), **wrong)


def test_a_side_that_float32_cannot_count_is_refused(tmp_path):
    long = np.zeros((1, 2**24 + 3, 1), np.uint8)
    with pytest.raises(DataError, match="an image is 1 x 16,777,219, but a side has at most"):
        Preprocessing((8, 8)).resized(long)
    Image.fromarray(long[..., 0]).save(tmp_path / "long.png")
    with pytest.raises(DataError, match="16,777,219 x 1 pixels have a side longer than 16,777,216"):
        load_image(tmp_path / "long.png")
    just = Preprocessing((1, 4), 1, resize="squash").resized(long[:, : 2**24])
    assert just.ravel().tolist() == [0] * 4


@pytest.mark.parametrize(
    "shape", [(40, 50, 3), (70, 200, 1), (300, 517, 3), (33, 32, 3), (5, 90, 1)]
)
def test_a_thumbnail_is_pillows_where_the_width_comes_first(shape):
    """As in Pillow up to 12; in 13 only where the height shrinks no more than the width."""
    image = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    picture = Image.fromarray(image[..., 0] if shape[2] == 1 else image)
    alone = np.asarray(picture.resize((32, 32), Image.Resampling.BOX, reducing_gap=2))
    np.testing.assert_array_equal(resized_thumbnail(image, 32).squeeze(), alone)


def test_sizes_that_no_picture_has_are_refused_in_words():
    with pytest.raises(DataError, match="size is"):
        Preprocessing((0.5, 10**400))
    assert Preprocessing((10**400, 5)).side > 10**400


def test_pixels_become_floats_in_two_rounded_steps():
    pixels = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    how = Preprocessing((16, 16), 1, resize="none", mean=(0.3,), std=(0.7,))
    mean, std = np.float32(255 * 0.3), np.float32(255 * 0.7)
    for pixel, x in zip(pixels.ravel(), how(pixels).ravel(), strict=True):
        assert x == (np.float32(pixel) - mean) / std
