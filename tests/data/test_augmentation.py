"""Augmentation: each variation is what its name says, as often as its setting says."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from clearconv.data import Augmentation, Preprocessing
from clearconv.data.batches.augmentation import ASPECT
from clearconv.errors import DataError
from clearconv.random import generator

SAME = Preprocessing((24, 32), resize="none")


def vary(augmentation, image, how=SAME, sample=0):
    return augmentation(image, how, generator(0, "augment", sample=sample))


def test_nothing_changes_nothing(picture):
    np.testing.assert_array_equal(vary(Augmentation.none(), picture()), picture())


def test_flips_flip(picture):
    image = picture()
    np.testing.assert_array_equal(vary(Augmentation(flip=1), image), image[:, ::-1])
    np.testing.assert_array_equal(vary(Augmentation(vertical_flip=1), image), image[::-1])
    both = Augmentation(flip=1, vertical_flip=1)
    np.testing.assert_array_equal(vary(both, image), image[::-1, ::-1])
    grey = Preprocessing((24, 32), channels=1, resize="none")
    np.testing.assert_array_equal(vary(both, image[..., :1], grey), image[::-1, ::-1, :1])


@pytest.mark.parametrize("share", [0.2, 0.5])
def test_a_flip_happens_as_often_as_it_says(picture, share):
    image = picture(size=(2, 4))
    how = Preprocessing((2, 4), resize="none")
    count = sum(
        not np.array_equal(vary(Augmentation(flip=share), image, how, sample), image)
        for sample in range(1000)
    )
    assert abs(count - 1000 * share) <= 4 * np.sqrt(1000 * share * (1 - share))


def position(size):
    """Return an image (H, W, 3) whose red is the column and whose green is the row."""
    rows, columns = np.indices(size, dtype=np.uint8)
    return np.dstack([columns, rows, np.zeros_like(rows)])


@settings(max_examples=80, deadline=None)
@given(
    size=st.tuples(st.integers(40, 120), st.integers(40, 120)),
    least=st.floats(0.1, 1),
    target=st.sampled_from([(16, 16), (12, 24)]),
    u=st.lists(st.floats(0, 1, exclude_max=True), min_size=4, max_size=4),
)
def test_a_crop_stays_inside_with_its_area_and_aspect(size, least, target, u):
    left, top, right, bottom = Augmentation(crop=(least, 1))._random_box(size, target, np.array(u))
    assert 0 <= left < right <= size[1]
    assert 0 <= top < bottom <= size[0]
    width, height = right - left, bottom - top
    aspect = width / height / (target[1] / target[0])
    assert ASPECT[0] - 1e-9 <= aspect <= ASPECT[1] + 1e-9
    area = width * height / (size[0] * size[1])
    assert area <= 1 + 1e-9
    fits = width < size[1] - 1e-9 and height < size[0] - 1e-9
    if fits:  # nothing forced the crop to be smaller
        assert area >= least - 1e-9


def test_a_crop_shows_the_part_it_drew():
    """Read off from an image of positions where the crop lies; areas cover the range."""
    image, how = position((100, 100)), Preprocessing((50, 50))
    shares = []
    for sample in range(200):
        shown = vary(Augmentation(crop=(0.3, 0.9)), image, how, sample).astype(float)
        width = (shown[25, 45, 0] - shown[25, 5, 0]) / 40 * 50
        height = (shown[45, 25, 1] - shown[5, 25, 1]) / 40 * 50
        shares.append(width * height / 1e4)
        assert width / height < ASPECT[1] * 1.1
        assert np.all(np.diff(shown[25, :, 0]) >= 0)
    # Up to the rounding of pixels; the largest areas give way where the aspect is extreme.
    assert 0.27 < min(shares) < 0.36
    assert 0.78 < max(shares) < 0.95
    assert abs(np.mean(shares) - 0.59) < 0.05


def marked():
    """Return a dark square image with a bright spot right of its centre."""
    image = np.zeros((41, 41, 3), dtype=np.uint8)
    image[18:23, 32:37] = 255
    return image


def turned(sample, **settings):
    how = Preprocessing((41, 41), resize="none")
    return vary(Augmentation(**settings), marked(), how, sample)


def spot(image):
    """Return where the spot lies from the centre: (right, up)."""
    weights = image[..., 0].astype(float)
    rows, columns = np.indices(weights.shape)
    total = weights.sum()
    return (columns * weights).sum() / total - 20, 20 - (rows * weights).sum() / total


def test_rotation_is_counter_clockwise_and_covers_its_range():
    angles = []
    for sample in range(150):
        angle = 60 * (2 * generator(0, "augment", sample=sample).random(10)[6] - 1)
        right, up = spot(turned(sample, rotate=60))
        assert np.hypot(right, up) == pytest.approx(14, abs=0.3)
        angles.append(np.degrees(np.arctan2(up, right)))
        assert angles[-1] == pytest.approx(angle, abs=1)
    assert min(angles) < -54
    assert max(angles) > 54
    assert abs(np.mean(angles)) < 4 * 60 / np.sqrt(3 * 150)


def test_rotation_matches_pillow(picture):
    image = picture(size=(30, 30))
    how = Preprocessing((30, 30), resize="none")
    for sample in range(5):
        angle = 40 * (2 * generator(0, "augment", sample=sample).random(10)[6] - 1)
        expected = Image.fromarray(image).rotate(angle, Image.Resampling.BILINEAR)
        actual = vary(Augmentation(rotate=40), image, how, sample)
        inner = np.s_[6:-6, 6:-6]
        assert np.abs(actual[inner].astype(int) - np.asarray(expected)[inner]).max() <= 1


def test_a_rotation_then_a_flip():
    right, up = spot(turned(3, rotate=60))
    assert spot(turned(3, rotate=60, flip=1)) == pytest.approx((-right, up), abs=0.05)
    assert spot(turned(3, rotate=60, vertical_flip=1)) == pytest.approx((right, -up), abs=0.05)


def test_corners_take_the_mean():
    white = np.full((21, 21, 3), 255, dtype=np.uint8)
    for order, corner in (("rgb", (26, 51, 102)), ("bgr", (102, 51, 26))):
        how = Preprocessing((21, 21), order=order, resize="none", mean=(0.1, 0.2, 0.4))
        shown = vary(Augmentation(rotate=180), white, how, sample=2)
        angle = 180 * (2 * generator(0, "augment", sample=2).random(10)[6] - 1)
        assert 10 < abs(angle) % 90 < 80  # far enough from a quarter turn to have corners
        assert tuple(shown[0, 0]) == corner
        assert tuple(shown[10, 10]) == (255, 255, 255)


def test_a_shrinking_rotation_is_antialiased():
    stripes = np.zeros((256, 256, 3), dtype=np.uint8)
    stripes[:, ::4] = 255
    shown = vary(Augmentation(rotate=5), stripes, Preprocessing((32, 32)), sample=1)
    assert np.abs(shown[6:-6, 6:-6].astype(int) - 64).max() <= 8
    # and it shows the same place as without shrinking
    large = np.repeat(np.repeat(marked(), 8, axis=0), 8, axis=1)
    shown = vary(Augmentation(rotate=60), large, Preprocessing((41, 41)), sample=4)
    assert spot(shown) == pytest.approx(spot(turned(4, rotate=60)), abs=0.15)


def recolour(image, sample=0, **strengths):
    """Return the variation, and the three factors that it must have used."""
    how = Preprocessing(image.shape[:2], channels=image.shape[2], resize="none")
    shown = vary(Augmentation(**strengths), image, how, sample)
    return shown.astype(float), 2 * generator(0, "augment", sample=sample).random(10)[7:] - 1


@pytest.mark.parametrize(
    "augmentation",
    [
        Augmentation(),
        Augmentation(crop=(0.2, 0.4)),
        Augmentation(brightness=1, contrast=1, colour=1),
    ],
)
def test_a_letterbox_is_filled_as_in_evaluation(picture, augmentation):
    image = picture(size=(40, 72))
    how = Preprocessing((32, 32), resize="letterbox", fill=(7, 8, 9))
    left, top, right, bottom = how.window(image.shape)
    shown = vary(augmentation, image, how, sample=3)
    rest = np.ones((32, 32), bool)
    rest[top:bottom, left:right] = False
    assert rest.sum() == 14 * 32
    assert (shown[rest] == (7, 8, 9)).all()
    assert np.array_equal(shown, how.resized(image)) == (augmentation == Augmentation())


@pytest.mark.parametrize("size", [(32, 32), (31, 32), (30, 20), (20, 61)])
def test_a_rotated_letterbox_turns_about_its_centre(size):
    """Turned by next to nothing it shows what evaluation shows, the fill included."""
    rows, columns = np.indices((18, 32))
    image = np.dstack([rows * 8 + 40, columns * 4 + 40, rows * 0 + 100]).astype(np.uint8)
    how = Preprocessing(size, resize="letterbox", fill=(0, 0, 0))
    left, top, right, bottom = how.window(image.shape)
    shown = vary(Augmentation(rotate=1e-6), image, how).astype(int)
    inner = slice(top + 1, bottom - 1), slice(left + 1, right - 1)
    assert np.abs(shown - how.resized(image))[inner].max() <= 3
    assert shown[: max(0, top - 1)].max(initial=0) == 0
    assert shown[:, : max(0, left - 1)].max(initial=0) == 0


@pytest.mark.parametrize("sample", range(4))
def test_brightness_contrast_colour(picture, sample):
    image = (picture(sample) // 2 + 64).astype(float)  # far from black and white
    luma = np.array([0.299, 0.587, 0.114])

    shown, u = recolour(image.astype(np.uint8), sample, brightness=0.2)
    bright = image * (1 + 0.2 * u[0])
    assert np.abs(shown - bright).max() <= 0.51

    shown, u = recolour(image.astype(np.uint8), sample, contrast=0.3)
    grey = (image @ luma).mean()
    assert np.abs(shown - (grey + (1 + 0.3 * u[1]) * (image - grey))).max() <= 0.8

    shown, u = recolour(image.astype(np.uint8), sample, colour=0.5)
    own = (image @ luma)[..., np.newaxis]
    assert np.abs(shown - (own + (1 + 0.5 * u[2]) * (image - own))).max() <= 0.51

    shown, u = recolour(image.astype(np.uint8), sample, brightness=0.2, contrast=0.3, colour=0.5)
    grey = (bright @ luma).mean()
    step = grey + (1 + 0.3 * u[1]) * (bright - grey)
    own = (step @ luma)[..., np.newaxis]
    assert np.abs(shown - (own + (1 + 0.5 * u[2]) * (step - own))).max() <= 1


def test_grey_images_have_brightness_and_contrast(picture):
    image = picture()[..., :1]
    shown, u = recolour(image, brightness=0.4, contrast=0.4, colour=1)
    bright = image * (1 + 0.4 * u[0])
    expected = bright.mean() + (1 + 0.4 * u[1]) * (bright - bright.mean())
    assert np.abs(shown - np.clip(expected, 0, 255)).max() <= 1


def test_colours_are_clipped_not_wrapped():
    white = np.full((4, 4, 3), 250, dtype=np.uint8)
    sample = next(s for s in range(50) if generator(0, "augment", sample=s).random(10)[7] > 0.9)
    assert recolour(white, sample, brightness=1)[0].min() == 255


def test_one_variation_leaves_the_draws_of_the_others(picture):
    image, how = picture(size=(60, 60)), Preprocessing((30, 30))
    crop = vary(Augmentation(crop=(0.3, 0.8)), image, how, 5)
    both = vary(Augmentation(crop=(0.3, 0.8), flip=1), image, how, 5)
    np.testing.assert_array_equal(both, crop[:, ::-1])


def test_settings_survive_json():
    for augmentation in (Augmentation.photos(), Augmentation.none(), Augmentation(rotate=9)):
        stored = json.loads(json.dumps(augmentation.to_dict()))
        assert Augmentation.from_dict(stored) == augmentation
    assert Augmentation.photos().flip == 0.5
    assert Augmentation() == Augmentation.none()


@pytest.mark.parametrize(
    "change",
    [
        {"flip": 1.5},
        {"flip": "yes"},
        {"vertical_flip": -0.1},
        {"crop": 0.5},
        {"crop": [0, 1]},
        {"crop": [0.9, 0.5]},
        {"crop": [0.5, 1.1]},
        {"rotate": 181},
        {"brightness": float("nan")},
        {"contrast": True},
        {"colour": 2},
    ],
)
def test_wrong_settings_are_named(change):
    with pytest.raises(DataError, match=f"augmentation: {next(iter(change))} is"):
        Augmentation.from_dict(Augmentation.none().to_dict() | change)


def test_unknown_settings_are_named():
    with pytest.raises(DataError, match="missing flip; unknown mirror"):
        settings = Augmentation.none().to_dict()
        settings["mirror"] = settings.pop("flip")
        Augmentation.from_dict(settings)
