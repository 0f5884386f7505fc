"""Group normalisation: by hand, its numbers far from zero, its special cases, oracles."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clearconv.errors import ArgumentError, DtypeError, ShapeError
from clearconv.ops import batch_norm2d, group_norm
from clearconv.ops.tellings import available

BACKENDS = available("group_norm")


@pytest.mark.parametrize("backend", BACKENDS)
def test_worked_by_hand(backend):
    # Two groups of two channels. Mean (0 + 4) / 2 = 2 and variance (4 + 4) / 2 = 4 in the first,
    # (4 + 0) / 2 = 2 and 4 in the second: x̂ = (x - 2) / 2 = -1, 1, 1, -1.
    x = np.array([[0.0, 4, 4, 0]])
    weight, bias = np.array([1.0, 2, 1, 3]), np.array([0, 0.5, 0, 0])
    y, saved = group_norm.forward_saving(x, 2, weight, bias, eps=0.0, backend=backend)
    assert saved.mean.tolist() == [[2, 2]] and saved.var.tolist() == [[4, 4]]
    assert y.tolist() == [[-1, 2.5, 1, -3]]  # w x̂ + b
    grad_y = np.array([[1.0, 0, 2, 1]])
    assert group_norm.backward_bias(grad_y, saved, backend=backend).tolist() == [1, 0, 2, 1]
    assert group_norm.backward_weight(grad_y, saved, backend=backend).tolist() == [-1, 0, 2, -1]
    # First group: w dy = (1, 0); mean 1/2; mean of w dy x̂ = (-1 + 0) / 2 = -1/2.
    # dx = 1/2 (1 - 1/2 - (-1)(-1/2), 0 - 1/2 - (1)(-1/2)) = (0, 0): two numbers always lie at -1
    # and 1, whatever they are. So in the second: (2, 3), mean 5/2, of the products (2 - 3) / 2.
    grad_x = group_norm.backward_input(grad_y, weight, saved, backend=backend)
    assert grad_x.tolist() == [[0, 0, 0, 0]]


@pytest.mark.parametrize("backend", BACKENDS)
def test_one_group_by_hand(backend):
    # Mean (0 + 0 + 0 + 8) / 4 = 2, variance (4 + 4 + 4 + 36) / 4 = 12; with eps 4 the root is 4,
    # and x̂ = (-1/2, -1/2, -1/2, 3/2).
    x = np.array([[[[0.0, 0]], [[0, 8]]]])  # (1, 2, 1, 2)
    y, saved = group_norm.forward_saving(x, 1, eps=4.0, backend=backend)
    assert y.ravel().tolist() == [-0.5, -0.5, -0.5, 1.5]
    # dy = (4, 0, 0, 0): mean 1; mean of dy x̂ = -2 / 4 = -1/2.
    # dx = 1/4 (dy - 1 + x̂/2) = 1/4 (2.75, -1.25, -1.25, -0.25)
    grad_y = np.array([[[[4.0, 0]], [[0, 0]]]])
    grad_x = group_norm.backward_input(grad_y, None, saved, backend=backend)
    assert grad_x.ravel().tolist() == [0.6875, -0.3125, -0.3125, -0.0625]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("layout", ["channels first", "channels last"])
@pytest.mark.parametrize("groups", [1, 2, 6])
def test_mean_ten_thousand_times_the_deviation(backend, layout, groups):
    """Float32 against float64: sum of squares would lose every digit of the variance."""
    rng = np.random.default_rng(0)
    shape = (3, 6, 9, 8) if backend == "loops" else (5, 6, 56, 41)
    x = (1e4 + rng.standard_normal(shape)).astype("float32")
    if layout == "channels last":
        x = np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    y, saved = group_norm.forward_saving(x, groups, backend=backend)
    exact = x.astype("float64").reshape(shape[0], groups, -1)
    mean, var = exact.mean(axis=2), exact.var(axis=2)
    assert np.max(np.abs(saved.mean - mean)) < 1e-6
    assert np.max(np.abs(saved.var - var)) < 1e-6
    assert saved.mean.dtype == saved.var.dtype == np.float64
    root = np.sqrt(var + 1e-5)[:, :, None]
    hat = (exact - mean[:, :, None]) / root
    assert y.dtype == np.float32
    assert np.max(np.abs(y.reshape(hat.shape) - hat)) < 2e-6
    grad_y = rng.standard_normal(shape).astype("float32")
    grad_x = group_norm.backward_input(grad_y, None, saved, backend=backend)
    grads = grad_y.astype("float64").reshape(hat.shape)
    along = {"axis": 2, "keepdims": True}
    expected = (grads - grads.mean(**along) - hat * (grads * hat).mean(**along)) / root
    assert np.max(np.abs(grad_x.reshape(hat.shape) - expected)) < 3e-6
    grad_weight = group_norm.backward_weight(grad_y, saved, backend=backend)
    expected = (grad_y * hat.reshape(shape)).sum(axis=(0, 2, 3))
    assert np.max(np.abs(grad_weight - expected)) < 1e-4 * np.sqrt(grad_y.size / 6 / 200)


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_image_does_not_look_at_its_batch_mates(backend):
    rng = np.random.default_rng(1)
    x, weight, bias = (rng.standard_normal(s) for s in ((4, 6, 3, 2), (6,), (6,)))
    whole = group_norm.forward(x, 3, weight, bias, backend=backend)
    alone = group_norm.forward(x[2:3], 3, weight, bias, backend=backend)
    assert np.array_equal(whole[2:3], alone)
    one = group_norm.forward(x[2], 3, weight, bias, backend=backend)
    assert np.array_equal(one, alone[0])


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_group_a_channel_of_one_image_is_batch_norm(backend):
    rng = np.random.default_rng(2)
    x, weight, bias, grad_y = (rng.standard_normal(s) for s in ((1, 5, 4, 3), 5, 5, (1, 5, 4, 3)))
    y, saved = group_norm.forward_saving(x, 5, weight, bias, backend=backend)
    same, batch = batch_norm2d.forward_saving(x, weight, bias, backend="loops")
    assert np.max(np.abs(y - same)) < 1e-14
    assert np.max(np.abs(saved.mean[0] - batch.mean)) < 1e-15
    grads = group_norm.backward(grad_y, weight, saved, backend=backend)
    for mine, other in zip(
        grads, batch_norm2d.backward(grad_y, weight, batch, backend="loops"), strict=True
    ):
        assert np.max(np.abs(mine - other)) < 1e-13


@pytest.mark.parametrize("backend", [name for name in BACKENDS if name != "loops"])
def test_channels_last_memory_stays_channels_last(backend):
    x = np.random.default_rng(0).standard_normal((2, 4, 5, 6)).transpose(0, 3, 1, 2)
    y, saved = group_norm.forward_saving(x, 3, backend=backend)
    grad_x = group_norm.backward_input(x, None, saved, backend=backend)
    assert y.strides == grad_x.strides == x.strides
    assert saved.x is x


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_constant_group_and_an_empty_batch(backend):
    x = np.full((2, 4, 3, 3), 7, "float32")
    y, saved = group_norm.forward_saving(x, 2, backend=backend)
    assert np.max(np.abs(y)) < 1e-6 and np.max(saved.var) < 1e-20
    grad_x = group_norm.backward_input(x, None, saved, backend=backend)
    assert np.isfinite(grad_x).all()
    y, saved = group_norm.forward_saving(x[:0], 2, backend=backend)
    grads = group_norm.backward(x[:0], None, saved, backend=backend)
    assert [part.shape for part in (y, *grads)] == [(0, 4, 3, 3), (0, 4, 3, 3), (4,), (4,)]
    assert not grads[1].any() and not grads[2].any()


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_broken_group_is_broken_alone(backend):
    x = np.random.default_rng(3).standard_normal((2, 4, 3, 3))
    good = group_norm.forward(x, 2, backend=backend)
    x[1, 2, 0, 1] = np.nan
    y = group_norm.forward(x, 2, backend=backend)
    assert np.isnan(y[1, 2:]).all()
    assert np.array_equal(y[0], good[0]) and np.array_equal(y[1, :2], good[1, :2])


def test_out_receives_the_results():
    x = np.random.default_rng(4).standard_normal((2, 4, 3, 3))
    out, out_weight, out_bias = np.empty_like(x), np.empty(4), np.empty(4)
    y, saved = group_norm.forward_saving(x, 2, out=out)
    assert y is out and group_norm.forward(x, 2, out=out) is out
    outs = {"out": out, "out_weight": out_weight, "out_bias": out_bias}
    grads = group_norm.backward(x, None, saved, **outs)
    assert grads[0] is out and grads[1] is out_weight and grads[2] is out_bias
    assert group_norm.backward_weight(x, saved) == pytest.approx(out_weight)
    assert group_norm.backward_bias(x, saved) == pytest.approx(out_bias)


def test_errors():
    x, one = np.zeros((2, 6, 4, 4)), np.ones(6)
    with pytest.raises(ShapeError, match=r"its 6 channels do not fall into 4 groups"):
        group_norm.forward(x, 4)
    with pytest.raises(ShapeError, match="do not fall into 0 groups"):
        group_norm.forward(x, 0)
    with pytest.raises(ArgumentError, match="num_groups is 2.0, but an integer is needed"):
        group_norm.forward(x, 2.0)
    with pytest.raises(ShapeError, match="num_groups=6 a group has 1 number.*Use fewer groups"):
        group_norm.forward(np.zeros((8, 6)), 6)
    with pytest.raises(ShapeError, match=r"weight has shape \(4,\), but \(6,\)"):
        group_norm.forward(x, 2, np.ones(4))
    with pytest.raises(DtypeError, match="dtypes differ"):
        group_norm.forward(x, 2, one, one.astype("float32"))
    with pytest.raises(ArgumentError, match="eps is -1"):
        group_norm.forward(x, 2, eps=-1)
    _, saved = group_norm.forward_saving(x, 2)
    with pytest.raises(ShapeError, match="the shape of the forward pass"):
        group_norm.backward_input(x[:1], one, saved)
    with pytest.raises(ShapeError, match=r"weight has shape \(2,\)"):
        group_norm.backward_input(x, np.ones(2), saved)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(
    sizes=st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(1, 4), st.integers(1, 4)),
    groups=st.integers(1, 3),
    seed=st.integers(0, 1000),
    backend=st.sampled_from(BACKENDS),
)
def test_gradients_against_differences(sizes, groups, seed, backend):
    N, size, H, W = sizes
    C = groups * size
    W += size * H * W == 1
    rng = np.random.default_rng(seed)
    values = [rng.standard_normal(shape) for shape in ((N, C, H, W), (C,), (C,))]
    grad_y = rng.standard_normal((N, C, H, W))

    def forward(x, weight, bias):
        return group_norm.forward_saving(x, groups, weight, bias, 0.1, backend=backend)

    _, saved = forward(*values)
    grads = group_norm.backward(grad_y, values[1], saved, backend=backend)
    for index, grad in enumerate(grads):
        way = rng.standard_normal(grad.shape)
        ends = []
        for step in (1e-6, -1e-6):
            moved = [v + step * way if k == index else v for k, v in enumerate(values)]
            ends.append(np.sum(forward(*moved)[0] * grad_y))
        assert (ends[0] - ends[1]) / 2e-6 == pytest.approx(np.sum(grad * way), abs=1e-6, rel=1e-6)


def onnx_operator(kind, opset, feeds, **attributes):
    """Return what ONNX's reference evaluator makes of the inputs."""
    onnx = pytest.importorskip("onnx")
    reference = pytest.importorskip("onnx.reference")
    node = onnx.helper.make_node(kind, list(feeds), ["y"], **attributes)
    info = [
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.DOUBLE, None)
        for name in (*feeds, "y")
    ]
    graph = onnx.helper.make_graph([node], kind, info[:-1], info[-1:])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", opset)])
    return reference.ReferenceEvaluator(model).run(None, feeds)[0]


@pytest.mark.parametrize("backend", BACKENDS)
def test_against_onnx(backend):
    rng = np.random.default_rng(5)
    x, weight, bias = (rng.standard_normal(s) for s in ((2, 6, 4, 5), 6, 6))
    feeds, eps = {"x": x, "w": weight, "b": bias}, 2**-10
    rows = {**feeds, "x": x[:, :, 0, 0]}
    by_instance = onnx_operator("InstanceNormalization", 6, feeds, epsilon=eps)
    by_group = onnx_operator("GroupNormalization", 21, feeds, num_groups=2, epsilon=eps)
    by_layer = onnx_operator("LayerNormalization", 17, rows, epsilon=eps)
    for groups, images, expected, bound in (
        (6, x, by_instance, 1e-12),
        (2, x, by_group, 1e-6),  # here and below the evaluator takes the statistics in float32
        (1, rows["x"], by_layer, 1e-6),
    ):
        y = group_norm.forward(images, groups, weight, bias, eps, backend=backend)
        assert np.max(np.abs(y - expected)) < bound, groups


@pytest.mark.oracle
@pytest.mark.parametrize("groups", [1, 2, 6])
@pytest.mark.parametrize("shape", [(3, 6, 5, 4), (7, 12)])
@pytest.mark.parametrize("backend", BACKENDS)
def test_against_pytorch(groups, shape, backend):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(6)
    x, weight, bias, grad_y = (rng.standard_normal(s) for s in (shape, shape[1], shape[1], shape))
    tensors = [torch.tensor(array, requires_grad=True) for array in (x, weight, bias)]
    expected = torch.nn.functional.group_norm(tensors[0], groups, *tensors[1:], eps=1e-3)
    expected.backward(torch.tensor(grad_y))
    y, saved = group_norm.forward_saving(x, groups, weight, bias, 1e-3, backend=backend)
    grads = group_norm.backward(grad_y, weight, saved, backend=backend)
    for mine, other in zip(
        (y, *grads), (expected.detach(), *(t.grad for t in tensors)), strict=True
    ):
        assert np.max(np.abs(mine - other.numpy())) < 1e-12
