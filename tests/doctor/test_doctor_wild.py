"""Layers whose names say little, in one file: right, then each with one mistake."""

import pytest

from clearconv.doctor import examine, record, told
from clearconv.doctor.overlooked import overlooked

#: They take long; test_doctor_find.py and its neighbours look at the same in less detail.
pytestmark = pytest.mark.ci

TEXT = """
import numpy as np

class Module:
    training = True
    def train(self, mode=True):
        self.training = mode
    def eval(self):
        self.train(False)

class Tensor:
    def __init__(self, data):
        self.data, self.grad = data, np.zeros_like(data)
    def zero_grad(self):
        self.grad[...] = 0

class BatchNorm(Module):
    def __init__(self, dim, eps=1e-5, momentum=0.9):
        self.eps, self.momentum = eps, momentum
        self.gamma, self.beta = Tensor(np.ones(dim)), Tensor(np.zeros(dim))
        self.mv_mean, self.mv_var = np.zeros(dim), np.ones(dim)
    def forward(self, x):
        mean, var = self.mv_mean, self.mv_var
        if self.training:
            mean, var = x.mean(0), x.var(0)
            self.mv_mean = self.momentum * self.mv_mean + (1 - self.momentum) * mean
            self.mv_var = self.momentum * self.mv_var + (1 - self.momentum) * var
        self.std = np.sqrt(var + self.eps)
        self.xn = (x - mean) / self.std
        return self.gamma.data * self.xn + self.beta.data
    def backward(self, top):
        self.gamma.grad += (top * self.xn).sum(0)
        self.beta.grad += top.sum(0)
        g = top * self.gamma.data
        return (g - g.mean(0) - self.xn * (g * self.xn).mean(0)) / self.std

class MaxPooling:
    def __init__(self, pool=(2, 2)):
        self.pool = pool
    def forward(self, X):
        self.X = X
        (ph, pw), (n, c, h, w) = self.pool, X.shape
        self.H, self.W = h // ph, w // pw
        v = X[:, :, :self.H * ph, :self.W * pw].reshape(n, c, self.H, ph, self.W, pw)
        v = v.transpose(0, 1, 2, 4, 3, 5).reshape(n, c, self.H, self.W, ph * pw)
        self.arg = v.argmax(-1)
        return v.max(-1)
    def backward(self, top):
        (ph, pw), (n, c, _, _) = self.pool, self.X.shape
        g = (np.arange(ph * pw) == self.arg[..., None]) * top[..., None]
        g = g.reshape(n, c, self.H, self.W, ph, pw).transpose(0, 1, 2, 4, 3, 5)
        dX = np.zeros(self.X.shape)
        dX[:, :, :self.H * ph, :self.W * pw] = g.reshape(n, c, self.H * ph, self.W * pw)
        return dX

class Linear:
    def __init__(self, d_in, d_out):
        self.K = np.random.randn(d_in, d_out)
        self.b = np.zeros(d_out)
    def forward(self, x):
        self.inp = x
        return x @ self.K + self.b
    def backward(self, top):
        self.gK, self.gb = self.inp.T @ top, top.sum(0)
        return top @ self.K.T

class ReluActivator:
    def forward(self, value):
        return np.maximum(0, value)
    def backward(self, output):
        return (output > 0).astype(float)

def dropout_forward(A, keep_prob=0.8):
    D = np.random.rand(A.shape[0], A.shape[1]) < keep_prob
    return A * D / keep_prob, (D, keep_prob)

def dropout_backward(dA, cache):
    D, keep_prob = cache
    return dA * D / keep_prob

def affine(x, w, b):
    def pullback(dy):
        dw, dx = x.T @ dy, dy @ w.T
        return dw, dx, dy.sum(0)
    return x @ w + b, pullback

def sigmoid(x):
    y = 1 / (1 + np.exp(-x))
    return y, lambda dy: dy * y * (1 - y)

def pool_backward(top, foo):
    return top
"""
#: Layer -> what is changed, and what the doctor then says.
MISTAKES = {
    "BatchNorm": ("(g - g.mean(0) - ", "(g - ", "no-mean-path"),
    "MaxPooling": (
        "(np.arange(ph * pw) == self.arg[..., None])",
        "np.ones(ph * pw)",
        "every-pixel",
    ),
    "Linear": ("self.inp.T @ top, top.sum(0)", "self.inp.T @ top, top.mean(0)", "bias-mean"),
    "dropout_backward": ("D / keep_prob, (D", "D / keep_prob**2, (D", "scaled-twice"),
    "affine": ("dy.sum(0)", "dy.mean(0)", "bias-mean"),
    "sigmoid": ("dy * y * (1 - y)", "dy * x * (1 - x)", "of-the-input"),
}


HANDED = """
import numpy as np

class Context:
    def save_for_backward(self, *args):
        self.saved = args

class Conv2dFunction:
    @staticmethod
    def forward(ctx, x, w, b, dilation=1):
        ctx.save_for_backward(x, w, dilation)
        (kh, kw), d = w.shape[2:], dilation
        y = b[:, None, None]
        for i, j in np.ndindex(kh, kw):
            h, v = x.shape[2] - (kh - 1 - i) * d, x.shape[3] - (kw - 1 - j) * d
            y = y + np.einsum("nchw,oc->nohw", x[:, :, i * d : h, j * d : v], w[:, :, i, j])
        return y
    @staticmethod
    def backward(ctx, top):
        x, w, d = ctx.saved
        dx, dw, (h, v) = np.zeros(x.shape), np.zeros(w.shape), top.shape[2:]
        for i, j in np.ndindex(w.shape[2:]):
            at = np.s_[:, :, i * d : i * d + h, j * d : j * d + v]
            dx[at] += np.einsum("nohw,oc->nchw", top, w[:, :, i, j])
            dw[:, :, i, j] = np.einsum("nohw,nchw->oc", top, x[at])
        return dx, dw, top.sum((0, 2, 3))

class Linear:
    def __init__(self, nin, nout, bias=True, init="he"):
        self.W = np.random.randn(nin, nout)
        self.b = np.zeros(nout) if bias else None
    def forward(self, x):
        self.x = x
        return x @ self.W + self.b
    def backward(self, top):
        self.dW, self.db = self.x.T @ top, top.sum(0)
        return top @ self.W.T

class MaxPool:
    def __init__(self, k, padding="valid"):
        assert padding == "valid", "nothing else is written yet"
        self.k = k
    def forward(self, x):
        self.shape, self.at = x.shape, []
        k = self.k
        y = np.zeros((*x.shape[:2], x.shape[2] // k, x.shape[3] // k))
        for n, c, i, j in np.ndindex(y.shape):
            window = x[n, c, i * k : i * k + k, j * k : j * k + k]
            r, s = divmod(int(window.argmax()), k)
            self.at.append((n, c, i * k + r, j * k + s))
            y[n, c, i, j] = window[r, s]
        return y
    def backward(self, top):
        dx = np.zeros(self.shape)
        for place, value in zip(self.at, top.ravel()):
            dx[place] += value
        return dx
"""


@pytest.fixture
def visit(tmp_path):
    def visit(text):
        (tmp_path / "wild.py").write_text(text)
        examination = examine(tmp_path / "wild.py")
        layers = {one["name"]: one for one in record(examination)["layers"]}
        return layers, "\n".join(told(examination))

    return visit


def test_what_the_names_hide_is_understood(visit):
    layers, said = visit(TEXT)
    assert list(layers) == [
        "BatchNorm", "MaxPooling", "Linear", "ReluActivator", "dropout_backward", "affine",
        "sigmoid",
    ]  # fmt: skip
    assert all(layer["right"] for layer in layers.values()), said
    assert {"y", "grad_x", "grad_gamma", "running_var"} <= set(layers["BatchNorm"]["results"])
    assert {"grad_x", "grad_weight", "grad_bias"} <= set(layers["Linear"]["results"])
    assert {"grad_x", "grad_weight", "grad_bias"} <= set(layers["affine"]["results"])
    assert "names and arguments say too little: pool_backward" in said
    assert "matrices only; p is the share kept" in said
    assert "affine (line 81), affine.pullback (line 82)" in said


def test_what_is_handed_in_beside_the_arrays(visit):
    """An object to keep things in, a flag for the bias, a word for the padding."""
    layers, said = visit(HANDED)
    assert list(layers) == ["Conv2dFunction", "Linear", "MaxPool"]
    assert all(layer["right"] for layer in layers.values()), said
    assert {"grad_x", "grad_weight", "grad_bias"} <= set(layers["Linear"]["results"])


def test_their_mistakes_are_named(visit):
    text = TEXT
    for old, new, _ in MISTAKES.values():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    layers, said = visit(text)
    for name, (_, _, key) in MISTAKES.items():
        named = layers[name]["explanations"]
        assert [key in slips for slips in named] == [True], f"{name}: {named}\n{said}"
    assert layers["ReluActivator"]["right"]


def test_what_goes_with_a_layer_is_no_layer_passed_over():
    names = ("get_im2col_indices(x)", "test_conv_forward(x)", "run_conv_forward()")
    text = "".join(f"def {name}: return 0\n" for name in (*names, "my_conv_forward(q)"))
    (note,) = overlooked(text, [])
    assert "my_conv_forward (line 4)" in note and "line 1" not in note
    assert "line 2" not in note and "line 3" not in note


def test_an_argument_that_nothing_explains_is_named(visit):
    text = "class ReLU:\n    def forward(self, x): return abs(x)\n"
    text += "    def backward(self, top, foo): return top\n"
    layers, _ = visit(text)
    assert "the meaning of top of backward is not understood" in layers["ReLU"]["stopped"]


ADDING = """
import numpy as np

class Box:
    def __init__(self, value):
        self.value, self.grad = value, np.zeros_like(value)

class Linear:
    def __init__(self, n_in, n_out):
        self.W, self.b = {W}, {b}
        self.store = {{}}
    def forward(self, x):
        self.store["x"] = x
        return x @ self.W{value} + self.b{value}
    def backward(self, dy):
        self.W{grad} += self.store["x"].T @ dy
        self.b{grad} += dy.sum(0)
        return dy @ self.W{value}.T
"""
ZEROS = {"W": "np.zeros((n_in, n_out))", "b": "np.zeros(n_out)"}
OWN = (
    "    def reset(self): self.W_grad, self.b_grad = (np.zeros_like(p) for p in (self.W, self.b))\n"
)


@pytest.mark.parametrize("style", ["boxes", "reset", "neither"])
def test_gradients_that_are_added_up_by_design_are_no_mistake(visit, style):
    """In a box an optimiser clears them; an object may offer to; else they are never cleared."""
    if style == "boxes":
        boxes = {name: f"Box({zeros})" for name, zeros in ZEROS.items()}
        text = ADDING.format(**boxes, value=".value", grad=".grad")
    else:
        text = ADDING.format(**ZEROS, value="", grad="_grad")
        lines = "        self.W_grad, self.b_grad = np.zeros((n_in, n_out)), np.zeros(n_out)\n"
        text = text.replace("        self.store = {}\n", "        self.store = {}\n" + lines)
        text += OWN if style == "reset" else ""
    layers, said = visit(text)
    wrong = {n for n, result in layers["Linear"]["results"].items() if not result["right"]}
    assert wrong == ({"grad_weight@2", "grad_bias@2"} if style == "neither" else set()), said
