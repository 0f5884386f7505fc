"""A batch held in parts gives the bits of the whole: gradients that are sums over the batch."""

import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest

from clearconv.errors import ShapeError
from clearconv.ops import conv2d, conv_transpose2d, group_norm, linear
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


def conv(weight, size, native_only=False, **options):
    """Return the filters' gradient of a convolution."""
    C = weight[1] * options.get("groups", 1)
    nothing = np.zeros((1, C, *size), "float32"), np.zeros(weight, "float32")
    grad = conv2d.forward(*nothing, **options, backend="matrix").shape[1:]
    return Summed(
        "conv2d",
        (grad, (C, *size)),
        lambda *a, **k: conv2d.backward_weight(*a, weight, **options, **k),
        lambda *a, **k: conv2d.weight_sums(*a, weight, **options, **k),
        lambda total, dtype: conv2d.weight_from_sum(total, weight),
        native_only,
    )


def transposed(weight, size, native_only=False, **options):
    """Return the filters' gradient of a transposed convolution."""
    nothing = np.zeros((1, weight[0], *size), "float32"), np.zeros(weight, "float32")
    grad = conv_transpose2d.forward(*nothing, **options, backend="matrix").shape[1:]
    return Summed(
        "conv_transpose2d",
        (grad, (weight[0], *size)),
        lambda *a, **k: conv_transpose2d.backward_weight(*a, weight, **options, **k),
        lambda *a, **k: conv_transpose2d.weight_sums(*a, weight, **options, **k),
        lambda total, dtype: conv_transpose2d.weight_from_sum(total, weight),
        native_only,
    )


def bias(chapter, shape, shared=True):
    """Return the bias's gradient of a convolution."""
    return Summed(
        chapter.__name__.rsplit(".", 1)[1],
        (shape,),
        lambda *a, **k: chapter.backward_bias(*a, shared, **k),
        lambda *a, **k: chapter.bias_sums(*a, shared, **k),
    )


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
    "conv2d weight": conv((3, 2, 2, 2), (3, 4)),
    "conv2d weight, groups and stride": conv((4, 1, 3, 2), (5, 4), groups=2, stride=2, padding=1),
    "conv2d weight, depthwise": conv((3, 1, 3, 3), (4, 3), groups=3, padding=1),
    "conv2d weight, long chunks": conv((3, 2, 1, 1), (31, 37), native_only=True),
    "conv2d weight, Winograd": conv((20, 18, 3, 3), (9, 8), native_only=True, padding=1),
    "conv2d weight, Winograd, many channels": conv((96, 80, 3, 3), (4, 4), True, padding=1),
    "conv2d weight, exact": conv((20, 18, 3, 3), (9, 8), True, padding=1, exact=True),
    "conv2d weight, packed": conv((130, 32, 1, 1), (5, 4), native_only=True),
    "conv2d weight, packed by shard": conv((128, 16, 1, 1), (33, 32), native_only=True),
    "conv2d weight, packed 3x3": conv((256, 128, 3, 3), (5, 5), native_only=True, stride=2),
    "conv2d bias": bias(conv2d, (3, 4, 5)),
    "conv2d bias by position": bias(conv2d, (3, 2, 4), shared=False),
    "conv_transpose2d weight": transposed((2, 3, 2, 2), (3, 2), stride=2),
    "conv_transpose2d weight, Winograd": transposed((18, 20, 3, 3), (8, 9), True, padding=1),
    "conv_transpose2d bias": bias(conv_transpose2d, (3, 4, 2)),
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


@pytest.mark.parametrize("dtype", ["float32", pytest.param("float64", marks=pytest.mark.ci)])
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
    many, few = rng.standard_normal((2, 256, 3, 3)), rng.standard_normal((2, 64, 3, 3))
    many, few = many.astype("float32"), few.astype("float32")
    wide = rng.standard_normal((9000, 20)).astype("float32")
    thin = rng.standard_normal((10, 20)).astype("float32")
    return {
        "linear.forward": (linear.forward, (wide, thin), (9000, 10)),
        "linear.backward_input": (linear.backward_input, (wide, thin.T.copy()), (9000, 10)),
        "linear.backward_weight": (linear.backward_weight, (grad, x), weight.shape),
        "linear.backward_bias": (linear.backward_bias, (wide.reshape(2, -1),), (90000,)),
        "conv2d.backward_weight": (
            conv2d.backward_weight,
            (many, few, (256, 64, 3, 3), 1, 1),
            (256, 64, 3, 3),
        ),
        "conv2d.backward_bias": (conv2d.backward_bias, (wide.reshape(2, -1, 1, 1),), (90000,)),
        "conv_transpose2d.backward_weight": (
            conv_transpose2d.backward_weight,
            (few, many, (256, 64, 3, 3), 1, 1),
            (256, 64, 3, 3),
        ),
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
        "conv2d.backward_weight",
        "conv2d.backward_bias",
        "conv_transpose2d.backward_weight",
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


@pytest.mark.skipif("native" not in available("conv2d"), reason="no compiled kernels")
@pytest.mark.parametrize("dtype", DTYPES)
def test_sums_by_winograd_are_finished_by_any_telling(dtype):
    x, grad_y = ALL["conv2d weight, Winograd"].arrays(9, dtype)[::-1]
    given, options = (grad_y, x, (20, 18, 3, 3)), {"padding": 1, "backend": "native"}
    assert conv2d.route(x.shape, given[2], padding=1)["backward_weight"] == "winograd"
    sums = conv2d.weight_sums(*given, **options, joined=True)
    assert sums.shape == (1, 36, 18, 20)
    exact = conv2d.backward_weight(*given, padding=1, backend="matrix")
    for telling in available("conv2d"):
        found = conv2d.weight_from_sum(sums[0], given[2], backend=telling)
        assert np.abs(found - exact).max() < 100 * np.finfo(dtype).eps * np.abs(exact).max()
        out = np.empty_like(exact)
        assert conv2d.weight_from_sum(sums[0], given[2], out=out, backend=telling) is out
        assert np.array_equal(out, found)


def test_a_sum_of_other_filters_is_refused():
    with pytest.raises(ShapeError, match=r"conv2d.weight_from_sum: sum has shape \(2, 3, 1, 1\)"):
        conv2d.weight_from_sum(np.zeros((2, 3, 1, 1)), (3, 2, 1, 1))
    with pytest.raises(ShapeError, match=r"\(36, 3, 2\) is expected: 36 points"):
        conv2d.weight_from_sum(np.zeros((36, 2, 3)), (2, 3, 3, 3))
    with pytest.raises(ShapeError, match="sum has shape"):
        conv_transpose2d.weight_from_sum(np.zeros(3), (2, 3, 3, 3))
