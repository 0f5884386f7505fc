"""The compiled group norm: float64's numbers within bounds, any memory, any shape."""

import numpy as np
import pytest
from remade import channels_last, misaligned, reversed_axes, shifted

from clearconv.ops import group_norm
from clearconv.ops.tellings import native_module

native = native_module()
pytestmark = pytest.mark.skipif(native is None, reason="clearconv was built without a compiler")

EPS = 1e-5

# Less than a wide row, a last one that is shorter, several blocks, channels that fill no vector,
# features alone, uneven shards; and the groups.
SHAPES = [
    ((2, 4, 1, 1), 2),
    ((3, 1, 37, 29), 1),
    ((9, 3, 23, 37), 3),
    ((17, 16, 7, 6), 4),
    ((5, 19, 33, 35), 1),
    ((8, 20, 3, 1), 5),
    ((3, 50, 9, 11), 50),
    ((1, 258, 5, 13), 2),
    ((70, 300, 1, 1), 3),
    ((11, 8, 3, 1100), 4),
]


def random(shape, mean=0.0):
    rng = np.random.default_rng(0)
    return (
        (mean + rng.standard_normal(shape)).astype("f4"),
        *(rng.standard_normal(shape[1]).astype("f4") for _ in range(2)),
        rng.standard_normal(shape).astype("f4"),
    )


def passes(x, weight, bias, grad_y, groups):
    """Statistics, y and all gradients."""
    y, saved = group_norm.forward_saving(x, groups, weight, bias, EPS, backend="native")
    grads = group_norm.backward(grad_y, weight, saved, backend="native")
    return saved.mean, saved.var, y, *grads


def exact(x, weight, bias, grad_y, groups):
    """The same in float64, and how far each result may be off, in units of rounding."""
    shape = x.shape
    parts = (x, *(np.broadcast_to(a[:, None, None], shape) for a in (weight, bias)), grad_y)
    x, weight, bias, grad = (a.astype("f8").reshape(shape[0], groups, -1) for a in parts)
    along = {"axis": 2, "keepdims": True}
    mean, var = x.mean(**along), x.var(**along)
    r = 1 / np.sqrt(var + EPS)
    hat = (x - mean) * r
    g = weight * grad
    rest = g - g.mean(**along) - hat * (g * hat).mean(**along)
    size = np.abs(hat) + 1
    through = np.abs(g).mean(**along) + size * (np.abs(g) * size).mean(**along)

    def image(array):
        return array.reshape(shape)

    def total(array):
        return image(array).sum(axis=(0, 2, 3))

    return [
        (mean[:, :, 0], 32 * np.sqrt(var[:, :, 0])),
        (var[:, :, 0], 32 * var[:, :, 0]),
        (image(weight * hat + bias), image(32 * (np.abs(weight) * size + np.abs(bias)))),
        (image(r * rest), image(64 * r * (np.abs(g) + through))),
        (total(grad * hat), 64 * total(np.abs(grad) * size)),
        (total(grad), 32 * total(np.abs(grad))),
    ]


@pytest.mark.parametrize("mean", [0.0, 1e4])
@pytest.mark.parametrize(("shape", "groups"), SHAPES, ids=str)
def test_float32_is_within_its_bounds_of_float64(shape, groups, mean):
    """Also at a mean of 10,000 deviations, where a sum of squares would lose every digit."""
    given = random(shape, mean)
    if mean and shape == (2, 4, 1, 1):
        given[0][...] += np.arange(4)[:, None, None]  # two numbers can come close to each other
    names = ("mean", "var", "y", "grad_x", "grad_weight", "grad_bias")
    wanted = exact(*given, groups)
    for name, got, (e, bound) in zip(names, passes(*given, groups), wanted, strict=True):
        assert got.shape == e.shape
        slack = 2.0**-24 * bound + 2.0**-46 * (np.abs(e) + 1)  # the oracle rounds in float64
        assert np.all(np.abs(got - e) <= slack), (name, np.max(np.abs(got - e) / slack))


@pytest.mark.parametrize(("shape", "groups"), SHAPES, ids=str)
def test_bits_do_not_depend_on_memory_or_threads(shape, groups):
    given = random(shape)
    expected = passes(*given, groups)
    before = native.get_threads()
    try:
        for threads, remake in enumerate((misaligned, channels_last, reversed_axes, shifted), 1):
            native.set_threads(threads)
            for a, b in zip(passes(*map(remake, given), groups), expected, strict=True):
                np.testing.assert_array_equal(a, b)
    finally:
        native.set_threads(before)


def test_what_does_not_fit_is_refused_by_the_module_itself():
    x, one = np.zeros((2, 6, 3, 3), "f4"), np.ones(6, "f4")
    telling = native.group_norm
    for groups in (0, 4, -2):
        with pytest.raises(ValueError, match="do not fit"):
            telling.forward(x, groups, one, one, EPS)
    with pytest.raises(ValueError, match="do not fit"):
        telling.forward(x, 2, one[:4], one, EPS)
    _, mean, var = telling.forward(x, 2, one, one, EPS)
    with pytest.raises(ValueError, match="do not fit"):
        telling.backward(x, one, x, mean, var[:1], EPS)
    with pytest.raises(ValueError, match="do not fit"):
        telling.backward(x, one, x, mean.astype("f4"), var, EPS)
    with pytest.raises(TypeError, match="dtypes differ"):
        telling.backward(x, one.astype("f8"), x, mean, var, EPS)
