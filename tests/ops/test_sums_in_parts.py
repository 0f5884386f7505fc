"""A batch held in parts gives the bits of the whole: gradients that are sums over the batch."""

import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest

from clearconv.errors import ShapeError
from clearconv.ops import group_norm, linear
from clearconv.ops.geometry.shards import WHOLE, Shards
from clearconv.ops.reduction import tree_sum
from clearconv.ops.tellings import available

BATCHES = 1, 3, 8, 9, 13, 32
TOTALS = 4, 8, 16
DTYPES = "float32", "float64"


@dataclass(frozen=True)
class Summed:
    """A gradient that is a sum over the batch, of some inputs.

    Attributes
    ----------
    shapes : tuple
        Of the arrays with a batch axis, without it.
    gradient : callable
        Given the arrays, `shards`, `out` and `backend`, returns the gradient.
    sums : callable
        Given the arrays, `shards`, `joined` and `backend`, returns the shards' sums.
    finish : callable
        Makes the gradient of their sum, given the gradient's dtype.
    """

    chapter: str
    shapes: tuple[tuple[int, ...], ...]
    gradient: Callable
    sums: Callable
    finish: Callable = lambda total, dtype: total
    native_only: bool = False

    @cache  # noqa: B019 - few, for one module
    def arrays(self, N, dtype):
        rng = np.random.default_rng(len(self.shapes[0]))
        return [rng.standard_normal((N, *shape)).astype(dtype) for shape in self.shapes]


def normed(shape, part):
    """Return the gradient of the scale (part 0) or the shift (part 1) of group norm."""

    def saved(x):
        ones = np.ones(shape[0], x.dtype)
        return group_norm.forward_saving(x, 2, ones, ones, backend="matrix")[1]

    one = (group_norm.backward_weight, group_norm.backward_bias)[part]
    return Summed(
        "group_norm",
        (shape, shape),
        lambda grad_y, x, **k: one(grad_y, saved(x), **k),
        lambda grad_y, x, **k: group_norm.gradient_sums(grad_y, saved(x), **k),
        lambda total, dtype: total[part].astype(dtype),
    )


ALL = {
    "linear weight": Summed("linear", ((5,), (7,)), linear.backward_weight, linear.weight_sums),
    "linear weight, wide": Summed(
        "linear", ((37,), (101,)), linear.backward_weight, linear.weight_sums, native_only=True
    ),
    "linear bias": Summed("linear", ((5,),), linear.backward_bias, linear.bias_sums),
    "group_norm weight": normed((4, 3, 2), 0),
    "group_norm bias": normed((4, 3, 2), 1),
}

TOLD = [
    pytest.param(one, telling, id=f"{name}-{telling}")
    for name, one in ALL.items()
    for telling in available(one.chapter)
    if telling == "native" or not one.native_only
]


def split(one, N, dtype, total, parts, **how):
    """Return the sums that the parts of a batch yield, each given its own images alone."""
    whole, arrays, found = Shards(total, images=N), one.arrays(N, dtype), []
    for i in range(parts):
        part = whole.part(i, parts)
        found += list(one.sums(*(array[part.cut()] for array in arrays), shards=part, **how))
    return found


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("one", "telling"), TOLD)
def test_parts_give_the_bits_of_the_whole(one, telling, dtype):
    for N in BATCHES if not one.native_only else (9, 13, 32):
        arrays = one.arrays(N, dtype)
        for total in TOTALS:
            whole = one.gradient(*arrays, shards=Shards(total), backend=telling)
            if total == WHOLE.total:
                assert np.array_equal(one.gradient(*arrays, backend=telling), whole)
            single = one.sums(*arrays, shards=Shards(total), backend=telling)
            assert len(single) == min(total, N)
            assert np.array_equal(one.finish(tree_sum(single), whole.dtype), whole)
            for parts in (1, 2, 4, 8):
                if parts > total:
                    continue
                subtrees = split(one, N, dtype, total, parts, joined=True, backend=telling)
                assert np.array_equal(one.finish(tree_sum(subtrees), whole.dtype), whole)
            stacked = split(one, N, dtype, total, 4, backend=telling)
            assert np.array_equal(np.stack(stacked), single)


@pytest.mark.parametrize(("one", "telling"), TOLD)
def test_no_images_have_no_sums(one, telling):
    arrays = one.arrays(0, "float32")
    part = Shards(8, 4, 4, images=3)
    for joined in (False, True):
        for shards in (WHOLE, part):
            sums = one.sums(*arrays, shards=shards, joined=joined, backend=telling)
            assert len(sums) == 0
            gradient = one.finish(tree_sum(sums), np.dtype("float32"))
            assert np.array_equal(gradient, one.gradient(*arrays, backend=telling))
            assert not gradient.any()


def test_one_after_the_other_is_another_sum():
    one = ALL["linear weight"]
    arrays = one.arrays(32, "float32")
    for telling in available("linear"):
        sums = one.sums(*arrays, backend=telling)
        total = sums[0].copy()
        for further in sums[1:]:
            total += further
        assert not np.array_equal(total, one.gradient(*arrays, backend=telling))


@pytest.mark.parametrize(("one", "telling"), TOLD)
def test_other_images_than_the_shards_hold(one, telling):
    arrays = one.arrays(6, "float32")  # the last 4 of 8 shards of 13 images hold 7
    for call in (one.sums, one.gradient):
        with pytest.raises(ShapeError, match=rf"{one.chapter}\.\w+: the arrays hold 6 images"):
            call(*arrays, shards=Shards(8, 4, 4, 13), backend=telling)


@pytest.mark.parametrize(("one", "telling"), TOLD)
def test_out_receives_the_gradient(one, telling):
    arrays = one.arrays(9, "float32")
    expected = one.gradient(*arrays, backend=telling)
    out = np.full_like(expected, np.nan)
    assert one.gradient(*arrays, out=out, backend=telling) is out
    assert np.array_equal(out, expected)
    apart = np.full((*expected.shape[:-1], 2 * expected.shape[-1]), np.nan, "float32")[..., ::2]
    assert one.gradient(*arrays, out=apart, backend=telling) is apart
    assert np.array_equal(apart, expected)


def written(telling):
    """Return calls that write into a large `out`, by name, each with what it writes."""
    rng = np.random.default_rng(0)
    grad, x, weight = (
        rng.standard_normal(shape).astype("float32") for shape in ((2, 300), (2, 500), (300, 500))
    )
    pixels = rng.standard_normal((1, 8, 99, 99)).astype("float32")
    pixels = np.ascontiguousarray(pixels.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    y, saved = group_norm.forward_saving(pixels, 2)
    wide = rng.standard_normal((9000, 20)).astype("float32")
    thin = rng.standard_normal((10, 20)).astype("float32")
    return {
        "linear.forward": (linear.forward, (wide, thin), (9000, 10)),
        "linear.backward_input": (linear.backward_input, (wide, thin.T.copy()), (9000, 10)),
        "linear.backward_weight": (linear.backward_weight, (grad, x), weight.shape),
        "linear.backward_bias": (linear.backward_bias, (wide.reshape(2, -1),), (90000,)),
        "group_norm.forward": (group_norm.forward, (pixels, 2), y.shape),
        "group_norm.backward_input": (group_norm.backward_input, (pixels, None, saved), y.shape),
    }[telling]


@pytest.mark.skipif("native" not in available("linear"), reason="no compiled kernels")
@pytest.mark.parametrize(
    "name",
    [
        "linear.forward",
        "linear.backward_input",
        "linear.backward_weight",
        "linear.backward_bias",
        "group_norm.forward",
        "group_norm.backward_input",
    ],
)
def test_out_spares_an_array_of_its_size(name):
    call, given, shape = written(name)
    out = np.full(shape, np.nan, "float32")
    if out.ndim == 4 and name.startswith("group_norm"):  # as the kernels write images
        N, C, H, W = shape
        out = np.full((N, H, W, C), np.nan, "float32").transpose(0, 3, 1, 2)
    expected = call(*given, backend="native")
    assert out.nbytes > 2**18
    tracemalloc.start()
    try:
        result = call(*given, out=out, backend="native")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert result is out
    assert np.array_equal(out, expected)
    assert peak < out.nbytes / 4
