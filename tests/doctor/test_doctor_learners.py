"""Whole visits: the article's and the book's programs, a course's, and typical wrong ones."""

from pathlib import Path

import pytest

from clearconv.doctor import examine, record, told

#: They take long; test_doctor_find.py and its neighbours look at the same in less detail.
pytestmark = pytest.mark.slow

LEARNERS = Path(__file__).parent / "learners"
EXAMPLE = Path(__file__).parents[2] / "examples" / "learner.py"


def visit(path, **given):
    examination = examine(path, **given)
    return {one["name"]: one for one in record(examination)["layers"]}, "\n".join(told(examination))


@pytest.fixture(scope="module")
def article():
    return visit(LEARNERS / "article.py")


@pytest.fixture(scope="module")
def course():
    return examine(LEARNERS / "course.py").verdicts


@pytest.fixture(scope="module")
def book():
    return visit(LEARNERS / "book.py")


def test_the_articles_convolution_pads_both_axes_by_the_width(article):
    layers, _ = article
    conv = layers["ConvLayer"]
    assert conv["explanations"] == [["width-for-both"]]
    assert all(conv["results"][name]["right"] for name in ("y", "grad_weight", "grad_bias"))
    assert "the article's interface; one image at a time" in conv["understood"]
    assert "broadcast" in conv["stopped"]


def test_the_articles_pooling_assigns_where_it_must_add(article):
    layers, text = article
    pool = layers["MaxPoolingLayer"]
    assert pool["explanations"] == [["assign"]] and pool["stopped"] is None
    (mistake,) = pool["mistakes"].values()
    line = (LEARNERS / "article.py").read_text().splitlines()[mistake["line"] - 1]
    assert line.strip().startswith("self.delta_array[d, i * self.stride + k")
    assert "your grad_x   right" in text


def test_the_rest_of_the_book_is_right(book):
    layers, text = book
    assert len(layers) == 11
    assert [name for name, layer in layers.items() if not layer["right"]] == ["Pooling"]
    assert layers["Convolution"]["conventions"]["kernel"] == "straight"
    assert layers["SoftmaxWithLoss"]["conventions"]["log"] == "1e-7"
    assert layers["Dropout"]["conventions"]["scale"] == "evaluation"
    assert "eps is built in: 1e-06" in text
    assert "it changes its input grad_y in place" in layers["Relu"]["remarks"][0]


def test_a_right_course_is_right(course):
    """All but the pooling that credits every tie, as many are taught to."""
    wrong = [(one.found.kind, one.found.name) for one in course if not one.right]
    assert wrong == [("max_pool2d", "pool_backward")] and len(course) == 13
    (tie,) = (one for one in course if (one.found.kind, one.found.name) in wrong)
    assert tie.match.sets == (frozenset(["every-tie"]),)
    assert "A_prev[place].max()" in tie.quotes["every-tie"].text
    by_name = {one.found.name: one for one in course}
    assert by_name["linear_backward"].match.conventions["batch"] == "mean"
    assert by_name["dropout_backward"].layout.other == "keep"
    assert {"running_mean", "running_var"} <= set(
        by_name["spatial_batchnorm_backward"].match.seen
    ), "the keys of bn_param are read by the function that it is handed to"


def test_the_books_pooling_stops_with_padding(book):
    layers, text = book
    assert not layers["Pooling"]["right"]
    assert "in every case with padding, and in no other" in layers["Pooling"]["stopped"]
    assert "reshape" in text


def test_two_mistakes_in_one_file():
    layers, text = visit(EXAMPLE)
    (layer,) = layers.values()
    assert layer["explanations"] == [["bias-images-only", "input-assign"]]
    assert layer["mistakes"]["bias-images-only"]["text"] == "db = np.sum(dout, axis=0)"
    assert text.index("1. Only the last filter") < text.index("2. The bias gradient is summed")
    # dx of 2x3 pixels, by hand: column 1 is seen by both windows, 3 * 1 - ... on the page
    counter = layer["counter_examples"][0]
    assert counter["inputs"]["weight"] == [[[[1.0, -1.0]]]]
    assert counter["expected"] == [[[[3, -6, 3], [-3, 2, 1]]]]


def test_layers_in_the_wild():
    layers, _ = visit(LEARNERS / "wild.py")
    named = {name: layer["explanations"] for name, layer in layers.items() if not layer["right"]}
    assert named == {
        "Dense": [["updated-first"]],
        "BatchNorm1d": [["statistics-as-constants"]],
        "softmax": [["overflow"]],
        "softmax_cross_entropy": [["never-averaged", "overflow"]],
        "Conv2d": [["bias-not-cleared", "crop-by-minus-zero", "weight-not-cleared"]],
        "dropout_backward": [["backward-not-scaled", "same-units"]],
        "AvgPool2D": [["undivided"]],
        "ReLU": [["no-mask", "times-the-input"]],
    }
    assert [name for name, layer in layers.items() if layer["right"]] == ["sigmoid_prime"]


COURSE = EXAMPLE.read_text()
RIGHT = COURSE.replace("dout, axis=0", "dout, axis=(0, 2, 3)").replace("WW] = w[f]", "WW] += w[f]")
WRONG = {
    "no-turn": ("w[f] * dout[n", "w[f][:, ::-1, ::-1] * dout[n"),
    "bias-mean": ("np.sum(dout, axis=(0, 2, 3))", "np.mean(dout, axis=(0, 2, 3))"),
    "bias-scalar": ("np.sum(dout, axis=(0, 2, 3))", "np.sum(dout)"),
    "padding-from-the-corner": (
        "dx_pad[:, :, pad : pad + x.shape[2], pad : pad + x.shape[3]]",
        "dx_pad[:, :, : x.shape[2], : x.shape[3]]",
    ),
    "weight-assign": ("dw[f] += x_pad", "dw[f] = x_pad"),
    "forward-no-bias": (" + b[f]", ""),
    "true-division": ("(H + 2 * pad - HH) // stride", "(H + 2 * pad - HH) / stride"),
}


def test_a_right_solution_is_right(tmp_path):
    path = tmp_path / "layers.py"
    path.write_text(RIGHT)
    layers, text = visit(path)
    assert layers["conv_backward_naive"]["right"]
    assert "right       y, grad_x, grad_weight, grad_bias in 6 cases" in text
    assert "WRONG" not in text


@pytest.mark.parametrize("key", WRONG)
def test_a_typical_mistake_is_named(tmp_path, key):
    old, new = WRONG[key]
    assert RIGHT.count(old) == 1
    path = tmp_path / "layers.py"
    path.write_text(RIGHT.replace(old, new))
    layers, _ = visit(path)
    assert layers["conv_backward_naive"]["explanations"] == [[key]]


def test_an_assertion_about_the_result_is_no_refusal(tmp_path):
    """It stops every case but the one without padding, and that one is right."""
    crop = "dx_pad[:, :, pad : pad + x.shape[2], pad : pad + x.shape[3]]"
    assert RIGHT.count(crop) == 1
    path = tmp_path / "layers.py"
    path.write_text(RIGHT.replace(crop, "dx_pad\n    assert dx.shape == x.shape"))
    layers, _ = visit(path)
    layer = layers["conv_backward_naive"]
    assert not layer["right"] and "assert dx.shape == x.shape" in layer["stopped"]


LAST = """
import numpy as np
def conv_forward(A_prev, W, b, hparameters):
    s, p = hparameters["stride"], hparameters["pad"]
    m, H, V, _ = A_prev.shape
    f, _, _, n_C = W.shape
    padded = np.pad(A_prev, ((0, 0), (p, p), (p, p), (0, 0)))
    Z = np.zeros((m, (H - f + 2 * p) // s + 1, (V - f + 2 * p) // s + 1, n_C))
    for i, h, v, c in np.ndindex(Z.shape):
        patch = padded[i, h * s : h * s + f, v * s : v * s + f]
        Z[i, h, v, c] = np.sum(patch * W[..., c]) + float(b[0, 0, 0, c])
    return Z, (A_prev, W, b, hparameters)
def conv_backward(dZ, cache):
    A_prev, W, b, hparameters = cache
    s, p = hparameters["stride"], hparameters["pad"]
    f = W.shape[0]
    padded = np.pad(A_prev, ((0, 0), (p, p), (p, p), (0, 0)))
    dA, dW, db = np.zeros(padded.shape), np.zeros(W.shape), np.zeros(b.shape)
    for i, h, v, c in np.ndindex(dZ.shape):
        window = np.s_[i, h * s : h * s + f, v * s : v * s + f]
        dA[window] += W[..., c] * dZ[i, h, v, c]
        dW[..., c] += padded[window] * dZ[i, h, v, c]
        db[..., c] += dZ[i, h, v, c]
    return dA[:, p : dA.shape[1] - p, p : dA.shape[2] - p], dW, db
"""


def test_channels_last_with_square_kernels_only(tmp_path):
    """The rectangular kernels stop it: one number, f, is both sides."""
    path = tmp_path / "last.py"
    path.write_text(LAST)
    layers, _ = visit(path)
    layer = layers["conv_backward"]
    assert "channels last" in layer["understood"] and "(KH, KW, C, O)" in layer["understood"]
    assert "with a kernel that is not square" in layer["stopped"]
    assert all(one["right"] or one["wrong_in"] for one in layer["results"].values())


SIZES = """
import numpy as np
class Linear:
    def __init__(self, in_features, out_features):
        self.weight = np.zeros((out_features, in_features))
        self.bias = np.zeros(out_features)
class MyConv2d:
    def __init__(self, in_channels, out_channels, kernel_size, stride=1):
        self.stride = stride
        self.weight = np.random.default_rng().normal(size=(
            out_channels, in_channels, kernel_size[0], kernel_size[1]))
        self.bias = np.zeros((out_channels,))
    def windows(self, x):
        view = np.lib.stride_tricks.sliding_window_view(x, self.weight.shape[2:], (2, 3))
        return view[:, :, :: self.stride, :: self.stride]
    def forward(self, x):
        self.x = x
        y = np.einsum("ncpqij,ocij->nopq", self.windows(x), self.weight)
        return y + self.bias[:, None, None]
    def backward(self, grad, learning_rate):
        dx = np.zeros_like(self.x)
        for i, j in np.ndindex(self.weight.shape[2:]):
            rows = slice(i, i + self.stride * grad.shape[2], self.stride)
            cols = slice(j, j + self.stride * grad.shape[3], self.stride)
            dx[:, :, rows, cols] += np.einsum("nopq,oc->ncpq", grad, self.weight[:, :, i, j])
        step = np.einsum("nopq,ncpqij->ocij", grad, self.windows(self.x))
        self.weight = self.weight - learning_rate * step
        self.bias = self.bias - learning_rate * grad.sum((0, 2, 3))
        return dx
"""


def test_gradients_are_read_off_the_step(tmp_path):
    path = tmp_path / "sizes.py"
    path.write_text(SIZES)
    layers, _ = visit(path)
    conv = layers["MyConv2d"]
    assert conv["right"], conv
    assert {"grad_weight", "grad_bias"} <= set(conv["results"])


NAMED = """
import numpy as np
def slide(picture, stencil):
    h, w = stencil.shape
    out = np.zeros((picture.shape[0] - h + 1, picture.shape[1] - w + 1))
    for i, j in np.ndindex(out.shape):
        out[i, j] = (picture[i : i + h, j : j + w] * stencil).sum()
    return out
def back(a, b, c):
    grad = np.zeros(b.shape)
    for i, j in np.ndindex(a.shape):
        grad += a[i, j] * c[i : i + b.shape[0], j : j + b.shape[1]]
    return grad
"""


def test_functions_named_on_the_command_line_one_map_at_a_time(tmp_path):
    from clearconv.doctor.kinds import KINDS
    from clearconv.doctor.named import read

    path = tmp_path / "named.py"
    path.write_text(NAMED)
    results = {kind.name: kind.results for kind in KINDS.values()}
    named = [
        read("conv2d.forward=slide", results),
        read("conv2d.grad_weight=back(grad_y, weight, x)", results),
    ]
    layers, _ = visit(path, functions=named)
    (layer,) = layers.values()
    assert layer["right"], layer
    assert "one map and one kernel at a time" in layer["understood"]
    assert set(layer["results"]) == {"y", "grad_weight"}
