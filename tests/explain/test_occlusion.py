import numpy as np
import pytest

from clearconv import Flatten, Linear, Sequential
from clearconv.errors import ArgumentError, ShapeError
from clearconv.explain import occlusion
from clearconv.explain.occlusion_maps import patch


def one_pixel_counts():
    """Make a model of two classes; the first one's logit is pixel (1, 2)."""
    model = Sequential(Flatten(), Linear(2)).build((1, 4, 5), dtype="float64")
    weight, bias = model.parameters.values()
    weight[...], bias[...] = 0, 0
    weight[0, 1 * 5 + 2] = 1
    return model


def test_worked_by_hand():
    """A patch drops the probability exactly where it covers the one pixel that counts."""
    x = np.zeros((1, 4, 5))
    x[0, 1, 2] = 3.0
    drop = occlusion(one_pixel_counts(), x, 0, size=1, stride=1)
    expected = np.zeros((4, 5))
    expected[1, 2] = 1 / (1 + np.exp(-3)) - 0.5
    assert np.abs(drop - expected).max() < 1e-15
    # patches of 2 x 2: pixel (1, 2) is under four of them; pixel (0, 1) shares one of its two
    wide = occlusion(one_pixel_counts(), x, 0, size=2, stride=1)
    assert wide[1, 2] == pytest.approx(expected[1, 2])
    assert wide[0, 1] == pytest.approx(expected[1, 2] / 2)
    assert wide[3, 4] == 0


def test_covering_what_speaks_against_the_class_helps_it():
    x = np.zeros((1, 4, 5))
    x[0, 1, 2] = 3.0
    drop = occlusion(one_pixel_counts(), x, 1, size=1, stride=1)
    assert drop.min() == drop[1, 2] < 0
    assert occlusion(one_pixel_counts(), x, size=1, stride=1).max() > 0  # the likeliest is class 0
    filled = occlusion(one_pixel_counts(), x, 0, size=1, stride=1, fill=3.0)
    assert filled[1, 2] == 0


@pytest.mark.parametrize("shape", [(8, 8), (28, 28), (128, 128), (224, 224), (5, 64), (1, 1)])
def test_the_patch_is_chosen_from_the_image_and_covers_all_of_it(shape):
    size, stride = patch(shape)
    assert 1 <= stride <= size <= min(shape)
    model = Sequential(Flatten(), Linear(2)).build((1, *shape))
    x = np.ones((1, *shape), np.float32)
    assert np.isfinite(occlusion(model, x)).all()


def test_patches_are_large_on_photographs_and_small_on_digits():
    assert (patch((224, 224)), patch((8, 8)), patch((28, 28))) == ((45, 22), (2, 1), (6, 3))


def test_errors():
    model, x = one_pixel_counts(), np.zeros((1, 4, 5))
    with pytest.raises(ArgumentError, match="size=9 and stride=4"):
        occlusion(model, x, size=9)
    with pytest.raises(ArgumentError, match="size=2 and stride=3"):
        occlusion(model, x, size=2, stride=3)
    with pytest.raises(ShapeError, match="one image"):
        occlusion(model, x[np.newaxis])
