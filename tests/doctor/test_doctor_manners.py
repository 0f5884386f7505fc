"""Manners of writing that names alone do not explain: other languages, contexts, words, places."""

import pytest

from clearconv.doctor import examine, record, told

#: They take long; test_doctor_find.py and its neighbours look at the same in less detail.
pytestmark = pytest.mark.slow

HEAD = "import numpy as np\n"


def visit(folder, text):
    (folder / "mine.py").write_text(HEAD + text)
    examination = examine(folder / "mine.py")
    return {one["name"]: one for one in record(examination)["layers"]}, "\n".join(told(examination))


GERMAN = """
class Mittelwertpooling:
    def __init__(self, größe, schrittweite):
        self.g, self.s = größe, schrittweite
    def fenster(self, x):
        h, b = (x.shape[2] - self.g) // self.s + 1, (x.shape[3] - self.g) // self.s + 1
        for i, j in np.ndindex(self.g, self.g):
            yield np.s_[:, :, i : i + h * self.s : self.s, j : j + b * self.s : self.s]
    def vorwärts(self, eingabe):
        self.eingabe = eingabe
        return sum(eingabe[teil] for teil in self.fenster(eingabe)) / self.g**2
    def rueckwaerts(self, fehler):
        dx = np.zeros(self.eingabe.shape)
        for teil in self.fenster(self.eingabe):
            dx[teil] += fehler / self.g**2
        return dx
"""
FUNCTION = """
class LinearFn:
    @staticmethod
    def forward(ctx, x, w, b):
        ctx.save_for_backward(x, w)
        return x @ w + b
    @staticmethod
    def backward(ctx, grad_y):
        x, w = ctx.saved_tensors
        return grad_y @ w.T, x.T @ grad_y, grad_y.sum(axis=0)
"""
OWN_CONTEXT = """
class Notes:
    def save_for_backward(self, *kept):
        self.kept = kept
""" + FUNCTION.replace("ctx.saved_tensors", "ctx.kept")
WORDS = """
class Conv:
    def __init__(self, nin, nout, size, padding="valid", bias=True):
        self.w = np.zeros((nout, nin, size, size))
        self.b = np.zeros(nout) if bias else None
        assert padding in ("valid", "same")
        self.pad = 0 if padding == "valid" else size // 2
    def forward(self, x):
        self.view = np.lib.stride_tricks.sliding_window_view(x, self.w.shape[2:], (2, 3))
        return np.einsum("ncpqij,ocij->nopq", self.view, self.w) + self.b[:, None, None]
    def grad(self, delta):
        self.dw = np.einsum("ncpqij,nopq->ocij", self.view, delta)
        self.db = delta.sum(axis=(0, 2, 3))
        k = self.w.shape[2] - 1
        wide = np.pad(delta, ((0, 0), (0, 0), (k, k), (k, k)))
        view = np.lib.stride_tricks.sliding_window_view(wide, (k + 1, k + 1), (2, 3))
        return np.einsum("nopqij,ocij->ncpq", view, self.w[..., ::-1, ::-1])
"""
PLACES = """
def im2col(imgs, rows_each, columns_each, hop, border):
    X = np.pad(imgs, ((0, 0), (0, 0), (border, border), (border, border)))
    view = np.lib.stride_tricks.sliding_window_view(X, (rows_each, columns_each), (2, 3))
    view = view[:, :, ::hop, ::hop]
    return view.transpose(1, 4, 5, 0, 2, 3).reshape(X.shape[1] * rows_each * columns_each, -1)
"""
BOTH_WAYS = """
def my_conv(X, F, B, dzdy=None):
    kh, kw, C, K = F.shape
    view = np.lib.stride_tricks.sliding_window_view(X, (kh, kw), (0, 1))
    if dzdy is None:
        return np.einsum("pqcnij,ijck->pqkn", view, F) + B[:, None]
    dX = np.zeros(X.shape)
    for i, j in np.ndindex(kh, kw):
        dX[i : i + len(dzdy), j : j + dzdy.shape[1]] += np.einsum("pqkn,ck->pqcn", dzdy, F[i, j])
    return dX, np.einsum("pqcnij,pqkn->ijck", view, dzdy), dzdy.sum(axis=(0, 1, 3))
"""
OPTIMISER = """
import copy
class Layer:
    def set_input_shape(self, shape):
        self.input_shape = shape
class Dense(Layer):
    def __init__(self, units, input_shape=None):
        self.units, self.input_shape = units, input_shape
    def initialize(self, optimizer):
        self.W, self.w0 = np.zeros((*self.input_shape, self.units)), np.zeros((1, self.units))
        self.W_opt, self.w0_opt = copy.copy(optimizer), copy.deepcopy(optimizer)
    def forward_pass(self, X, training=True):
        self.X = X
        return X @ self.W + self.w0
    def backward_pass(self, grad):
        W = self.W
        self.W = self.W_opt.update(self.W, self.X.T @ grad)
        self.w0 = self.w0_opt.update(self.w0, grad.sum(axis=0, keepdims=True))
        return grad @ W.T
"""
TWO_BY_TWO = """
def maxpool_forward(x):
    n, c, h, w = x.shape
    x = x[:, :, : h // 2 * 2, : w // 2 * 2]
    return x.reshape(n, c, h // 2, 2, w // 2, 2).max(axis=(3, 5))
def maxpool_backward(dout, x):
    dx = np.zeros(x.shape)
    for n, c, i, j in np.ndindex(dout.shape):
        window = x[n, c, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2]
        place = np.unravel_index(np.argmax(window), (2, 2))
        dx[n, c, 2 * i + place[0], 2 * j + place[1]] = dout[n, c, i, j]
    return dx
"""
MANNERS = {
    "my_conv": (
        BOTH_WAYS,
        (".sum(axis=(0, 1, 3))", ".mean(axis=3).sum(axis=(0, 1))"),
        "bias-batch-mean",
    ),
    "Dense": (OPTIMISER, ("grad @ W.T", "grad @ self.W.T"), "updated-first"),
    "maxpool_backward": (TWO_BY_TWO, ("np.argmax", "np.argmin"), ""),
    "Mittelwertpooling": (GERMAN, ("dx[teil] +=", "dx[teil] ="), "assign-elements"),
    "LinearFn": (FUNCTION, ("grad_y.sum", "grad_y.mean"), "bias-mean"),
    "LinearFn, own": (OWN_CONTEXT, ("grad_y.sum", "grad_y.mean"), "bias-mean"),
    "Conv": (WORDS, ("self.w[..., ::-1, ::-1]", "self.w"), "no-turn"),
    "im2col": (PLACES, ("(rows_each, columns_each), (2, 3)", "(rows_each, rows_each), (2, 3)"), ""),
}


@pytest.mark.parametrize("name", MANNERS)
def test_a_manner_is_understood(tmp_path, name):
    text, (old, new), mistake = MANNERS[name]
    layer = name.partition(",")[0]
    layers, said = visit(tmp_path, text)
    assert layers[layer]["right"], said
    assert text.count(old) == 1
    layers, said = visit(tmp_path, text.replace(old, new))
    assert not layers[layer]["right"]
    assert layers[layer]["explanations"] == ([[mistake]] if mistake else []), said


BLOCK = """
class ConvBlock:
    def __init__(self, filters, bias):
        self.filters, self.bias = filters, bias
    def propagate(self, x):
        self.x = x
        view = np.lib.stride_tricks.sliding_window_view(x, self.filters.shape[2:], (2, 3))
        return np.einsum("ncpqij,ocij->nopq", view, self.filters) + self.bias[:, None, None]
"""


def test_a_doubtful_name_is_believed_where_the_forward_pass_agrees(tmp_path):
    layers, said = visit(tmp_path, BLOCK)
    assert layers["ConvBlock"]["results"]["y"]["right"], said
    layers, said = visit(tmp_path, BLOCK.replace("return np", "return 0.5 * np"))
    assert not layers and "ConvBlock in line 3 was not examined" in " ".join(said.split())
    layers, said = visit(tmp_path, TWO_BY_TWO.replace(".max(", ".min("))
    assert not layers and "maxpool_forward" in said
