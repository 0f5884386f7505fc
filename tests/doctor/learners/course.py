"""A learner's right solution of a course's assignments, one way or another."""

import numpy as np


def affine_forward(x, w, b):
    out = x.reshape(x.shape[0], -1) @ w + b
    return out, (x, w, b)


def affine_backward(dout, cache):
    x, w, _ = cache
    dx = (dout @ w.T).reshape(x.shape)
    dw = x.reshape(x.shape[0], -1).T @ dout
    return dx, dw, dout.sum(axis=0)


def relu_forward(x):
    return np.maximum(0, x), x


def relu_backward(dout, cache):
    dx = dout * (cache > 0)
    return dx


def softmax_loss(x, y):
    shifted = x - x.max(axis=1, keepdims=True)
    logs = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    N = len(x)
    loss = -logs[np.arange(N), y].sum() / N
    dx = np.exp(logs)
    dx[np.arange(N), y] -= 1
    return loss, dx / N


def batchnorm_forward(x, gamma, beta, bn_param):
    eps = bn_param.get("eps", 1e-5)
    momentum = bn_param.get("momentum", 0.9)
    running_mean = bn_param.get("running_mean", np.zeros(x.shape[1]))
    running_var = bn_param.get("running_var", np.zeros(x.shape[1]))
    cache = None
    if bn_param["mode"] == "train":
        mean, var = x.mean(axis=0), x.var(axis=0)
        std = np.sqrt(var + eps)
        x_hat = (x - mean) / std
        out = gamma * x_hat + beta
        cache = (x_hat, std, gamma)
        running_mean = momentum * running_mean + (1 - momentum) * mean
        running_var = momentum * running_var + (1 - momentum) * var
    elif bn_param["mode"] == "test":
        out = gamma * (x - running_mean) / np.sqrt(running_var + eps) + beta
    else:
        raise ValueError("mode?")
    bn_param["running_mean"] = running_mean
    bn_param["running_var"] = running_var
    return out, cache


def batchnorm_backward(dout, cache):
    x_hat, std, gamma = cache
    N = len(dout)
    dgamma, dbeta = (dout * x_hat).sum(axis=0), dout.sum(axis=0)
    dx_hat = dout * gamma
    dvar = (dx_hat * x_hat).sum(axis=0) * -0.5 / std**2
    dmean = -dx_hat.sum(axis=0) / std
    dx = dx_hat / std + dvar * 2 * x_hat * std / N + dmean / N
    return dx, dgamma, dbeta


def batchnorm_backward_alt(dout, cache):
    x_hat, std, gamma = cache
    dgamma, dbeta = (dout * x_hat).sum(axis=0), dout.sum(axis=0)
    dx = gamma / std * (dout - dbeta / len(dout) - x_hat * dgamma / len(dout))
    return dx, dgamma, dbeta


def spatial_batchnorm_forward(x, gamma, beta, bn_param):
    N, C, H, W = x.shape
    flat = x.transpose(0, 2, 3, 1).reshape(-1, C)
    out, cache = batchnorm_forward(flat, gamma, beta, bn_param)
    return out.reshape(N, H, W, C).transpose(0, 3, 1, 2), cache


def spatial_batchnorm_backward(dout, cache):
    N, C, H, W = dout.shape
    flat = dout.transpose(0, 2, 3, 1).reshape(-1, C)
    dx, dgamma, dbeta = batchnorm_backward_alt(flat, cache)
    return dx.reshape(N, H, W, C).transpose(0, 3, 1, 2), dgamma, dbeta


def dropout_forward(x, dropout_param):
    p, mode = dropout_param["p"], dropout_param["mode"]  # p is the share kept
    if "seed" in dropout_param:
        np.random.seed(dropout_param["seed"])  # noqa: NPY002
    mask = None
    out = x
    if mode == "train":
        mask = (np.random.rand(*x.shape) < p) / p  # noqa: NPY002
        out = x * mask
    return out, (dropout_param, mask)


def dropout_backward(dout, cache):
    dropout_param, mask = cache
    return dout * mask if dropout_param["mode"] == "train" else dout


def conv_forward_strided(x, w, b, conv_param):
    s, p = conv_param["stride"], conv_param["pad"]
    padded = np.pad(x, ((0, 0), (0, 0), (p, p), (p, p)))
    view = np.lib.stride_tricks.sliding_window_view(padded, w.shape[2:], (2, 3))[:, :, ::s, ::s]
    out = np.einsum("ncpqij,fcij->nfpq", view, w) + b[:, None, None]
    return out, (x, w, b, conv_param, view)


def conv_backward_strided(dout, cache):
    x, w, b, conv_param, view = cache
    s, p = conv_param["stride"], conv_param["pad"]
    dw = np.einsum("nfpq,ncpqij->fcij", dout, view)
    dpadded = np.zeros((*x.shape[:2], x.shape[2] + 2 * p, x.shape[3] + 2 * p))
    for i, j in np.ndindex(w.shape[2:]):
        rows = slice(i, i + s * dout.shape[2], s)
        cols = slice(j, j + s * dout.shape[3], s)
        dpadded[:, :, rows, cols] += np.einsum("nfpq,fc->ncpq", dout, w[:, :, i, j])
    dx = dpadded[:, :, p : p + x.shape[2], p : p + x.shape[3]]
    return dx, dw, dout.sum(axis=(0, 2, 3))


def max_pool_forward_naive(x, pool_param):
    h, w, s = pool_param["pool_height"], pool_param["pool_width"], pool_param["stride"]
    N, C, H, W = x.shape
    out = np.zeros((N, C, (H - h) // s + 1, (W - w) // s + 1))
    for i, j in np.ndindex(out.shape[2:]):
        out[:, :, i, j] = x[:, :, i * s : i * s + h, j * s : j * s + w].max(axis=(2, 3))
    return out, (x, pool_param)


def max_pool_backward_naive(dout, cache):
    x, pool_param = cache
    h, w, s = pool_param["pool_height"], pool_param["pool_width"], pool_param["stride"]
    dx = np.zeros_like(x)
    for n, c, i, j in np.ndindex(dout.shape):
        window = x[n, c, i * s : i * s + h, j * s : j * s + w]
        k, l = np.unravel_index(window.argmax(), window.shape)
        dx[n, c, i * s + k, j * s + l] += dout[n, c, i, j]
    return dx


def pool_forward(A_prev, hparameters, mode="max"):
    f, s = hparameters["f"], hparameters["stride"]
    m, H, W, C = A_prev.shape
    A = np.zeros((m, 1 + (H - f) // s, 1 + (W - f) // s, C))
    for i, h, w, c in np.ndindex(A.shape):
        window = A_prev[i, h * s : h * s + f, w * s : w * s + f, c]
        A[i, h, w, c] = window.max() if mode == "max" else window.mean()
    return A, (A_prev, hparameters)


def pool_backward(dA, cache, mode="max"):
    A_prev, hparameters = cache
    f, s = hparameters["f"], hparameters["stride"]
    dA_prev = np.zeros(A_prev.shape)
    for i, h, w, c in np.ndindex(dA.shape):
        place = np.s_[i, h * s : h * s + f, w * s : w * s + f, c]
        if mode == "max":
            dA_prev[place] += (A_prev[place] == A_prev[place].max()) * dA[i, h, w, c]
        else:
            dA_prev[place] += np.full((f, f), dA[i, h, w, c] / (f * f))
    return dA_prev


def sigmoid(z):
    return 1 / (1 + np.exp(-z)), z


def sigmoid_backward(dA, cache):
    s = 1 / (1 + np.exp(-cache))
    return dA * s * (1 - s)


def linear_forward(A, W, b):
    return W @ A + b, (A, W, b)


def linear_backward(dZ, cache):
    A_prev, W, b = cache
    m = A_prev.shape[1]
    dW = dZ @ A_prev.T / m
    db = dZ.sum(axis=1, keepdims=True) / m
    return W.T @ dZ, dW, db
