"""Activations: worked by hand, far from zero, at the kink, in any layout, and PyTorch."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clearconv.errors import ArgumentError, DtypeError, ShapeError
from clearconv.ops import activation
from clearconv.ops.tellings import available

BACKENDS = available("activation")


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("kind", "x", "y", "grad_x"),
    [
        # With grad_y = 2 everywhere.
        ("relu", [-2, 0, 3], [0, 0, 3], [0, 0, 2]),
        ("leaky_relu", [-2, 0, 3], [-0.5, 0, 3], [0.5, 0.5, 2]),  # slope 0.25; 2 * 0.25 = 0.5
        # sigmoid(0) = 1/2, slope 1/4; sigmoid(ln 3) = 1/(1 + 1/3) = 3/4, slope 3/4 * 1/4 = 3/16
        ("sigmoid", [0, math.log(3)], [0.5, 0.75], [0.5, 0.375]),
        # tanh(0) = 0, slope 1; tanh(ln 2) = (2 - 1/2) / (2 + 1/2) = 3/5, slope 1 - 9/25 = 16/25
        ("tanh", [0, math.log(2)], [0, 0.6], [2, 1.28]),
        ("relu6", [-2, 0, 3, 6, 7], [0, 0, 3, 6, 6], [0, 0, 2, 0, 0]),
        # (0 + 3) / 6 = 1/2 and (1.5 + 3) / 6 = 3/4; 2 * 1/6 inside, 0 on the corners and beyond
        (
            "hardsigmoid",
            [-4, -3, 0, 1.5, 3, 4],
            [0, 0, 0.5, 0.75, 1, 1],
            [0, 0, 1 / 3, 1 / 3, 0, 0],
        ),
        # -1.5 * 1.5/6 = -3/8, slope -1.5/3 + 1/2 = 0; 1.5 * 3/4 = 9/8, slope 1/2 + 1/2 = 1
        (
            "hardswish",
            [-4, -3, -1.5, 0, 1.5, 3, 4],
            [0, 0, -0.375, 0, 1.125, 3, 4],
            [0, 0, 0, 1, 2, 2, 2],
        ),
        # ln 3 * 3/4, slope 3/4 (1 + ln 3 * 1/4)
        ("silu", [0, math.log(3)], [0, 0.75 * math.log(3)], [1, 1.5 + 0.375 * math.log(3)]),
        ("identity", [-2, 0, 3], [-2, 0, 3], [2, 2, 2]),
    ],
)
def test_worked_by_hand(backend, kind, x, y, grad_x):
    x = np.array(x, dtype=float)
    got, saved = activation.forward_saving(x, kind, 0.25, backend=backend)
    assert got == pytest.approx(np.array(y, dtype=float), abs=1e-15)
    grad = activation.backward_input(np.full_like(x, 2), saved, backend=backend)
    assert grad == pytest.approx(np.array(grad_x, dtype=float), abs=1e-15)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_far_from_zero_nothing_overflows(backend, dtype):
    x = np.array([-1e4, -100, 100, 1e4], dtype=dtype)
    sigmoid, saved = activation.forward_saving(x, "sigmoid", backend=backend)
    assert sigmoid[0] == 0 and sigmoid[3] == 1 and sigmoid[2] == 1
    assert sigmoid[1] <= 4e-44
    grad = activation.backward_input(np.ones_like(x), saved, backend=backend)
    assert np.isfinite(grad).all()
    tanh = activation.forward(x, "tanh", backend=backend)
    assert tanh.tolist() == [-1, -1, 1, 1]
    silu, saved = activation.forward_saving(x, "silu", backend=backend)
    assert silu[[0, 2, 3]].tolist() == [0, 100, x[3]]
    assert -4e-42 <= silu[1] <= 0
    grad = activation.backward_input(np.ones_like(x), saved, backend=backend)
    assert grad == pytest.approx([0, 0, 1, 1], abs=1e-40)
    assert activation.forward(x, "hardswish", backend=backend).tolist() == [0, 0, 100, x[3]]
    assert activation.forward(x, "hardsigmoid", backend=backend).tolist() == [0, 0, 1, 1]
    assert activation.forward(x, "relu6", backend=backend).tolist() == [0, 0, 6, 6]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("kind", activation.KINDS)
def test_nan_stays_nan(backend, kind):
    x = np.array([np.nan, 1.0])
    assert np.isnan(activation.forward(x, kind, backend=backend)).tolist() == [True, False]


@pytest.mark.parametrize("kind", activation.KINDS)
def test_channels_last_memory_stays_channels_last(kind):
    x = np.random.default_rng(0).standard_normal((2, 4, 5, 3)).transpose(0, 3, 1, 2)
    y, saved = activation.forward_saving(x, kind, backend="matrix")
    grad_x = activation.backward_input(x, saved, backend="matrix")
    assert y.strides == grad_x.strides == x.strides


@pytest.mark.parametrize("kind", activation.KINDS)
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("shape", [(), (0,), (0, 3)])
def test_no_axes_and_no_numbers(kind, backend, shape):
    x = np.ones(shape, dtype="float32")
    y, saved = activation.forward_saving(x, kind, backend=backend)
    grad_x = activation.backward_input(x, saved, backend=backend)
    assert isinstance(y, np.ndarray) and isinstance(grad_x, np.ndarray)
    assert y.shape == grad_x.shape == shape
    assert y.dtype == grad_x.dtype == np.float32


def test_what_is_saved():
    x = np.array([-1.0, 2.0])
    for kind in ("relu", "relu6", "sigmoid", "tanh"):
        y, saved = activation.forward_saving(x, kind)
        assert saved.array is y
    for kind in ("leaky_relu", "hardsigmoid", "hardswish", "silu"):
        assert activation.forward_saving(x, kind)[1].array is x
    assert activation.forward_saving(x, "identity")[1].array is None
    assert activation.forward(x, "identity") is x


def test_out_receives_the_result():
    x = np.array([-1.0, 2.0])
    out = np.empty(2)
    assert activation.forward(x, out=out) is out
    assert out.tolist() == [0, 2]
    _, saved = activation.forward_saving(x)
    assert activation.backward_input(x, saved, out=out) is out
    assert out.tolist() == [0, 2]
    assert activation.forward(x, "identity", out=out) is out
    assert out.tolist() == [-1, 2]


def test_errors():
    x = np.array([-1.0, 2.0])
    with pytest.raises(ArgumentError, match="'swish' is not known; choose one of relu, relu6, "):
        activation.forward(x, "swish")
    with pytest.raises(DtypeError, match="int64"):
        activation.forward(np.array([1, 2]))
    _, saved = activation.forward_saving(x)
    with pytest.raises(ShapeError, match=r"grad_y has shape \(3,\), but \(2,\)"):
        activation.backward_input(np.zeros(3), saved)
    with pytest.raises(DtypeError, match="dtypes differ"):
        activation.backward_input(np.zeros(2, dtype="float32"), saved)


@pytest.mark.parametrize("backend", BACKENDS)
def test_identity_passes_the_gradient_on_whatever_was_saved(backend):
    x, grad_y = np.array([-1.0, 2.0]), np.array([3.0, 5.0])
    saved = activation.ActivationSaved("identity", 0.01, x)
    assert activation.backward_input(grad_y, saved, backend=backend).tolist() == [3, 5]
    out = np.empty(2)
    assert activation.backward_input(grad_y, saved, out=out, backend=backend) is out
    assert out.tolist() == [3, 5]
    with pytest.raises(ShapeError, match=r"grad_y has shape \(3,\), but \(2,\)"):
        activation.backward_input(np.zeros(3), saved)


@pytest.mark.parametrize("kind", [kind for kind in activation.KINDS if kind != "identity"])
def test_a_derivative_is_not_told_from_nothing(kind):
    saved = activation.ActivationSaved(kind, 0.01, None)
    with pytest.raises(ArgumentError, match=f"saved.array is None, but the derivative of {kind}"):
        activation.backward_input(np.ones(2), saved)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(
    kind=st.sampled_from(activation.KINDS),
    slope=st.floats(-1, 2),
    seed=st.integers(0, 1000),
    backend=st.sampled_from(BACKENDS),
)
def test_gradient_against_differences(kind, slope, seed, backend):
    rng = np.random.default_rng(seed)
    away = rng.uniform(0.01, 2.99, (2, 3, 4)) + rng.choice([0, 3, 6], (2, 3, 4))  # from the kinks
    x = away * rng.choice([-1, 1], (2, 3, 4))
    grad_y = rng.standard_normal(x.shape)
    _, saved = activation.forward_saving(x, kind, slope, backend=backend)
    grad_x = activation.backward_input(grad_y, saved, backend=backend)
    step = 1e-6
    ends = [activation.forward(x + s, kind, slope, backend=backend) for s in (step, -step)]
    numeric = (ends[0] - ends[1]) / (2 * step) * grad_y
    assert np.max(np.abs(numeric - grad_x)) < 1e-8


def onnx_operator(kind, x, **attributes):
    """Return what ONNX's reference evaluator makes of `x`."""
    onnx = pytest.importorskip("onnx")
    reference = pytest.importorskip("onnx.reference")
    inputs = ["x", *attributes.pop("inputs", ())]
    constants = [onnx.numpy_helper.from_array(np.float32(name), name) for name in inputs[1:]]
    node = onnx.helper.make_node(kind, inputs, ["y"], **attributes)
    info = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in "xy"]
    graph = onnx.helper.make_graph([node], kind, info[:1], info[1:], constants)
    return reference.ReferenceEvaluator(onnx.helper.make_model(graph)).run(None, {"x": x})[0]


@pytest.mark.parametrize("slope", [-0.5, 0.0, 0.01, 0.3, 1.0, 1.5])
def test_leaky_relu_against_onnx(slope):
    x = np.random.default_rng(0).standard_normal((3, 4)).astype("float32")
    expected = onnx_operator("LeakyRelu", x, alpha=slope)
    for backend in BACKENDS:
        y = activation.forward(x, "leaky_relu", slope, backend=backend)
        assert np.max(np.abs(y - expected)) < 1e-6


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_hard_ones_against_onnx(backend):
    x = (4 * np.random.default_rng(0).standard_normal((9, 13))).astype("float32")
    expected = {
        "relu6": onnx_operator("Clip", x, inputs=("0", "6")),
        "hardsigmoid": onnx_operator("HardSigmoid", x, alpha=1 / 6, beta=0.5),
        "hardswish": onnx_operator("HardSwish", x),
        "silu": x * onnx_operator("Sigmoid", x),
    }
    for kind, y in expected.items():
        assert np.max(np.abs(activation.forward(x, kind, backend=backend) - y)) < 2e-6, kind


@pytest.mark.oracle
@pytest.mark.parametrize("kind", [kind for kind in activation.KINDS if kind != "identity"])
def test_against_pytorch(kind):
    torch = pytest.importorskip("torch")
    functions = {kind: getattr(torch.nn.functional, kind) for kind in activation.KINDS[:-1]}
    functions["leaky_relu"] = lambda t: torch.nn.functional.leaky_relu(t, 0.2)
    rng = np.random.default_rng(1)
    x, grad_y = 3 * rng.standard_normal((2, 3, 40))
    x[:, :8] = [-3, -3, 0, 0, 3, 3, 6, 6]  # the kinks
    tensor = torch.tensor(x, requires_grad=True)
    expected = functions[kind](tensor)
    expected.backward(torch.tensor(grad_y))
    for backend in BACKENDS:
        y, saved = activation.forward_saving(x, kind, 0.2, backend=backend)
        grad_x = activation.backward_input(grad_y, saved, backend=backend)
        assert np.max(np.abs(y - expected.detach().numpy())) < 1e-14
        bound = 1e-7 if kind == "hardsigmoid" else 1e-14  # PyTorch takes float32's 1/6 there
        assert np.max(np.abs(grad_x - tensor.grad.numpy())) < bound
