"""Right programs, drawn at random in kind, interface, style and number format.

`program(number)` returns the text of a learner's file that holds one right layer. Two of the same
number are the same.
"""

import re
from dataclasses import dataclass

import right_flat as flat
import right_windows as windows

from clearconv.random import generator

#: Kind -> how often it is drawn.
WEIGHTS = {
    "conv2d": 40, "max_pool2d": 14, "avg_pool2d": 8, "im2col": 6, "linear": 9, "relu": 4,
    "sigmoid": 3, "batch_norm": 8, "dropout": 4, "softmax": 4, "softmax_cross_entropy": 6,
}  # fmt: skip


@dataclass
class Draw:
    """What one program is made of, chosen by its number."""

    number: int

    def __post_init__(self):
        self.rng = generator(0, "right programs", "", step=self.number)
        self.said = []

    def one(self, what, choices):
        """Choose one, and note it."""
        chosen = list(choices)[self.rng.integers(len(choices))]
        self.said.append(f"{what} {chosen}")
        return chosen

    def chance(self, what, share):
        """Choose yes or no, and note it."""
        yes = bool(self.rng.random() < share)
        self.said += [what] * yes
        return yes


def program(number):
    """Return a program's kind, its text, and what it was made of."""
    draw = Draw(number)
    kinds = [kind for kind, weight in WEIGHTS.items() for _ in range(weight)]
    kind = draw.one("kind", kinds)
    body = MAKERS[kind](draw)
    return kind, f'"""{", ".join(draw.said)}."""\n\nimport numpy as np\n\n\n{body}', draw.said


def _single(draw):
    """Say whether the program computes in single precision."""
    return draw.chance("float32", 0.25)


def _renamed(draw, text):
    """Return the text with other names for its arguments."""
    for old, names in NAMES.items():
        if re.search(rf"\b{old}\b", text):
            text = re.sub(rf"\b{old}\b", draw.one(f"{old} is", names), text)
    return text


#: What learners call the same thing.
NAMES = {
    "dout": ("dout", "dy", "upstream", "dl_dout", "error"),
    "grad_output": ("grad_output", "grad_out", "delta", "gradient"),
    "x": ("x", "inputs", "X", "data"),
    "cache": ("cache", "saved"),
}


def convolution(draw):
    """A convolution in one of seven interfaces."""
    slide = windows.SLIDE[draw.one("forward by", windows.SLIDE)]
    back = windows.HAND_BACK[draw.one("backward by", windows.HAND_BACK)]
    family = draw.one("interface", CONVOLUTIONS)
    text = CONVOLUTIONS[family]
    if draw.chance("kernel flipped forward", 0.15):
        text = text.replace("slide(x, w, ", "slide(x, w[:, :, ::-1, ::-1], ")
        text = text.replace("hand_back(", "flipped_back(")
        back += FLIPPED_BACK
    if draw.chance("gradients are means", 0.15):
        text = text.replace("= hand_back(", "= mean_back(").replace(
            "= flipped_back(", "= mean_back("
        )
        inner = "flipped_back" if "def flipped_back" in back else "hand_back"
        back += MEAN_BACK.format(inner=inner)
    if _single(draw):
        slide = slide.replace("def slide(", "def slide_in_any(") + SINGLE
    return "\n\n".join((slide, back, _renamed(draw, text)))


SINGLE = """

def slide(x, w, b, *how):
    return slide_in_any(*(array.astype(np.float32) for array in (x, w, b)), *how)
"""
FLIPPED_BACK = """

def flipped_back(g, x, w, stride, pad, dilation=(1, 1)):
    dx, dw_, db = hand_back(g, x, w[:, :, ::-1, ::-1], stride, pad, dilation)
    return dx, dw_[:, :, ::-1, ::-1], db
"""
MEAN_BACK = """

def mean_back(g, x, w, stride, pad, dilation=(1, 1)):
    dx, dw_, db = {inner}(g, x, w, stride, pad, dilation)
    return dx, dw_ / len(x), db / len(x)
"""

#: Interface -> text that calls ``slide`` and ``hand_back``.
CONVOLUTIONS = {
    "course": """\
def conv_forward_naive(x, w, b, conv_param):
    stride, pad = conv_param["stride"], conv_param["pad"]
    out = slide(x, w, b, (stride, stride), (pad, pad))
    return out, (x, w, b, conv_param)


def conv_backward_naive(dout, cache):
    x, w, b, conv_param = cache
    g, stride, pad = dout, conv_param["stride"], conv_param["pad"]
    dx, dw, db = hand_back(g, x, w, (stride, stride), (pad, pad))
    return dx, dw, db
""",
    "course, channels last": """\
def conv_forward(A_prev, W, b, hparameters):
    stride, pad = hparameters["stride"], hparameters["pad"]
    x, w = A_prev.transpose(0, 3, 1, 2), W.transpose(3, 2, 0, 1)
    Z = slide(x, w, b.reshape(-1), (stride, stride), (pad, pad)).transpose(0, 2, 3, 1)
    return Z, (A_prev, W, b, hparameters)


def conv_backward(dZ, cache):
    A_prev, W, b, hparameters = cache
    stride, pad = hparameters["stride"], hparameters["pad"]
    x, w, g = A_prev.transpose(0, 3, 1, 2), W.transpose(3, 2, 0, 1), dZ.transpose(0, 3, 1, 2)
    dx, dw, db = hand_back(g, x, w, (stride, stride), (pad, pad))
    return dx.transpose(0, 2, 3, 1), dw.transpose(2, 3, 1, 0), db.reshape(1, 1, 1, -1)
""",
    "book": """\
class Convolution:
    def __init__(self, W, b, stride=1, pad=0):
        self.W, self.b, self.stride, self.pad = W, b, stride, pad
        self.x = self.dW = self.db = None

    def forward(self, x):
        self.x, w, b = x, self.W, self.b
        return slide(x, w, b, (self.stride, self.stride), (self.pad, self.pad))

    def backward(self, dout):
        g, x, w = dout, self.x, self.W
        dx, self.dW, self.db = hand_back(
            g, x, w, (self.stride, self.stride), (self.pad, self.pad)
        )
        return dx
""",
    "class made from sizes": """\
class Conv2d:
    def __init__(self, in_channels, out_channels, kernel_size, stride=(1, 1), padding=(0, 0)):
        height, width = kernel_size
        rng = np.random.default_rng(0)
        self.weight = rng.standard_normal((out_channels, in_channels, height, width))
        self.bias = np.zeros(out_channels)
        self.stride_h, self.stride_w = stride
        self.pad_h, self.pad_w = padding

    def forward(self, x):
        self.x, w, b = x, self.weight, self.bias
        return slide(x, w, b, (self.stride_h, self.stride_w), (self.pad_h, self.pad_w))

    def backward(self, grad_output):
        g, x, w = grad_output, self.x, self.weight
        dx, self.grad_weight, self.grad_bias = hand_back(
            g, x, w, (self.stride_h, self.stride_w), (self.pad_h, self.pad_w)
        )
        return dx
""",
    "functions with pairs": """\
def conv2d(x, w, b, stride, padding, dilation):
    (sh, sw), (ph, pw), (dh, dw) = stride, padding, dilation
    return slide(x, w, b, (sh, sw), (ph, pw), (dh, dw))


def conv2d_backward(dy, x, w, b, stride, padding, dilation):
    (sh, sw), (ph, pw), (dh, dw) = stride, padding, dilation
    g = dy
    dx, dw_, db = hand_back(g, x, w, (sh, sw), (ph, pw), (dh, dw))
    return dx, dw_, db
""",
    "article": """\
class Filter:
    def __init__(self, width, height, depth):
        self.weights = np.random.uniform(-1e-4, 1e-4, (depth, height, width))
        self.bias = 0
        self.weights_grad = np.zeros(self.weights.shape)
        self.bias_grad = 0


class ConvLayer:
    def __init__(self, input_width, input_height, channel_number, filter_width, filter_height,
                 filter_number, zero_padding, stride, activator, learning_rate):
        self.input_width, self.input_height = input_width, input_height
        self.stride, self.zero_padding, self.activator = stride, zero_padding, activator
        self.learning_rate = learning_rate
        self.filters = [
            Filter(filter_width, filter_height, channel_number) for _ in range(filter_number)
        ]

    def _all(self):
        return (
            np.array([one.weights for one in self.filters]),
            np.array([float(one.bias) for one in self.filters]),
        )

    def forward(self, input_array):
        self.input_array = input_array
        x, (w, b) = input_array[None], self._all()
        p, s = self.zero_padding, self.stride
        self.output_array = slide(x, w, b, (s, s), (p, p))[0]

    def backward(self, input_array, sensitivity_array, activator):
        self.forward(input_array)
        g, x, (w, b) = sensitivity_array[None], input_array[None], self._all()
        p, s = self.zero_padding, self.stride
        dx, dw_, db = hand_back(g, x, w, (s, s), (p, p))
        self.delta_array = dx[0] * activator.backward(input_array)
        for one, its_w, its_b in zip(self.filters, dw_, db):
            one.weights_grad, one.bias_grad = its_w, its_b
""",
    "one image": """\
def conv_forward(image, kernels, bias, stride=1, pad=0):
    x, w, b = image[None], kernels, bias
    return slide(x, w, b, (stride, stride), (pad, pad))[0]


def conv_backward(dout, image, kernels, bias, stride=1, pad=0):
    g, x, w = dout[None], image[None], kernels
    dx, dw, db = hand_back(g, x, w, (stride, stride), (pad, pad))
    return dx[0], dw, db
""",
}

_POOLS = {
    "course": """\
def {name}_pool_forward_naive(x, pool_param):
    kernel = pool_param["pool_height"], pool_param["pool_width"]
    stride = pool_param["stride"]
    return {forward}(x, kernel, (stride, stride), (0, 0)), (x, pool_param)


def {name}_pool_backward_naive(dout, cache):
    x, pool_param = cache
    kernel = pool_param["pool_height"], pool_param["pool_width"]
    stride = pool_param["stride"]
    return {backward}(dout, x, kernel, (stride, stride), (0, 0))
""",
    "course, channels last": """\
def {name}_pool_forward(A_prev, hparameters):
    f, stride = hparameters["f"], hparameters["stride"]
    A = {forward}(A_prev.transpose(0, 3, 1, 2), (f, f), (stride, stride), (0, 0))
    return A.transpose(0, 2, 3, 1), (A_prev, hparameters)


def {name}_pool_backward(dA, cache):
    A_prev, hparameters = cache
    f, stride = hparameters["f"], hparameters["stride"]
    g, x = dA.transpose(0, 3, 1, 2), A_prev.transpose(0, 3, 1, 2)
    return {backward}(g, x, (f, f), (stride, stride), (0, 0)).transpose(0, 2, 3, 1)
""",
    "book": """\
class {Name}Pooling:
    def __init__(self, pool_h, pool_w, stride=1, pad=0):
        self.pool_h, self.pool_w, self.stride, self.pad = pool_h, pool_w, stride, pad

    def _how(self):
        return (self.pool_h, self.pool_w), (self.stride,) * 2, (self.pad,) * 2

    def forward(self, x):
        self.x = x
        return {forward}(x, *self._how())

    def backward(self, dout):
        return {backward}(dout, self.x, *self._how())
""",
    "class with pairs": """\
class {Name}Pool2d:
    def __init__(self, kernel_size, stride, padding):
        height, width = kernel_size
        down, right = stride
        top, left = padding
        self.how = (height, width), (down, right), (top, left)

    def forward(self, x):
        self.x = x
        return {forward}(x, *self.how)

    def backward(self, grad_output):
        return {backward}(grad_output, self.x, *self.how)
""",
    "article": """\
class {Name}PoolingLayer:
    def __init__(self, input_width, input_height, channel_number,
                 filter_width, filter_height, stride):
        self.kernel, self.stride = (filter_height, filter_width), (stride, stride)

    def forward(self, input_array):
        self.output_array = {forward}(input_array[None], self.kernel, self.stride, (0, 0))[0]

    def backward(self, input_array, sensitivity_array):
        self.delta_array = {backward}(
            sensitivity_array[None], input_array[None], self.kernel, self.stride, (0, 0)
        )[0]
""",
}


def _pooling(draw, forwards, backwards, names):
    forward = forwards[draw.one("forward by", forwards)]
    backward = backwards[draw.one("backward by", backwards)]
    text = _POOLS[draw.one("interface", _POOLS)]
    for old, new in names.items():
        text = text.replace(old, new)
    if _single(draw):
        cast = "def {0}(x, *how):\n    return {0}_(x.astype(np.float32), *how)\n\n"
        name = names["{forward}"]
        forward = forward.replace(f"def {name}(", f"def {name}_(") + "\n\n" + cast.format(name)
    return "\n\n".join((forward, backward, _renamed(draw, text)))


def largest(draw):
    """Max pooling in one of five interfaces."""
    names = {
        "{name}": "max",
        "{Name}": "Max",
        "{forward}": "largest",
        "{backward}": "to_the_winner",
    }
    return _pooling(draw, windows.LARGEST, windows.TO_THE_WINNER, names)


def mean(draw):
    """Average pooling in one of five interfaces."""
    names = {"{name}": "avg", "{Name}": "Avg", "{forward}": "mean_of", "{backward}": "shares"}
    return _pooling(draw, windows.MEAN_OF, windows.SHARES, names)


def _from(texts):
    """Return a maker that draws one of these texts, in double precision or single."""

    def make(draw):
        text = texts[draw.one("as", texts)]
        if "float64" in text and _single(draw):
            text = text.replace("float64", "float32")
        return text if "im2col" in text else _renamed(draw, text)

    return make


MAKERS = {
    "conv2d": convolution,
    "max_pool2d": largest,
    "avg_pool2d": mean,
    "im2col": _from(flat.COLUMNS),
    "linear": _from(flat.LINEAR),
    "relu": _from(flat.RELU),
    "sigmoid": _from(flat.SIGMOID),
    "batch_norm": _from(flat.BATCH_NORM),
    "dropout": _from(flat.DROPOUT),
    "softmax": _from(flat.SOFTMAX),
    "softmax_cross_entropy": _from(flat.LOSS),
}
