"""Ways of writing layers that the doctor understands, with what it must not say of them."""

from dataclasses import dataclass

import pytest

from clearconv.doctor import examine, record, told

#: They take long; test_doctor_find.py and its neighbours look at the same in less detail.
pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Style:
    """A right program; the layer in it; a change that makes one mistake, and its name."""

    layer: str
    text: str
    change: tuple[str, str]
    mistake: str


HEAD = "import numpy as np\n"
BLOG = """
class Conv3x3:
    def __init__(self, num_filters):
        self.num_filters = num_filters
        self.filters = np.random.randn(num_filters, 3, 3) / 9
    def regions(self, image):
        for i, j in np.ndindex(image.shape[0] - 2, image.shape[1] - 2):
            yield image[i : i + 3, j : j + 3], i, j
    def forward(self, input):
        self.last_input = input
        output = np.zeros((input.shape[0] - 2, input.shape[1] - 2, self.num_filters))
        for region, i, j in self.regions(input):
            output[i, j] = np.sum(region * self.filters, axis=(1, 2))
        return output
    def backprop(self, d_L_d_out, learn_rate):
        step = np.zeros(self.filters.shape)
        for region, i, j in self.regions(self.last_input):
            for f in range(self.num_filters):
                step[f] += d_L_d_out[i, j, f] * region
        self.filters -= learn_rate * step
        return None
"""
UNTIED = """
class Convolutional:
    def __init__(self, input_shape, kernel_size, depth):
        channels, height, width = input_shape
        self.input_shape, self.depth = input_shape, depth
        self.kernels = np.random.randn(depth, channels, kernel_size, kernel_size)
        self.biases = np.random.randn(depth, height - kernel_size + 1, width - kernel_size + 1)
    def windows(self):
        k = self.kernels.shape[2]
        for i, j in np.ndindex(self.biases.shape[1:]):
            yield i, j, np.s_[:, i : i + k, j : j + k]
    def forward(self, input):
        self.input = input
        output = self.biases.copy()
        for i, j, at in self.windows():
            output[:, i, j] += np.tensordot(self.kernels, input[at], 3)
        return output
    def backward(self, output_gradient, learning_rate):
        kernels_gradient, input_gradient = np.zeros(self.kernels.shape), np.zeros(self.input_shape)
        for i, j, at in self.windows():
            kernels_gradient += np.multiply.outer(output_gradient[:, i, j], self.input[at])
            input_gradient[at] += np.tensordot(output_gradient[:, i, j], self.kernels, 1)
        self.kernels -= learning_rate * kernels_gradient
        self.biases -= learning_rate * output_gradient
        return input_gradient
"""
BOXES = """
class Fc:
    def __init__(self, in_features, out_features):
        self.W = {"val": np.random.randn(out_features, in_features), "grad": 0}
        self.b = {"val": np.zeros((1, out_features)), "grad": 0}
    def forward(self, x):
        self.cache = x
        return x @ self.W["val"].T + self.b["val"]
    def backward(self, delta):
        self.W["grad"] = delta.T @ self.cache
        self.b["grad"] = delta.sum(axis=0)
        return delta @ self.W["val"]
"""
FIELDS = """
from dataclasses import dataclass, field
@dataclass
class Linear:
    weight: np.ndarray
    bias: np.ndarray
    weight_grad: np.ndarray = field(default=None, init=False)
    def forward(self, x):
        self.x = x
        return x @ self.weight.T + self.bias
    def backward(self, grad):
        self.weight_grad = grad.T @ self.x
        self.bias_grad = grad.sum(axis=0)
        return grad @ self.weight
"""
APART = """
def linear(x, w, b):
    return x @ w + b
def linear_grad_input(dy, w):
    return dy @ w.T
def linear_grad_weight(dy, x, w_shape):
    return (x.T @ dy).reshape(w_shape)
def linear_grad_bias(dy):
    return dy.sum(axis=0)
"""
RATE = """
class Dense:
    def __init__(self, units, input_dim, learning_rate=0.1):
        self.units, self.lr = units, learning_rate
        self.W, self.b = np.zeros((input_dim, units)), np.zeros(units)
    def call(self, x):
        self.x = x
        return x @ self.W + self.b
    def backprop(self, grad):
        back = grad @ self.W.T
        self.W = self.W - self.lr * self.x.T @ grad
        self.b = self.b - self.lr * grad.sum(axis=0)
        return back
"""
LOSS = """
class CrossEntropyLoss:
    def forward(self, logits, targets):
        z = logits - logits.max(axis=1, keepdims=True)
        logs = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
        self.p, self.t = np.exp(logs), targets
        return -logs[np.arange(len(targets)), targets].mean()
    def backward(self):
        grad = self.p.copy()
        grad[np.arange(len(self.t)), self.t] -= 1
        return grad / len(self.t)
"""
SUM, MEAN = ".sum(axis=0)", ".mean(axis=0)"
STYLES = [
    Style("Conv3x3", BLOG, ("step[f] += d_L", "step[f] = d_L"), "weight-assign"),
    Style("Convolutional", UNTIED, ("input_gradient[at] +=", "input_gradient[at] ="),
          "input-last-window"),
    Style("Fc", BOXES, (SUM, MEAN), "bias-mean"),
    Style("Linear", FIELDS, (SUM, MEAN), "bias-mean"),
    Style("linear", APART, (SUM, MEAN), "bias-mean"),
    Style("Dense", RATE, (SUM, MEAN), "bias-mean"),
    Style("CrossEntropyLoss", LOSS, ("grad / len(self.t)", "grad"), "never-averaged"),
]  # fmt: skip


def visit(folder, text, name="mine.py"):
    (folder / name).write_text(text)
    examination = examine(folder / name)
    return {one["name"]: one for one in record(examination)["layers"]}, "\n".join(told(examination))


@pytest.mark.parametrize("style", STYLES, ids=lambda style: style.layer)
def test_a_style_is_understood(tmp_path, style):
    layers, text = visit(tmp_path, HEAD + style.text)
    assert layers[style.layer]["right"], text
    old, new = style.change
    assert style.text.count(old) == 1
    layers, text = visit(tmp_path, HEAD + style.text.replace(old, new))
    assert layers[style.layer]["explanations"] == [[style.mistake]], text
    assert not layers[style.layer]["right"]


STOPS = """
class ConvLayer:
    def __init__(self, W, b):
        self.W, self.b = W, b
    def forward(self, x):
        self.x = x
        view = np.lib.stride_tricks.sliding_window_view(x, self.W.shape[2:], (2, 3))
        return np.einsum("ncpqij,ocij->nopq", view, self.W) + self.b[:, None, None]
    def backward(self, delta):
        kh, kw = self.W.shape[2:]
        padded = np.pad(delta, ((0, 0), (0, 0), (kw - 1, kw - 1), (kh - 1, kh - 1)))
        view = np.lib.stride_tricks.sliding_window_view(padded, (kh, kw), (2, 3))
        turned = self.W[..., ::-1, ::-1]
        return np.zeros(self.x.shape) + np.einsum("nopqij,ocij->ncpq", view, turned)
"""


def test_no_mistake_is_claimed_for_an_error_alone(tmp_path):
    """Pads exchanged: right for square kernels, an error for others. A quarter turn stops too."""
    layers, _ = visit(tmp_path, HEAD + STOPS)
    layer = layers["ConvLayer"]
    assert layer["explanations"] == []
    assert "not square" in layer["stopped"]


def test_one_name_for_two_axes_means_square_kernels(tmp_path):
    text = (
        HEAD
        + """
def conv_forward(x, w, b):
    n_o, n_c, f, f = w.shape
    view = np.lib.stride_tricks.sliding_window_view(x, (f, f), (2, 3))
    return np.einsum("ncpqij,ocij->nopq", view, w) + b[:, None, None], (x, w)
"""
    )
    layers, said = visit(tmp_path, text)
    assert layers["conv_forward"]["right"] and "square windows" in said


@pytest.mark.parametrize("marked", [True, False])
def test_a_file_of_a_package_finds_its_neighbours(tmp_path, marked):
    room = tmp_path / "mylib"
    room.mkdir()
    (room / "functions.py").write_text("import numpy as np\ndef clip(x): return np.maximum(x, 0)\n")
    if marked:
        (room / "__init__.py").touch()
    text = "from .functions import clip\ndef relu_forward(x):\n    return clip(x), x\n"
    layers, said = visit(room, text)
    assert layers["relu_forward"]["right"], said
    assert "does not load" not in said


def test_a_notebook_is_told_how_to_become_a_file(tmp_path):
    layers, said = visit(tmp_path, "{}", "mine.ipynb")
    assert not layers and "jupyter nbconvert --to script" in said
    assert "put a # before" in visit(tmp_path, "%matplotlib inline\n")[1]
    assert "no layer found" in visit(tmp_path, "\ufeffx = 1\n")[1]
