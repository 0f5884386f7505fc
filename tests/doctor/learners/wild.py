"""Layers as they are found in the wild, each with a mistake in it."""

import numpy as np


class Dense:
    def __init__(self, input_size, output_size):
        self.weights = np.zeros((output_size, input_size))
        self.bias = np.zeros((output_size, 1))

    def forward(self, input):
        self.input = input
        return np.dot(self.weights, self.input) + self.bias

    def backward(self, output_gradient, learning_rate):
        weights_gradient = np.dot(output_gradient, self.input.T)
        self.weights -= learning_rate * weights_gradient
        self.bias -= learning_rate * output_gradient
        return np.dot(self.weights.T, output_gradient)


class ReLU:
    def __call__(self, x):
        self.x = x
        return np.where(x > 0, x, 0)

    def backward(self, grad_output):
        return grad_output * self.x


class BatchNorm1d:
    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        self.gamma = np.ones(num_features)
        self.beta = np.zeros(num_features)
        self.eps, self.momentum = eps, momentum
        self.running_mean = np.zeros(num_features)
        self.running_var = np.ones(num_features)
        self.training = True

    def forward(self, x):
        if self.training:
            m, v = x.mean(0), x.var(0)
            self.running_mean = (1 - self.momentum) * self.running_mean + self.momentum * m
            self.running_var = (1 - self.momentum) * self.running_var + self.momentum * v
        else:
            m, v = self.running_mean, self.running_var
        self.std = np.sqrt(v + self.eps)
        self.xhat = (x - m) / self.std
        return self.gamma * self.xhat + self.beta

    def backward(self, grad_output):
        self.grad_gamma = (grad_output * self.xhat).sum(0)
        self.grad_beta = grad_output.sum(0)
        return grad_output * self.gamma / self.std


def softmax(x):
    e = np.exp(x)
    return e / e.sum(axis=1, keepdims=True)


def softmax_cross_entropy(logits, labels):
    p = softmax(logits)
    n = logits.shape[0]
    loss = -np.log(p[np.arange(n), labels]).mean()
    grad = p.copy()
    grad[np.arange(n), labels] -= 1
    return loss, grad


class Conv2d:
    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0):
        self.kernel_size = kernel_size
        self.stride, self.padding = stride, padding
        self.weight = np.zeros((out_channels, in_channels, kernel_size, kernel_size))
        self.bias = np.zeros(out_channels)
        self.grad_weight = np.zeros_like(self.weight)
        self.grad_bias = np.zeros_like(self.bias)

    def forward(self, x):
        self.x = x
        k, s, p = self.kernel_size, self.stride, self.padding
        xp = np.pad(x, ((0, 0), (0, 0), (p, p), (p, p)))
        self.xp = xp
        n, c, h, w = xp.shape
        oh, ow = (h - k) // s + 1, (w - k) // s + 1
        out = np.zeros((n, self.weight.shape[0], oh, ow))
        for i in range(oh):
            for j in range(ow):
                patch = xp[:, :, i * s : i * s + k, j * s : j * s + k]
                out[:, :, i, j] = (
                    np.tensordot(patch, self.weight, axes=([1, 2, 3], [1, 2, 3])) + self.bias
                )
        return out

    def backward(self, grad_output):
        k, s, p = self.kernel_size, self.stride, self.padding
        dxp = np.zeros_like(self.xp)
        n, o, oh, ow = grad_output.shape
        for i in range(oh):
            for j in range(ow):
                patch = self.xp[:, :, i * s : i * s + k, j * s : j * s + k]
                g = grad_output[:, :, i, j]
                self.grad_weight += np.tensordot(g, patch, axes=([0], [0]))
                dxp[:, :, i * s : i * s + k, j * s : j * s + k] += np.tensordot(
                    g, self.weight, axes=([1], [0])
                )
        self.grad_bias += grad_output.sum((0, 2, 3))
        return dxp[:, :, p:-p, p:-p]


def dropout_forward(x, p=0.5, training=True):
    if not training:
        return x, None
    np.random.seed(0)  # noqa: NPY002
    mask = np.random.rand(*x.shape) > p  # noqa: NPY002
    return x * mask / (1 - p), mask


def dropout_backward(dout, mask):
    return dout * mask


class AvgPool2D:
    def __init__(self, pool_size=2, stride=2):
        self.pool_size, self.stride = pool_size, stride

    def forward(self, x):
        self.x = x
        n, c, h, w = x.shape
        k, s = self.pool_size, self.stride
        out = np.zeros((n, c, (h - k) // s + 1, (w - k) // s + 1))
        for i in range(out.shape[2]):
            for j in range(out.shape[3]):
                out[:, :, i, j] = x[:, :, i * s : i * s + k, j * s : j * s + k].mean(axis=(2, 3))
        return out

    def backward(self, dout):
        k, s = self.pool_size, self.stride
        dx = np.zeros_like(self.x)
        for i in range(dout.shape[2]):
            for j in range(dout.shape[3]):
                dx[:, :, i * s : i * s + k, j * s : j * s + k] += dout[:, :, i : i + 1, j : j + 1]
        return dx


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def sigmoid_prime(x):
    return sigmoid(x) * (1 - sigmoid(x))
