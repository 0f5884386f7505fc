"""Cross-entropy: by hand, far from zero, smoothing and weights against PyTorch, its errors."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clearconv.errors import ArgumentError, DtypeError, ShapeError
from clearconv.ops import cross_entropy
from clearconv.ops.tellings import available

BACKENDS = available("cross_entropy")
# Powers 1, 2, 5 and sum 8; powers 1, 1, 2 and sum 4.
X = np.log([[1.0, 2.0, 5.0], [1.0, 1.0, 2.0]])
P = np.array([[0.125, 0.25, 0.625], [0.25, 0.25, 0.5]])
LABELS = np.array([1, 2])


@pytest.mark.parametrize("backend", BACKENDS)
def test_worked_by_hand(backend):
    loss, saved = cross_entropy.forward_saving(X, LABELS, backend=backend)
    # (-ln 2/8 - ln 2/4) / 2 = (ln 4 + ln 2) / 2
    assert loss.shape == () and float(loss) == pytest.approx((math.log(4) + math.log(2)) / 2)
    # (p - t) / 2
    grad_x = cross_entropy.backward_input(saved, backend=backend)
    expected = np.array([[0.125, 0.25 - 1, 0.625], [0.25, 0.25, 0.5 - 1]]) / 2
    assert grad_x == pytest.approx(expected, abs=1e-15)
    # What comes after the loss multiplies.
    tripled = cross_entropy.backward_input(saved, 3.0, backend=backend)
    assert tripled == pytest.approx(3 * expected, abs=1e-15)


@pytest.mark.parametrize("backend", BACKENDS)
def test_smoothing_by_hand(backend):
    # s = 0.3, K = 3: q = 0.7 t + 0.1 = (0.1, 0.8, 0.1);
    # loss = 0.1 ln 8 + 0.8 ln 4 + 0.1 ln 8/5; gradient p - q.
    loss, saved = cross_entropy.forward_saving(X[:1], LABELS[:1], 0.3, backend=backend)
    expected = 0.1 * math.log(8) + 0.8 * math.log(4) + 0.1 * math.log(1.6)
    assert float(loss) == pytest.approx(expected)
    grad_x = cross_entropy.backward_input(saved, backend=backend)
    assert grad_x == pytest.approx(np.array([[0.025, -0.55, 0.525]]))


@pytest.mark.parametrize("backend", BACKENDS)
def test_weights_by_hand(backend):
    # Weights 1, 3, 1: (3 ln 4 + 1 ln 2) / (3 + 1); gradient 3/4 (p - t) and 1/4 (p - t).
    weight = np.array([1.0, 3.0, 1.0])
    loss, saved = cross_entropy.forward_saving(X, LABELS, class_weight=weight, backend=backend)
    assert float(loss) == pytest.approx((3 * math.log(4) + math.log(2)) / 4)
    grad_x = cross_entropy.backward_input(saved, backend=backend)
    assert grad_x == pytest.approx((P - np.eye(3)[LABELS]) * np.array([[0.75], [0.25]]))


@pytest.mark.parametrize("backend", BACKENDS)
def test_smoothing_and_weights_by_hand(backend):
    # Labels 1 and 2 with weights 3 and 4; q = w (0.7 t + 0.1), and the mean divides by 3 + 4.
    weight = np.array([1.0, 3.0, 4.0])
    loss, saved = cross_entropy.forward_saving(X, LABELS, 0.3, weight, backend=backend)
    first = 0.1 * math.log(8) + 0.8 * math.log(4) + 0.1 * math.log(1.6)
    second = 0.1 * math.log(4) + 0.1 * math.log(4) + 0.8 * math.log(2)
    assert float(loss) == pytest.approx((3 * first + 4 * second) / 7)
    grad_x = cross_entropy.backward_input(saved, backend=backend)
    q = np.array([[0.1, 0.8, 0.1], [0.1, 0.1, 0.8]])
    assert grad_x == pytest.approx((P - q) * np.array([[3], [4]]) / 7)


@pytest.mark.parametrize("backend", BACKENDS)
def test_weighted_probabilities_by_hand(backend):
    # Samples weigh the mean of the weights: 0.5 * 1 + 0.5 * 3 = 2, and 0.25 * 1 + 0.75 * 4 = 3.25.
    weight, target = np.array([1.0, 3.0, 4.0]), np.array([[0.5, 0.5, 0], [0.25, 0, 0.75]])
    loss, saved = cross_entropy.forward_saving(X, target, class_weight=weight, backend=backend)
    first = 0.5 * math.log(8) + 0.5 * math.log(4)
    second = 0.25 * math.log(4) + 0.75 * math.log(2)
    assert float(loss) == pytest.approx((2 * first + 3.25 * second) / 5.25)
    grad_x = cross_entropy.backward_input(saved, backend=backend)
    assert grad_x == pytest.approx((P - target) * np.array([[2], [3.25]]) / 5.25)


def test_weights_do_not_change_what_is_the_best_answer():
    """The loss of a common sample is least where the smoothed target says, with any weights."""
    x = np.log([[0.95, 0.05]])
    for rare in (1.0, 40.0):
        _, saved = cross_entropy.forward_saving(x, np.array([0]), 0.1, np.array([1.0, rare]))
        assert cross_entropy.backward_input(saved) == pytest.approx(np.zeros((1, 2)), abs=1e-15)


@pytest.mark.parametrize("backend", BACKENDS)
def test_reductions_by_hand(backend):
    each, saved = cross_entropy.forward_saving(X, LABELS, reduction="none", backend=backend)
    assert each == pytest.approx(np.log([4.0, 2.0]))
    grad_x = cross_entropy.backward_input(saved, np.array([1.0, -2.0]), backend=backend)
    assert grad_x == pytest.approx((P - np.eye(3)[LABELS]) * np.array([[1.0], [-2.0]]))
    total = cross_entropy.forward(X, LABELS, reduction="sum", backend=backend)
    assert float(total) == pytest.approx(math.log(8))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_far_from_zero_the_loss_is_exact(backend, dtype):
    x = np.array([[1e4, -1e4], [1e4, -1e4], [-1e4, -1e4]], dtype=dtype)
    labels = np.array([0, 1, 0])
    each, saved = cross_entropy.forward_saving(x, labels, reduction="none", backend=backend)
    assert each.tolist() == pytest.approx([0, 2e4, math.log(2)], rel=1e-6)
    grad_x = cross_entropy.backward_input(saved, backend=backend)
    assert grad_x == pytest.approx(np.array([[0, 0], [1, -1], [-0.5, 0.5]]), abs=1e-6)


def test_probabilities_of_one_are_labels():
    one_hot = np.eye(3)[LABELS]
    weight = np.array([1.0, 3.0, 0.5])
    for smoothing, weights in itertools.product((0.0, 0.2), (None, weight)):
        loss, saved = cross_entropy.forward_saving(X, LABELS, smoothing, weights)
        same, also = cross_entropy.forward_saving(X, one_hot, smoothing, weights)
        assert float(loss) == float(same)
        assert np.array_equal(
            cross_entropy.backward_input(saved), cross_entropy.backward_input(also)
        )


def test_labels_of_any_integer_dtype():
    loss = cross_entropy.forward(X, LABELS)
    for dtype in ("uint8", "int32"):
        assert cross_entropy.forward(X, LABELS.astype(dtype)) == loss


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"target": np.array([1, 3])}, ShapeError, "label in row 1 is 3, but x has 3 classes"),
        ({"target": np.array([-1, 0])}, ShapeError, "label in row 0 is -1"),
        ({"target": np.array([1.0, 2.0])}, DtypeError, "class numbers are integers"),
        ({"target": np.array([True, False])}, DtypeError, "class numbers are integers"),
        ({"target": np.array([1, 2, 0])}, ShapeError, r"target has shape \(3,\), but \(2,\)"),
        ({"target": np.eye(3, dtype=int)[LABELS]}, DtypeError, "One-hot rows"),
        ({"target": np.eye(2)}, ShapeError, r"target has shape \(2, 2\), but \(2, 3\)"),
        ({"target": np.eye(3, dtype="float32")[LABELS]}, DtypeError, "dtypes differ"),
        ({"label_smoothing": 1.5}, ArgumentError, "label_smoothing is 1.5"),
        ({"class_weight": np.ones(2)}, ShapeError, "one number for each class"),
        ({"class_weight": np.array([1.0, -1, 1])}, ArgumentError, "finite and not negative"),
        ({"class_weight": np.array([1.0, math.inf, 1])}, ArgumentError, "finite and not negative"),
        ({"class_weight": np.array([1.0, 0, 0])}, ArgumentError, "total weight of 0"),
        ({"reduction": "average"}, ArgumentError, "choose one of mean, sum, none"),
        ({"x": X[0]}, ShapeError, "1 axes, but 2"),
        ({"x": X[:0], "target": LABELS[:0]}, ShapeError, "a sample and a class are needed"),
    ],
)
def test_errors(arguments, error, message):
    with pytest.raises(error, match=message):
        cross_entropy.forward(**{"x": X, "target": LABELS, **arguments})


def test_grad_y_must_fit_the_loss():
    _, saved = cross_entropy.forward_saving(X, LABELS)
    with pytest.raises(ShapeError, match=r"grad_y has shape \(2,\), but \(\)"):
        cross_entropy.backward_input(saved, np.ones(2))
    with pytest.raises(DtypeError, match="float32, but the loss is float64"):
        cross_entropy.backward_input(saved, np.float32(1))


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    sizes=st.tuples(st.integers(1, 4), st.integers(1, 5)),
    smoothing=st.sampled_from([0.0, 0.25, 1.0]),
    weighted=st.booleans(),
    soft=st.booleans(),
    reduction=st.sampled_from(cross_entropy.REDUCTIONS),
    seed=st.integers(0, 1000),
    backend=st.sampled_from(BACKENDS),
)
def test_gradient_against_differences(sizes, smoothing, weighted, soft, reduction, seed, backend):
    N, K = sizes
    rng = np.random.default_rng(seed)
    x, way = rng.standard_normal((2, N, K))
    target = rng.dirichlet(np.ones(K), N) if soft else rng.integers(0, K, N)
    weight = rng.uniform(0.1, 2, K) if weighted else None

    def forward(x):
        return cross_entropy.forward_saving(
            x, target, smoothing, weight, reduction, backend=backend
        )

    loss, saved = forward(x)
    grad_y = rng.standard_normal(loss.shape)
    grad_x = cross_entropy.backward_input(saved, grad_y, backend=backend)
    ends = [np.sum(forward(x + s * way)[0] * grad_y) for s in (1e-6, -1e-6)]
    assert (ends[0] - ends[1]) / 2e-6 == pytest.approx(np.sum(grad_x * way), abs=1e-7, rel=1e-6)


@pytest.mark.parametrize("reduction", cross_entropy.REDUCTIONS)
def test_against_onnx(reduction):
    onnx = pytest.importorskip("onnx")
    reference = pytest.importorskip("onnx.reference")
    node = onnx.helper.make_node(
        "SoftmaxCrossEntropyLoss", ["x", "t", "w"], ["loss"], reduction=reduction
    )
    kinds = {"x": "DOUBLE", "t": "INT64", "w": "DOUBLE", "loss": "DOUBLE"}
    info = [
        onnx.helper.make_tensor_value_info(name, getattr(onnx.TensorProto, kind), None)
        for name, kind in kinds.items()
    ]
    model = onnx.helper.make_model(onnx.helper.make_graph([node], "loss", info[:3], info[3:]))
    rng = np.random.default_rng(1)
    x, labels, weight = rng.standard_normal((5, 4)), rng.integers(0, 4, 5), rng.uniform(1, 2, 4)
    feeds = {"x": x, "t": labels, "w": weight}
    expected = reference.ReferenceEvaluator(model).run(None, feeds)[0]
    for backend in BACKENDS:
        loss = cross_entropy.forward(
            x, labels, class_weight=weight, reduction=reduction, backend=backend
        )
        assert np.max(np.abs(loss - expected)) < 1e-13


@pytest.mark.oracle
@pytest.mark.parametrize("reduction", cross_entropy.REDUCTIONS)
@pytest.mark.parametrize("soft", [True, False])
def test_against_pytorch(reduction, soft):
    """Where both mean the same: weights with class numbers alone, and without smoothing."""
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(2)
    x, weight = rng.standard_normal((6, 4)) * 3, rng.uniform(0.5, 2, 4)
    target = rng.dirichlet(np.ones(4), 6) if soft else rng.integers(0, 4, 6)
    cases = [(0.0, None), (0.2, None)] if soft else [(0.0, None), (0.2, None), (0.0, weight)]
    for (smoothing, share), backend in itertools.product(cases, BACKENDS):
        tensor = torch.tensor(x, requires_grad=True)
        expected = torch.nn.functional.cross_entropy(
            tensor,
            torch.tensor(target),
            weight=None if share is None else torch.tensor(share),
            reduction=reduction,
            label_smoothing=smoothing,
        )
        grad_y = rng.standard_normal(tuple(expected.shape))
        expected.backward(torch.tensor(grad_y))
        loss, saved = cross_entropy.forward_saving(
            x, target, smoothing, share, reduction, backend=backend
        )
        grad_x = cross_entropy.backward_input(saved, np.asarray(grad_y), backend=backend)
        assert np.max(np.abs(loss - expected.detach().numpy())) < 1e-13
        assert np.max(np.abs(grad_x - tensor.grad.numpy())) < 1e-13
