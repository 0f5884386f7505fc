"""A training step of two layers, worked by hand; and layers that are made of others."""

import numpy as np
import pytest

from clearconv import SGD, Activation, Conv2d, ConvPool2d, Flatten, Linear, MaxPool2d, Sequential
from clearconv.losses import SquaredError

# One image of 3 x 3, a 2 x 2 filter with ReLU, and one linear unit; target 5, E = 1/2 (y - t)².
X = np.array([[[1, 0, 2], [3, 1, 0], [0, 2, 1]]], dtype=float)  # (1, 3, 3)
START = {
    "conv1.weight": np.array([[[[1, -1], [2, 0]]]], dtype=float),
    "conv1.bias": np.array([-3.0]),
    "linear1.weight": np.array([[0.5, 1, -1, 2]]),
    "linear1.bias": np.array([1.0]),
}


def hand_model():
    model = Sequential(Conv2d(1, 2, activation="relu"), Flatten(), Linear(1))
    model.build((1, 3, 3), dtype="float64").load_state_dict(START)
    return model


def test_one_step_of_gradient_descent_by_hand():
    model = hand_model()
    # convolution: 1·1 - 1·0 + 2·3 - 3 = 4     1·0 - 1·2 + 2·1 - 3 = -3
    #              1·3 - 1·1 + 2·0 - 3 = -1    1·1 - 1·0 + 2·2 - 3 = 2
    # after ReLU:  4, 0, 0, 2;   y = 0.5·4 + 1·0 - 1·0 + 2·2 + 1 = 7
    y = model.forward(X[np.newaxis], training=True)
    np.testing.assert_array_equal(y, [[7]])
    loss, grad_y = SquaredError("half_sum")(y, np.array([[5.0]]))
    assert loss == 2  # 1/2 · (7 - 5)²
    np.testing.assert_array_equal(grad_y, [[2]])

    grad_x = model.backward(grad_y)
    # linear: weights 2 · (4, 0, 0, 2), bias 2
    # to the activations: 2 · (0.5, 1, -1, 2) = (1, 2, -2, 4)
    # ReLU lets through where it was on: δ = (1, 0, 0, 4)
    # filter: w00: 1·x00 + 4·x11 = 1 + 4    w01: 1·x01 + 4·x12 = 0 + 0
    #         w10: 1·x10 + 4·x21 = 3 + 8    w11: 1·x11 + 4·x22 = 1 + 4    bias: 1 + 4
    grads = model.gradients
    np.testing.assert_array_equal(grads["linear1.weight"], [[8, 0, 0, 4]])
    np.testing.assert_array_equal(grads["linear1.bias"], [2])
    np.testing.assert_array_equal(grads["conv1.weight"], [[[[5, 0], [11, 5]]]])
    np.testing.assert_array_equal(grads["conv1.bias"], [5])
    # image: the filter once at (0, 0) times 1, and once at (1, 1) times 4
    np.testing.assert_array_equal(grad_x, [[[[1, -1, 0], [2, 4, -4], [0, 8, 0]]]])

    SGD(model, lr=0.1).step()
    after = model.state_dict()
    np.testing.assert_allclose(after["conv1.weight"], [[[[0.5, -1], [0.9, -0.5]]]], rtol=1e-15)
    np.testing.assert_allclose(after["conv1.bias"], [-3.5], rtol=1e-15)
    np.testing.assert_allclose(after["linear1.weight"], [[-0.3, 1, -1, 1.6]], rtol=1e-15)
    np.testing.assert_allclose(after["linear1.bias"], [0.8], rtol=1e-15)


def test_gradients_of_a_batch_add_up_and_overwrite_the_last():
    model = hand_model()
    batch = np.stack([X, X, X])  # (3, 1, 3, 3)
    for _ in range(2):  # a second time over, to see that nothing is left of the first
        model.forward(batch, training=True)
        model.backward(np.full((3, 1), 2.0))
    np.testing.assert_array_equal(model.gradients["conv1.weight"], [[[[15, 0], [33, 15]]]])
    np.testing.assert_array_equal(model.gradients["linear1.bias"], [6])


def test_one_image_without_a_batch_axis():
    model = hand_model()
    y = model.forward(X, training=True)
    np.testing.assert_array_equal(y, [7])
    grad_x = model.backward(np.array([2.0]))
    np.testing.assert_array_equal(grad_x, [[[1, -1, 0], [2, 4, -4], [0, 8, 0]]])
    np.testing.assert_array_equal(model.gradients["conv1.weight"], [[[[5, 0], [11, 5]]]])
    np.testing.assert_array_equal(model.predict(X), [7])
    np.testing.assert_array_equal(model(X), [7])


@pytest.mark.parametrize("kind", ["relu", "leaky_relu", "sigmoid", "tanh", "identity"])
def test_an_activation_inside_is_the_layer_after(kind):
    shape = (2, 6, 5)
    inside = Sequential(Conv2d(3, 3, activation=kind), Flatten(), Linear(4, activation=kind)).build(
        shape, seed=1, dtype="float64"
    )
    after = Sequential(
        Conv2d(3, 3), Activation(kind), Flatten(), Linear(4), Activation(kind)
    ).build(shape, seed=1, dtype="float64")
    same_steps(inside, after, np.random.default_rng(0).standard_normal((4, *shape)))


def test_conv_pool_is_convolution_activation_and_pooling():
    shape = (2, 9, 8)
    one = ConvPool2d(3, 3, 2, padding=1, stride=(1, 2), pool_stride=2, pool_padding=(0, 1))
    three = Sequential(
        Conv2d(3, 3, padding=1, stride=(1, 2), name="conv"),
        Activation("relu"),
        MaxPool2d(2, 2, padding=(0, 1)),
    )
    for model in (one, three):
        model.build(shape, seed=1, dtype="float64")
    same_steps(one, three, np.random.default_rng(0).standard_normal((4, *shape)))


def same_steps(one, other, x):
    """Equal bits of y and of every gradient."""
    y = one.forward(x, training=True)
    np.testing.assert_array_equal(y, other.forward(x, training=True))
    grad_y = np.random.default_rng(1).standard_normal(y.shape)
    np.testing.assert_array_equal(one.backward(grad_y), other.backward(grad_y))
    assert one.gradients.keys() == other.gradients.keys()
    for path, grad in one.gradients.items():
        np.testing.assert_array_equal(grad, other.gradients[path], err_msg=path)
        assert grad.any(), path
