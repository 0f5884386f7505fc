"""`out` receives a result in place: the right numbers, no array beside it, no surprise."""

import json
import os
import subprocess
import sys
import tracemalloc
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from outs import calls

from clearconv.errors import ShapeError
from clearconv.ops import activation, conv2d, max_pool2d, softmax
from clearconv.ops.tellings import available, native_module

TELLINGS = available("conv2d")
SHAPES = {"batch": (2, 3, 6, 4), "image": (3, 6, 4), "map": (6, 4)}
NAMES = tuple(calls(SHAPES["batch"]))
made = cache(calls)


def lain(shape: tuple[int, ...], dtype: np.dtype, how: str) -> np.ndarray:
    """Return an array full of NaN, that lies in memory in one of several ways."""
    last = "channels last"
    if how == last:
        order = (0, *range(2, len(shape)), 1) if len(shape) == 4 else (*range(1, len(shape)), 0)
        array = np.empty([shape[axis] for axis in order], dtype).transpose(np.argsort(order))
    elif how == "pixels apart, upside down":  # as a part of more channels lies
        array = lain(
            (*shape[:-3], 2 * shape[-3] if len(shape) > 2 else 1, *shape[-2:]), dtype, last
        )
        array = array[..., : shape[-3], ::-1, :] if len(shape) > 2 else array[0, ::-1]
    elif how == "gaps":
        array = np.empty([2 * length + 1 for length in shape], dtype)
        array = array[tuple(slice(1, None, 2) for _ in shape)]
    elif how == "unaligned":
        raw = np.empty(int(np.prod(shape)) * dtype.itemsize + 1, "u1")
        array = raw[1:].view(dtype).reshape(shape)
    else:
        array = np.empty(shape, dtype)
    array[...] = np.nan
    return array


@pytest.mark.parametrize("kind", SHAPES)
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("backend", TELLINGS)
def test_out_is_returned_with_the_result_in_it(backend, name, kind):
    call = made(SHAPES[kind])[name]
    expected = call(backend=backend).copy()
    for how in ("as C lies", "channels last", "pixels apart, upside down", "gaps", "unaligned"):
        out = lain(expected.shape, expected.dtype, how)
        assert call(backend=backend, out=out) is out, how
        np.testing.assert_array_equal(out, expected, err_msg=how)


@pytest.mark.parametrize("name", NAMES)
def test_an_out_that_does_not_fit_is_refused_before_anything_is_written(name):
    call = made(SHAPES["batch"])[name]
    y = call()
    sealed = np.zeros_like(y)
    sealed.flags.writeable = False
    wrong = {
        "out is float64 (1,), but": np.zeros(1),
        "out is float32 ": np.zeros(y.shape, "float32"),
        "out is list, but": y.tolist(),
        "out is read-only, but receives the result": sealed,
    }
    for message, out in wrong.items():
        with pytest.raises(ShapeError) as caught:
            call(out=out)
        assert message in str(caught.value)
    assert not sealed.any()


@pytest.mark.parametrize("backend", TELLINGS)
def test_an_out_that_shares_memory_with_an_input_gives_the_same(backend):
    rng = np.random.default_rng(0)
    given = rng.standard_normal((2, 3, 6, 8))
    weight = rng.standard_normal((3, 3, 3, 3))
    how = {"backend": backend}
    functions = {
        "itself": lambda x, out: conv2d.forward(x, weight, padding=1, out=out, **how),
        "activated": lambda x, out: activation.forward(x, "silu", out=out, **how),
        "shares": lambda x, out: softmax.forward(x, out=out, **how),
    }
    for name, function in functions.items():
        expected, x = function(given, None), given.copy()
        assert function(x, x) is x, name
        np.testing.assert_array_equal(x, expected, err_msg=name)
    x = given.copy()
    part = x[:, :, ::2, ::2]  # what is pooled lies among what is read
    np.testing.assert_array_equal(
        max_pool2d.forward(x, 2, out=part, **how), max_pool2d.forward(given, 2, **how)
    )
    moved = np.concatenate([given[0], given[0, :1]])  # (4, 6, 8)
    expected = activation.forward(moved[:3], "tanh", **how)
    np.testing.assert_array_equal(
        activation.forward(moved[:3], "tanh", out=moved[1:], **how), expected
    )


# What NumPy cannot compute in one array: matrix products whose result lies otherwise, masks that
# hold for two branches, and what is gathered or cut out of a padded map. A batch norm in training
# looks at a shard at a time, which is half of the batch here.
BESIDE = {
    "activation.backward_input silu",
    "avg_pool2d.backward_input ",  # the shares of each output
    "batch_norm2d.backward",
    "batch_norm2d.backward_input",
    "batch_norm2d.forward_saving",
    "conv_block.forward",
    "conv2d.backward_input",
    "conv2d.backward_input without padding",
    "conv2d.forward",
    "conv_transpose2d.backward_input",
    "conv_transpose2d.forward",
    "im2col.backward_input",
    "linear.backward_input",
    "linear.forward",
    "max_pool2d.forward",
    "max_pool2d.forward_saving",
    "upsample2d.backward_input bilinear",
    "upsample2d.backward_input nearest",
    "upsample2d.forward bilinear",
    "upsample2d.forward nearest",
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("backend", [pytest.param("loops", marks=pytest.mark.ci), "matrix"])
def test_python_tellings_make_no_array_of_the_results_size(backend, name):
    if backend == "matrix" and name in BESIDE:
        pytest.skip("NumPy needs an array beside it")
    if name.endswith("backward_weight"):
        pytest.skip("each shard of the batch has a sum of its own")
    call = made((1, 1, 40, 40) if backend == "loops" else (2, 8, 96, 96))[name]
    y = call(backend=backend)
    if y.nbytes < 8 << 10:
        pytest.skip("the result is no larger than what any call takes")
    out = np.empty_like(y)
    call(backend=backend, out=out)
    tracemalloc.start()
    try:
        call(backend=backend, out=out)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert most < 0.9 * y.nbytes + (64 << 10)  # NumPy's own buffers


@pytest.mark.skipif("native" not in TELLINGS, reason="clearconv was built without a compiler")
def test_kernels_take_no_memory_for_a_result_that_has_its_place():
    ran = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("outs.py"))],
        env={**os.environ, "CLEARCONV_ARENA": "off", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ran.returncode == 0, ran.stderr
    asked = json.loads(ran.stdout)
    assert len(asked) > 30
    without_copies = ("activation.forward identity", "activation.backward_input identity")
    for name, (without, given) in asked.items():
        saved = 0 if name in (*without_copies, "dropout.forward, p = 0") else 1
        assert given == without - saved, name


@pytest.mark.parametrize("backend", TELLINGS)
def test_an_out_without_numbers_or_without_axes(backend):
    x, weight = np.zeros((0, 3, 6, 6)), np.zeros((4, 3, 3, 3))
    for function in (
        lambda **how: conv2d.forward(x, weight, **how),
        lambda **how: max_pool2d.forward(x, 2, **how),
        lambda **how: softmax.forward(x, **how),
    ):
        out = np.empty(function(backend=backend).shape)
        assert function(out=out, backend=backend) is out
    for kind in activation.KINDS:
        y, saved = activation.forward_saving(np.array(1.5), kind, backend=backend)
        grad_x = activation.backward_input(np.array(2.0), saved, backend=backend)
        out = np.empty(())
        assert activation.forward(np.array(1.5), kind, out=out, backend=backend) is out
        assert out == y
        activation.backward_input(np.array(2.0), saved, out=out, backend=backend)
        assert out == grad_x


@pytest.mark.skipif("native" not in TELLINGS, reason="clearconv was built without a compiler")
def test_a_direct_call_of_the_kernels_is_checked():
    forward = native_module().activation.forward
    x = np.ones((2, 3))
    for out, error, message in (
        (np.ones((3, 2)), ValueError, "the arrays do not fit"),
        (np.ones(6), ValueError, "the arrays do not fit"),
        (np.ones((2, 3), "float32"), TypeError, "a float64 array is needed"),
        ([[1.0]], TypeError, "bytes-like object"),
    ):
        with pytest.raises(error, match=message):
            forward(x, "relu", 0.0, out)
    sealed = np.zeros((2, 3))
    sealed.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        forward(x, "relu", 0.0, sealed)
    assert not sealed.any()
