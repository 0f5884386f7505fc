"""What the doctor recognises in a learner's text, and what it leaves alone."""

from pathlib import Path

import pytest

from clearconv.doctor.find import find
from clearconv.doctor.kinds import KINDS
from clearconv.doctor.named import Named, read
from clearconv.errors import ArgumentError

LEARNERS = Path(__file__).parent / "learners"
RESULTS = {kind.name: kind.results for kind in KINDS.values()}


def found(source, *named):
    return {(one.kind, one.name): one for one in find(source, named)}


def test_the_book_and_the_article():
    book = found((LEARNERS / "book.py").read_text())
    assert set(book) >= {
        ("im2col", "im2col"), ("col2im", "col2im"), ("conv2d", "Convolution"),
        ("max_pool2d", "Pooling"), ("linear", "Affine"), ("relu", "Relu"), ("sigmoid", "Sigmoid"),
        ("batch_norm", "BatchNormalization"), ("dropout", "Dropout"),
        ("softmax_cross_entropy", "SoftmaxWithLoss"),
    }  # fmt: skip
    article = found((LEARNERS / "article.py").read_text())
    assert {one.family for one in article.values()} == {"article", "activator"}
    init = article["conv2d", "ConvLayer"].calls["init"]
    assert [p.role for p in init.parameters] == [
        "width", "height", "in_channels", "kernel_w", "kernel_h", "out_channels", "padding",
        "stride", "activator", "lr",
    ]  # fmt: skip


COURSE = """
def conv_forward_naive(x, w, b, conv_param):
    s, p = conv_param["stride"], conv_param.get("pad", 0)
    return out, (x, w, b, conv_param)
def conv_backward_naive(dout, cache): return dx, dw, db
def conv_backward_fast(dout, cache): return dx, dw, db
def batchnorm_forward(x, gamma, beta, bn_param): return out, cache
def batchnorm_backward(dout, cache): return dx, dgamma, dbeta
def batchnorm_backward_alt(dout, cache): return dx, dgamma, dbeta
def softmax_loss(x, y): return loss, dx
def svm_loss(x, y): return loss, dx
def pool_forward(A_prev, hparameters, mode="max"):
    return A[hparameters["f"] : hparameters["stride"]], cache
def pool_backward(dA, cache, mode="max"): return dA_prev
class ThreeLayerConvNet:
    def __init__(self, W, b): self.W = W
    def forward(self, x): return x
"""


def test_functions_of_courses():
    course = found(COURSE)
    conv = course["conv2d", "conv_backward_naive"]
    assert conv.calls["forward"].role("options").keys == ("stride", "pad")
    assert conv.calls["backward"].returns == ("grad_x", "grad_weight", "grad_bias")
    assert ("conv2d", "conv_backward_fast") in course, "each backward function is one to examine"
    assert {name for kind, name in course if kind == "batch_norm"} == {
        "batchnorm_backward",
        "batchnorm_backward_alt",
    }
    loss = course["softmax_cross_entropy", "softmax_loss"].calls["forward"]
    assert [p.role for p in loss.parameters] == ["x", "labels"]
    assert {kind for kind, name in course if name == "pool_backward"} == {
        "max_pool2d",
        "avg_pool2d",
    }
    assert not any("svm" in name or "Net" in name for _, name in course)


@pytest.mark.parametrize(
    "text",
    [
        "def conv_single_step(a_slice_prev, W, b): return Z",  # a piece, not a layer
        "def zero_pad(X, pad): return X",
        "def leaky_relu(x): return x",
        "def conv_output_size(n, f, pad, stride): return n",
        "class ConvTranspose:\n    def __init__(self, W, b): pass\n    def forward(self, x): pass",
        "def conv_forward(x, w, b, mystery): return out, cache",
    ],
)
def test_what_is_no_layer_is_left_alone(text):
    assert find(text) == []


def test_methods_of_a_base_class_in_the_file_count():
    text = (
        "class Layer:\n    def backward(self, dout): return dout\n"
        "class Relu(Layer):\n    def forward(self, x): return x\n"
    )
    assert set(found(text)["relu", "Relu"].calls) == {"forward", "backward"}


def test_functions_named_by_hand():
    text = "def f(a, k, c): return z\ndef g(q, r, s): return u, v\n"
    forward = read("conv2d.forward=f", RESULTS)
    backward = read("conv2d.backward = g(grad_y, x, weight) -> grad_weight, grad_x", RESULTS)
    assert forward == Named("conv2d", "forward", "f")
    (one,) = find(text, [forward, backward])
    assert [p.role for p in one.calls["forward"].parameters] == ["x", "weight", "bias"]
    assert [p.role for p in one.calls["backward"].parameters] == ["grad_y", "x", "weight"]
    assert one.calls["backward"].returns == ("grad_weight", "grad_x")
    (one,) = find(text, [read("conv2d.grad_bias=g(grad_y)", RESULTS)])
    assert one.calls["grad_bias"].returns == ("grad_bias",)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("my_conv", "is not understood"),
        ("conv3d.forward=f", "Known: conv2d"),
        ("conv2d.sideways=f", "forward, backward, y, grad_x"),
        ("conv2d.forward=f(x, oops)", "'oops' is not known"),
        ("conv2d.backward=f -> oops", "no result 'oops'"),
    ],
)
def test_what_is_named_wrongly_is_answered(text, said):
    with pytest.raises(ArgumentError, match=said):
        read(text, RESULTS)


NET = """
class Net:
    def __init__(self, lr): self.lr, self.w = lr, 3
    def relu(self, x): return self.clip(x), x
    def relu_backward(self, dout, cache): return dout * (cache > 0)
    def clip(self, x): return x * (x > 0)
    def affine_forward(self, x, w, b): return x @ w + b
    def conv_forward(self, x): return x * self.w
    def sigmoid(self, x): return x / self.lr
"""


def test_methods_of_a_net_that_need_nothing_of_it_are_layers():
    net = found(NET)
    assert set(net) == {("relu", "Net.relu_backward"), ("linear", "Net.affine_forward")}
    assert net["relu", "Net.relu_backward"].calls["forward"].name == "Net.relu"
    assert ("sigmoid", "Net.sigmoid") in found(NET.replace(", lr)", ", lr=1)"))
    (one,) = find(NET, [read("conv2d.forward=Net.affine_forward(x, weight, bias)", RESULTS)])
    assert one.calls["forward"].name == "Net.affine_forward"
