"""Updates: steps by hand, what is changed and what is not, errors, PyTorch's optimisers."""

import numpy as np
import pytest

from clearconv.errors import ArgumentError, DtypeError, ShapeError
from clearconv.ops import update
from clearconv.ops.tellings import available

BACKENDS = available("update")


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_plain_rule(backend):
    weight, grad = np.array([1.0, -2.0]), np.array([0.5, 4.0])
    update.sgd(weight, grad, None, lr=0.25, backend=backend)
    # 1 - 0.25 * 0.5, -2 - 0.25 * 4
    assert weight.tolist() == [0.875, -3]
    assert grad.tolist() == [0.5, 4]


@pytest.mark.parametrize("backend", BACKENDS)
def test_momentum_by_hand(backend):
    weight, grad, velocity = np.array([1.0]), np.array([2.0]), np.zeros(1)
    options = {"lr": 0.25, "momentum": 0.5, "backend": backend}
    update.sgd(weight, grad, velocity, **options)
    assert (velocity[0], weight[0]) == (2, 0.5)  # v = 2, w = 1 - 0.25 * 2
    update.sgd(weight, grad, velocity, **options)
    assert (velocity[0], weight[0]) == (3, -0.25)  # v = 0.5 * 2 + 2, w = 0.5 - 0.25 * 3
    update.sgd(weight, grad, velocity, nesterov=True, **options)
    # v = 0.5 * 3 + 2 = 3.5, w = -0.25 - 0.25 * (2 + 0.5 * 3.5)
    assert (velocity[0], weight[0]) == (3.5, -1.1875)


@pytest.mark.parametrize("backend", BACKENDS)
def test_decay_by_hand(backend):
    weight = np.array([4.0])
    update.sgd(weight, np.array([2.0]), None, lr=0.5, weight_decay=0.25, backend=backend)
    assert weight[0] == 2.5  # g = 2 + 0.25 * 4 = 3; 4 - 0.5 * 3


@pytest.mark.parametrize("backend", BACKENDS)
def test_adam_by_hand(backend):
    # beta1 = 1/2, beta2 = 3/4, lr = 1, eps = 0.
    weight, mean, square = np.array([10.0]), np.zeros(1), np.zeros(1)
    options = {"lr": 1.0, "beta1": 0.5, "beta2": 0.75, "eps": 0.0, "backend": backend}
    update.adam(weight, np.array([4.0]), mean, square, step=1, **options)
    # m = 2, s = 16/4 = 4; corrected 2 / 0.5 = 4 and 4 / 0.25 = 16: step 4 / 4 = 1.
    assert (mean[0], square[0], weight[0]) == (2, 4, 9)
    update.adam(weight, np.array([-2.0]), mean, square, step=2, **options)
    # m = 1 - 1 = 0, s = 3 + 1 = 4: no step.
    assert (mean[0], square[0], weight[0]) == (0, 4, 9)
    update.adam(weight, np.array([4.0]), mean, square, step=3, **options)
    # m = 2, s = 3 + 4 = 7; corrected 2 / (7/8) = 16/7, 7 / (37/64) = 448/37
    assert weight[0] == pytest.approx(9 - (16 / 7) / (448 / 37) ** 0.5)


@pytest.mark.parametrize("backend", BACKENDS)
def test_adamw_shrinks_the_weight_itself(backend):
    weight, zero = np.array([8.0]), np.zeros(1)
    options = {"lr": 0.5, "weight_decay": 0.25, "backend": backend}
    update.adam(weight, zero, zero.copy(), zero.copy(), step=1, decoupled=True, **options)
    assert weight[0] == 7  # 8 - 0.5 * 0.25 * 8; the zero gradient asks for no more
    update.adam(weight, zero, zero.copy(), zero.copy(), step=1, **options)
    assert weight[0] == pytest.approx(6.5)  # as a gradient its size does not count: one lr


@pytest.mark.parametrize("backend", BACKENDS)
def test_any_shape_and_a_slice_of_a_flat_array(backend):
    flat = np.zeros(30, dtype="float32")
    filters = flat[6:].reshape(2, 3, 2, 2)
    grad = np.asfortranarray(np.arange(24, dtype="float32").reshape(2, 3, 2, 2))
    update.sgd(filters, grad, None, lr=1.0, backend=backend)
    assert flat.tolist() == [0.0] * 6 + [-float(k) for k in range(24)]


def test_errors():
    weight, grad = np.zeros((2, 3)), np.ones((2, 3))
    with pytest.raises(ArgumentError, match="momentum=0.9, but no velocity was given"):
        update.sgd(weight, grad, None, lr=0.1, momentum=0.9)
    with pytest.raises(ArgumentError, match="momentum=0.0, but a velocity was given"):
        update.sgd(weight, grad, grad, lr=0.1)
    with pytest.raises(ArgumentError, match="nesterov=True needs a momentum"):
        update.sgd(weight, grad, None, lr=0.1, nesterov=True)
    with pytest.raises(ArgumentError, match="counted from 1"):
        update.adam(weight, grad, grad, grad, step=0, lr=0.1)
    with pytest.raises(ShapeError, match=r"weight has shape \(2, 3\), but \(3,\)"):
        update.sgd(weight, grad[0], None, lr=0.1)
    with pytest.raises(ShapeError, match="weight .* is not contiguous"):
        update.sgd(weight.T, grad.T, None, lr=0.1)
    frozen = weight.copy()
    frozen.flags.writeable = False
    with pytest.raises(ShapeError, match="weight is read-only"):
        update.sgd(frozen, grad, None, lr=0.1)
    with pytest.raises(DtypeError, match="dtypes differ"):
        update.sgd(weight, grad.astype("float32"), None, lr=0.1)


@pytest.mark.oracle
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("decay", [0.0, 0.3])
@pytest.mark.parametrize("rule", ["sgd", "momentum", "nesterov", "adam", "adamw"])
def test_ten_steps_against_pytorch(rule, decay, backend):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    weight = rng.standard_normal(20)
    state = [np.zeros(20), np.zeros(20)]
    parameter = torch.nn.Parameter(torch.tensor(weight))
    moving = {"momentum": 0.9, "nesterov": rule == "nesterov"}
    moving = {} if rule == "sgd" else moving
    if rule in ("adam", "adamw"):
        kind = torch.optim.AdamW if rule == "adamw" else torch.optim.Adam
        theirs = kind([parameter], lr=0.1, weight_decay=decay)
    else:
        theirs = torch.optim.SGD([parameter], lr=0.1, weight_decay=decay, **moving)
    for step in range(1, 11):
        grad = rng.standard_normal(20)
        parameter.grad = torch.tensor(grad)
        theirs.step()
        options = {"lr": 0.1, "weight_decay": decay, "backend": backend}
        if rule in ("adam", "adamw"):
            update.adam(weight, grad, *state, step=step, decoupled=rule == "adamw", **options)
        else:
            velocity = None if rule == "sgd" else state[0]
            update.sgd(weight, grad, velocity, **moving, **options)
        assert np.max(np.abs(weight - parameter.detach().numpy())) < 1e-12
