"""Batch normalisation: by hand, its numbers far from zero, training against evaluation, oracles."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clearconv.errors import ArgumentError, ShapeError
from clearconv.ops import batch_norm2d
from clearconv.ops.tellings import available

BACKENDS = available("batch_norm2d")


@pytest.mark.parametrize("backend", BACKENDS)
def test_worked_by_hand(backend):
    # Mean (0 + 4 + 4 + 0) / 4 = 2; variance (4 + 4 + 4 + 4) / 4 = 4; x̂ = (x - 2) / 2.
    x = np.array([[0.0], [4], [4], [0]])
    weight, bias = np.array([3.0]), np.array([0.5])
    y, saved = batch_norm2d.forward_saving(x, weight, bias, eps=0.0, backend=backend)
    assert (saved.mean.tolist(), saved.var.tolist(), saved.fixed) == ([2], [4], False)
    # y = 3 x̂ + 0.5 with x̂ = -1, 1, 1, -1
    assert y.ravel().tolist() == [-2.5, 3.5, 3.5, -2.5]
    # db = 1 + 0 + 2 + 1 = 4;  dw = -1 + 0 + 2 - 1 = 0
    grad_y = np.array([[1.0], [0], [2], [1]])
    assert batch_norm2d.backward_bias(grad_y, saved, backend=backend).tolist() == [4]
    assert batch_norm2d.backward_weight(grad_y, saved, backend=backend).tolist() == [0]
    # dx = 3/2 (dy - 4/4 - x̂ * 0/4) = 1.5 * (0, -1, 1, 0)
    grad_x = batch_norm2d.backward_input(grad_y, weight, saved, backend=backend)
    assert grad_x.ravel().tolist() == [0, -1.5, 1.5, 0]
    # For dy = (0, 2, 2, 0): Σdy = 4 and Σdy x̂ = 4, so dx = 1.5 (dy - 1 - x̂)
    # = 1.5 (0-1+1, 2-1-1, 2-1-1, 0-1+1) = 0: stretching the channel changes nothing.
    along = np.array([[0.0], [2], [2], [0]])
    grad_x = batch_norm2d.backward_input(along, weight, saved, backend=backend)
    assert grad_x.ravel().tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize("backend", BACKENDS)
def test_evaluation_by_hand(backend):
    x = np.array([[[[1.0, 3.0]], [[0.0, 10.0]]]])  # (1, 2, 1, 2)
    weight, bias = np.array([2.0, 1.0]), np.array([0.0, -1.0])
    mean, var = np.array([1.0, 5.0]), np.array([0.75, 24.75])
    # Roots of var + 1/4: 1 and 5. Channel 0: 2 (x - 1) = 0, 4; channel 1: (x - 5) / 5 - 1 = -2, 0.
    y = batch_norm2d.forward(x, weight, bias, mean, var, 0.25, backend=backend)
    assert np.max(np.abs(y - [[[[0, 4]], [[-2, 0]]]])) < 1e-15  # a fifth is no binary number
    same, saved = batch_norm2d.forward_saving(x, weight, bias, 0.25, mean, var, backend=backend)
    assert same.tolist() == y.tolist() and saved.fixed
    # Constants: only the direct path, dx = dy * w / root.
    grad_x = batch_norm2d.backward_input(np.ones_like(x), weight, saved, backend=backend)
    assert grad_x.tolist() == [[[[2, 2]], [[0.2, 0.2]]]]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("layout", ["channels first", "channels last"])
def test_mean_ten_thousand_times_the_deviation(backend, layout):
    """Float32 against float64: sum of squares would lose every digit of the variance."""
    rng = np.random.default_rng(0)
    shape = (4, 3, 9, 8) if backend == "loops" else (16, 3, 56, 40)
    x = (1e4 + rng.standard_normal(shape)).astype("float32")
    if layout == "channels last":
        x = np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    weight, bias = np.ones(3, dtype="float32"), np.zeros(3, dtype="float32")
    y, saved = batch_norm2d.forward_saving(x, weight, bias, backend=backend)
    exact = x.astype("float64")
    mean, var = exact.mean(axis=(0, 2, 3)), exact.var(axis=(0, 2, 3))
    assert np.max(np.abs(saved.mean - mean)) < 1e-6
    assert np.max(np.abs(saved.var - var)) < 1e-6
    assert saved.mean.dtype == saved.var.dtype == np.float64
    column = (slice(None), np.newaxis, np.newaxis)
    hat = (exact - mean[column]) / np.sqrt(var[column] + 1e-5)
    assert y.dtype == np.float32
    assert np.max(np.abs(y - hat)) < 2e-6
    again = batch_norm2d.forward(x, weight, bias, saved.mean, saved.var, backend=backend)
    assert np.max(np.abs(again - hat)) < 2e-6
    grad_y = rng.standard_normal(shape).astype("float32")
    grad_x = batch_norm2d.backward_input(grad_y, weight, saved, backend=backend)
    grads = grad_y.astype("float64")
    axes = {"axis": (0, 2, 3), "keepdims": True}
    expected = grads - grads.mean(**axes) - hat * (grads * hat).mean(**axes)
    expected /= np.sqrt(var[column] + 1e-5)
    assert np.max(np.abs(grad_x - expected)) < 3e-6


def test_channels_last_memory_stays_channels_last():
    x = np.random.default_rng(0).standard_normal((2, 4, 5, 3)).transpose(0, 3, 1, 2)
    ones = np.ones(3)
    y, saved = batch_norm2d.forward_saving(x, ones, ones, backend="matrix")
    grad_x = batch_norm2d.backward_input(x, ones, saved, backend="matrix")
    fixed = batch_norm2d.forward(x, ones, ones, ones, ones, backend="matrix")
    assert y.strides == grad_x.strides == fixed.strides == x.strides
    assert saved.x is x


@pytest.mark.parametrize("backend", BACKENDS)
def test_evaluation_does_not_look_at_batch_mates(backend):
    rng = np.random.default_rng(1)
    x = rng.standard_normal((4, 3, 2, 2))
    args = (rng.standard_normal(3), rng.standard_normal(3), rng.standard_normal(3), np.ones(3))
    whole = batch_norm2d.forward(x, *args, backend=backend)
    alone = batch_norm2d.forward(x[2:3], *args, backend=backend)
    assert np.array_equal(whole[2:3], alone)
    one = batch_norm2d.forward(x[2], *args, backend=backend)
    assert np.array_equal(one, alone[0])


def test_running_statistics_by_hand():
    x = np.array([[0.0], [4], [4], [0]])
    one = np.ones(1)
    _, saved = batch_norm2d.forward_saving(x, one, one)
    mean, var = np.zeros(1), np.ones(1)
    batch_norm2d.update_running(mean, var, saved, momentum=0.25)
    # 0.75 * 0 + 0.25 * 2 = 0.5;  unbiased 16 / 3, so 0.75 * 1 + 0.25 * 16 / 3 = 25 / 12
    assert mean[0] == pytest.approx(0.5) and var[0] == pytest.approx(25 / 12)


def test_running_statistics_converge_to_those_of_the_batch():
    x = np.random.default_rng(2).normal(5, 3, (8, 2, 4, 4)).astype("float32")
    one = np.ones(2, dtype="float32")
    y, saved = batch_norm2d.forward_saving(x, one, one)
    mean, var = np.zeros(2, dtype="float32"), np.ones(2, dtype="float32")
    for _ in range(300):
        batch_norm2d.update_running(mean, var, saved)
    assert mean.dtype == var.dtype == np.float32
    assert np.max(np.abs(mean - x.mean(axis=(0, 2, 3)))) < 1e-5
    assert np.max(np.abs(var - x.var(axis=(0, 2, 3), ddof=1))) < 1e-4
    unbiased = saved.var * 128 / 127
    evaluated = batch_norm2d.forward(x, one, one, saved.mean, unbiased)
    assert np.max(np.abs(batch_norm2d.forward(x, one, one, mean, var) - evaluated)) < 1e-4


def test_errors():
    x, one = np.zeros((2, 3, 4, 4)), np.ones(3)
    with pytest.raises(ShapeError, match="1 number for each channel.*drop a last batch of one"):
        batch_norm2d.forward_saving(np.zeros((1, 3)), one, one)
    with pytest.raises(ShapeError, match=r"weight has shape \(4,\), but \(3,\)"):
        batch_norm2d.forward_saving(x, np.ones(4), one)
    with pytest.raises(ShapeError, match=r"var has shape \(2,\)"):
        batch_norm2d.forward(x, one, one, one, np.ones(2))
    with pytest.raises(ArgumentError, match="both mean and var"):
        batch_norm2d.forward_saving(x, one, one, mean=one)
    with pytest.raises(ArgumentError, match="eps is -1"):
        batch_norm2d.forward_saving(x, one, one, eps=-1)
    _, saved = batch_norm2d.forward_saving(x, one, one, mean=one, var=one)
    with pytest.raises(ShapeError, match="after a training pass only"):
        batch_norm2d.update_running(one, one, saved)
    with pytest.raises(ShapeError, match="the shape of the forward pass"):
        batch_norm2d.backward_input(x[:1], one, saved)


@settings(max_examples=20, deadline=None, derandomize=True)
@given(
    sizes=st.tuples(*[st.integers(1, 4)] * 4),
    fixed=st.booleans(),
    seed=st.integers(0, 1000),
    backend=st.sampled_from(BACKENDS),
)
def test_gradients_against_differences(sizes, fixed, seed, backend):
    N, C, H, W = sizes[0] + 1, *sizes[1:]
    rng = np.random.default_rng(seed)
    values = [rng.standard_normal(shape) for shape in ((N, C, H, W), (C,), (C,))]
    statistics = (rng.standard_normal(C), rng.uniform(0.5, 2, C)) if fixed else (None, None)
    grad_y = rng.standard_normal((N, C, H, W))

    def forward(x, weight, bias):
        return batch_norm2d.forward_saving(x, weight, bias, 0.1, *statistics, backend=backend)

    _, saved = forward(*values)
    grads = [
        batch_norm2d.backward_input(grad_y, values[1], saved, backend=backend),
        batch_norm2d.backward_weight(grad_y, saved, backend=backend),
        batch_norm2d.backward_bias(grad_y, saved, backend=backend),
    ]
    for index, grad in enumerate(grads):
        way = rng.standard_normal(grad.shape)
        ends = []
        for step in (1e-6, -1e-6):
            moved = [v + step * way if k == index else v for k, v in enumerate(values)]
            ends.append(np.sum(forward(*moved)[0] * grad_y))
        assert (ends[0] - ends[1]) / 2e-6 == pytest.approx(np.sum(grad * way), abs=1e-6, rel=1e-6)


@pytest.mark.parametrize("backend", BACKENDS)
def test_against_onnx(backend):
    onnx = pytest.importorskip("onnx")
    reference = pytest.importorskip("onnx.reference")
    node = onnx.helper.make_node("BatchNormalization", list("xwbmv"), ["y"], epsilon=2**-10)
    rng = np.random.default_rng(3)
    x, weight, bias, mean = (rng.standard_normal(s) for s in ((2, 3, 4, 5), (3,), (3,), (3,)))
    var = rng.uniform(0.5, 2, 3)
    info = [
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.DOUBLE, None) for name in "xwbmvy"
    ]
    graph = onnx.helper.make_graph([node], "norm", info[:5], info[5:])
    feeds = dict(zip("xwbmv", (x, weight, bias, mean, var), strict=True))
    expected = reference.ReferenceEvaluator(onnx.helper.make_model(graph)).run(None, feeds)[0]
    y = batch_norm2d.forward(x, weight, bias, mean, var, 2**-10, backend=backend)
    assert np.max(np.abs(y - expected)) < 1e-12


@pytest.mark.oracle
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("shape", [(3, 4, 5, 6), (7, 4)])
@pytest.mark.parametrize("backend", BACKENDS)
def test_against_pytorch(training, shape, backend):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(4)
    x, weight, bias, grad_y = (rng.standard_normal(s) for s in (shape, (4,), (4,), shape))
    mean, var = rng.standard_normal(4), rng.uniform(0.5, 2, 4)
    tensors = [torch.tensor(array, requires_grad=True) for array in (x, weight, bias)]
    running = [torch.tensor(mean), torch.tensor(var)]
    expected = torch.nn.functional.batch_norm(
        tensors[0], *running, *tensors[1:], training, momentum=0.2, eps=1e-3
    )
    expected.backward(torch.tensor(grad_y))
    given = {} if training else {"mean": mean, "var": var}
    y, saved = batch_norm2d.forward_saving(x, weight, bias, 1e-3, **given, backend=backend)
    grads = [
        batch_norm2d.backward_input(grad_y, weight, saved, backend=backend),
        batch_norm2d.backward_weight(grad_y, saved, backend=backend),
        batch_norm2d.backward_bias(grad_y, saved, backend=backend),
    ]
    if training:
        batch_norm2d.update_running(mean, var, saved, momentum=0.2)
    theirs = [expected.detach(), *(t.grad for t in tensors), *running]
    for mine, other in zip([y, *grads, mean, var], theirs, strict=True):
        assert np.max(np.abs(mine - other.numpy())) < 1e-12
