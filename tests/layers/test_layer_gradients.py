"""Every layer, and nets of all of them, against central differences; and the checker itself."""

import numpy as np
import pytest
from PIL import Image

import clearconv
from clearconv import (
    Activation,
    AdaptiveAvgPool2d,
    AvgPool2d,
    BatchNorm2d,
    Concat,
    Conv2d,
    ConvPool2d,
    ConvTranspose2d,
    Dropout,
    Flatten,
    GlobalAvgPool2d,
    GroupNorm,
    Hardsigmoid,
    Hardswish,
    Identity,
    InstanceNorm2d,
    LayerNorm,
    LeakyReLU,
    Linear,
    MaxPool2d,
    ReLU,
    ReLU6,
    Residual,
    Sequential,
    Sigmoid,
    SiLU,
    Softmax,
    Tanh,
    Upsample,
    gradient_check,
)
from clearconv.errors import ArgumentError, DtypeError, ShapeError
from clearconv.ops import conv_block, linear

IMAGE = (3, 7, 6)

LAYERS = {
    "conv": (lambda: Conv2d(4, (3, 2), stride=(2, 1), padding=((1, 0), (0, 2))), IMAGE),
    "conv, groups, dilation": (lambda: Conv2d(6, 2, groups=3, dilation=2, bias=False), IMAGE),
    "conv, relu": (lambda: Conv2d(4, 3, activation="relu"), IMAGE),
    "conv, tanh": (lambda: Conv2d(4, 3, activation="tanh", init="xavier"), IMAGE),
    "conv + max pool": (lambda: ConvPool2d(4, 3, 2, padding=1), IMAGE),
    "conv + avg pool": (lambda: ConvPool2d(4, 3, 3, pool_stride=2, pool="avg"), IMAGE),
    "conv, bias by position": (
        lambda: Conv2d(4, 3, padding=1, shared_biases=False, activation="relu"),
        IMAGE,
    ),
    "transposed conv": (
        lambda: ConvTranspose2d(4, (3, 2), stride=(2, 1), padding=1, output_padding=(1, 0)),
        IMAGE,
    ),
    "transposed conv, groups, tanh": (
        lambda: ConvTranspose2d(6, 2, groups=3, dilation=2, bias=False, activation="tanh"),
        IMAGE,
    ),
    "transposed conv, bias by position": (
        lambda: ConvTranspose2d(2, 3, stride=2, shared_biases=False, activation="relu"),
        IMAGE,
    ),
    "max pool": (lambda: MaxPool2d(3, 2, padding=1), IMAGE),
    "max pool, ceil": (lambda: MaxPool2d(2, ceil_mode=True), IMAGE),
    "avg pool": (lambda: AvgPool2d((3, 2), 2, padding=1, count_include_pad=False), IMAGE),
    "global avg pool": (lambda: GlobalAvgPool2d(), IMAGE),
    "adaptive avg pool": (lambda: AdaptiveAvgPool2d((3, None)), IMAGE),
    "upsample, nearest": (lambda: Upsample(scale_factor=2), IMAGE),
    "upsample, bilinear": (lambda: Upsample((9, 5), mode="bilinear"), IMAGE),
    "batch norm": (lambda: BatchNorm2d(), IMAGE),
    "batch norm of features": (lambda: BatchNorm2d(), (5,)),
    "group norm": (lambda: GroupNorm(3, eps=0.01), (6, 4, 5)),
    "group norm of features": (lambda: GroupNorm(2), (8,)),
    "instance norm": (lambda: InstanceNorm2d(), IMAGE),
    "instance norm, affine": (lambda: InstanceNorm2d(affine=True), IMAGE),
    "layer norm": (lambda: LayerNorm(), IMAGE),
    "layer norm of features": (lambda: LayerNorm(), (5,)),
    "layer norm, nothing learnt": (lambda: LayerNorm(elementwise_affine=False), IMAGE),
    "dropout": (lambda: Dropout(0.4), IMAGE),
    "flatten": (lambda: Flatten(), IMAGE),
    "linear": (lambda: Linear(4), (5,)),
    "linear, sigmoid, no bias": (lambda: Linear(4, bias=False, activation="sigmoid"), (5,)),
    "softmax": (lambda: Softmax(), (5,)),
    "softmax of maps": (lambda: Softmax(), IMAGE),
    "relu": (lambda: ReLU(), IMAGE),
    "leaky relu": (lambda: LeakyReLU(0.2), IMAGE),
    "sigmoid": (lambda: Sigmoid(), IMAGE),
    "tanh": (lambda: Tanh(), IMAGE),
    "relu6": (lambda: ReLU6(), IMAGE),
    "hardsigmoid": (lambda: Hardsigmoid(), IMAGE),
    "hardswish": (lambda: Hardswish(), IMAGE),
    "silu": (lambda: SiLU(), IMAGE),
    "conv, relu6": (lambda: Conv2d(4, 3, activation="relu6", init=2.0), IMAGE),
    "conv, hardswish": (lambda: Conv2d(4, 3, activation="hardswish", init=1.0), IMAGE),
    "residual, silu": (lambda: Residual(Conv2d(3, 3, padding=1), activation="silu"), IMAGE),
    "identity": (lambda: Identity(), IMAGE),
    "activation": (lambda: Activation("leaky_relu", slope=0.3), (5,)),
    "residual": (lambda: Residual(Conv2d(3, 3, padding=1)), IMAGE),
    "residual, empty body": (lambda: Residual(activation="tanh"), IMAGE),
    "residual, shortcut": (
        lambda: Residual(
            Conv2d(4, 3, stride=2, padding=1),
            BatchNorm2d(),
            shortcut=Conv2d(4, 1, stride=2),
            activation="relu",
        ),
        IMAGE,
    ),
    "concat": (lambda: Concat(Conv2d(2, 1), Identity(), MaxPool2d(3, 1, padding=1)), IMAGE),
    "concat of features": (lambda: Concat(Linear(2), Linear(3)), (5,)),
}


def everything():
    return Sequential(
        Conv2d(4, 3, padding="same", activation="leaky_relu"),
        BatchNorm2d(),
        Residual(
            Conv2d(6, 3, stride=2, padding=1, bias=False),
            BatchNorm2d(),
            Tanh(),
            Concat(
                Conv2d(2, 1, name="point"),
                Sequential(Conv2d(4, 3, padding=1, groups=2, name="wide"), Sigmoid(), name=""),
                name="",
            ),
            shortcut=Sequential(Conv2d(6, 1, stride=2, bias=False), BatchNorm2d()),
            activation="relu",
        ),
        Concat(
            MaxPool2d(2, ceil_mode=True),
            AvgPool2d(2, ceil_mode=True),
            ConvPool2d(3, 2, 2, padding=((0, 1), (0, 1)), pool="avg", pool_padding=(0, 1)),
        ),
        Dropout(0.3),
        Concat(GlobalAvgPool2d(), MaxPool2d(2)),
        Flatten(),
        Linear(5, activation="tanh", init="xavier"),
        Residual(Linear(5), ReLU(), Linear(5)),
        BatchNorm2d(),
        Softmax(),
    )


def built(make, shape, seed=0, dtype="float64"):
    """Return the layer with random running statistics and biases: zeros would hide mistakes."""
    layer = make().build(shape, seed=seed, dtype=dtype)
    rng = np.random.default_rng(seed + 1)
    state = layer.state_dict()
    for path, array in state.items():
        if path.endswith(("bias", "running_mean")):
            array += rng.normal(0, 0.3, array.shape)
        elif path.endswith("running_var"):
            array *= rng.uniform(0.5, 2, array.shape)
    layer.load_state_dict(state)
    return layer


@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
@pytest.mark.parametrize("name", LAYERS)
def test_every_layer(name, training):
    make, shape = LAYERS[name]
    layer = built(make, shape)
    x = np.random.default_rng(2).standard_normal((4, *shape))
    found = gradient_check(layer, x, training=training)
    assert found.errors.keys() == {"x", *layer.parameters}
    assert found.ok, f"\n{found}"


@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
@pytest.mark.parametrize("seed", [0, 1])
def test_a_net_of_everything(seed, training):
    net = built(everything, (3, 8, 6), seed)
    x = np.random.default_rng(seed + 5).standard_normal((5, 3, 8, 6))
    # among some thousand ReLUs and maxima one may lie within 1e-6 of its kink
    found = gradient_check(net, x, training=training, directions=3, step=1e-7)
    assert found.ok, f"\n{found}"


def test_without_the_input_gradient_the_parameters_get_the_same():
    net = built(everything, (3, 8, 6))
    x = np.random.default_rng(0).standard_normal((3, 3, 8, 6))
    grad_y = np.random.default_rng(1).standard_normal((3, 5))
    net.forward(x, training=True)
    assert net.backward(grad_y).shape == x.shape
    with_input = {path: grad.copy() for path, grad in net.gradients.items()}
    net.store.grads[:] = np.nan
    assert net.backward(grad_y, input_gradient=False) is None
    for path, grad in net.gradients.items():
        np.testing.assert_array_equal(grad, with_input[path], err_msg=path)


def test_what_is_not_wanted_is_not_computed(monkeypatch):
    """The input gradient of the first layer alone is left out, down through the containers."""
    asked = []
    for chapter, name in ((conv_block, "backward"), (linear, "backward_input")):
        original = getattr(chapter, name)

        def counting(grad_y, weight, *rest, _original=original, **options):
            if options.get("input_gradient", True):
                asked.append(weight.shape)
            return _original(grad_y, weight, *rest, **options)

        monkeypatch.setattr(chapter, name, counting)
    net = Sequential(
        Sequential(Residual(Conv2d(2, 1), shortcut=Conv2d(2, 1)), name="a"),
        Conv2d(4, 3),
        Flatten(),
        Linear(5),
    ).build((2, 4, 4))
    y = net.forward(np.ones((1, 2, 4, 4), "float32"), training=True)
    net.backward(y, input_gradient=False)
    assert asked == [(5, 16), (4, 2, 3, 3)]
    net.backward(y)
    assert asked[2:] == [(5, 16), (4, 2, 3, 3), (2, 2, 1, 1), (2, 2, 1, 1)]


def test_a_model_is_left_as_it_came():
    net = built(everything, (3, 8, 6))
    before = net.store.fingerprint()
    gradient_check(net, np.random.default_rng(0).standard_normal((3, 3, 8, 6)), directions=1)
    assert net.store.fingerprint() == before


# -- pictures lie on kinks: black margins and saturated areas


def picture(channels=3, side=12):
    """Return two pictures with black margins, a white area, and noise elsewhere."""
    x = np.random.default_rng(8).uniform(0.1, 0.9, (2, channels, side, side))
    x[:, :, :3] = x[:, :, :, -4:] = 0
    x[:, :, 4:8, 2:7] = 1
    return x


def photograph(shared):
    """Return a photograph of 20 x 24 with black margins, and saturated in places."""
    path = sorted((shared / "animals").rglob("*.jpg"))[0]
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB").resize((24, 20)), float)
    x = np.clip(pixels * 1.5 / 255, 0, 1).transpose(2, 0, 1)[None]
    x[..., :4, :] = 0
    return x


def check_on(x):
    net = Sequential(
        Conv2d(4, 3, padding=1),
        ReLU(),
        MaxPool2d(2),
        Conv2d(3, 3, activation="relu"),
        Flatten(),
        Linear(2),
    )
    return gradient_check(net.build(x.shape[1:], dtype="float64"), x, directions=3)


def test_a_right_network_is_right_on_a_picture_with_black_and_white_areas():
    found = check_on(picture())
    assert found.ok, f"\n{found}"
    assert found.kinks["conv1.bias"] == 3
    text = str(found)
    assert "right  conv1.bias: relative error" in text and "(3 of 3 directions at a kink)" in text
    assert "by up to 1% of" in text


@pytest.mark.data
def test_a_right_network_is_right_on_a_photograph(shared):
    found = check_on(photograph(shared))
    assert found.ok and found.kinks, f"\n{found}"


@pytest.mark.parametrize("layer", [ReLU, lambda: MaxPool2d(2), lambda: MaxPool2d(3, 2)])
@pytest.mark.parametrize("x", [picture(), np.zeros((1, 1, 6, 6))], ids=["picture", "black"])
def test_a_layer_alone_is_right_on_kinks(layer, x):
    found = gradient_check(layer().build(x.shape[1:], dtype="float64"), x)
    assert found.ok and found.kinks == {"x": 5}, f"\n{found}"


def stage(slip):
    """y = max over 2x2 of max(0, w x + b), its gradients spoilt by `slip`."""

    def run(inputs):
        x, w, b = inputs["x"], inputs["w"], inputs["b"]
        N, C, H, W = x.shape
        u = x * w + b
        gate = u >= 0 if slip == "gate" else u > 0
        windows = np.maximum(u, 0).reshape(N, C, H // 2, 2, W // 2, 2).swapaxes(3, 4)
        flat = windows.reshape(N, C, H // 2, W // 2, 4)
        y = flat.max(axis=-1)
        if slip == "both":
            chosen = flat == y[..., None]
        else:
            chosen = np.arange(4) == flat.argmax(axis=-1)[..., None]

        def backward(grad_y):
            grad = (grad_y[..., None] * chosen).reshape(windows.shape).swapaxes(3, 4)
            grad_u = grad.reshape(u.shape) * gate
            grad_b = np.zeros(1) if slip == "no bias" else np.sum(grad_u, keepdims=True).reshape(1)
            grad_w = np.sum(grad_u * x).reshape(1)
            return {"x": grad_u * (-w if slip == "sign" else w), "w": grad_w, "b": grad_b}

        return y, backward

    return run


@pytest.mark.parametrize(
    ("slip", "wrong"),
    [("", set()), ("gate", set()), ("sign", {"x"}), ("no bias", {"b"}), ("both", {"x", "w"})],
)
def test_kinks_hide_no_mistake(slip, wrong):
    """The slope of a ReLU at 0 is a convention; a tie that counts twice is a mistake."""
    inputs = {"x": picture(1), "w": np.array([0.7]), "b": np.zeros(1)}
    found = gradient_check(stage(slip), inputs)
    assert {n for n, error in found.errors.items() if error > found.tolerance} >= wrong
    assert found.ok == (not wrong), f"\n{found}"
    assert found.kinks


def test_a_tie_that_counts_twice_is_wrong_without_a_relu():
    def run(inputs):
        x = inputs["x"]
        y = x.max(axis=-1)
        return y, lambda grad_y: {"x": grad_y[..., None] * (x == y[..., None])}

    assert "WRONG  x" in str(gradient_check(run, {"x": np.zeros((4, 3))}))
    assert gradient_check(run, {"x": X}).ok


def test_a_kink_within_the_step_is_no_mistake():
    x = np.array([3e-7, 1.0, -2.0])
    assert gradient_check(ReLU().build((3,), dtype="float64"), x[None]).ok


def test_where_all_is_kinks_nothing_is_judged():
    def saw(inputs):
        """Kinks everywhere, closer together than the smallest step."""
        x = inputs["x"]
        teeth = np.abs((x * 1e9) % 2 - 1) * 1e-9
        return x + teeth, lambda grad_y: {"x": grad_y}

    found = gradient_check(saw, np.linspace(0.1, 0.9, 7), directions=2)
    assert not found.ok and np.isnan(found.errors["x"])
    assert "not judged  x: 2 of 2 directions at a kink" in str(found)


# -- the checker must find mistakes


def square(wrong):
    """y = scale * x**2 with the gradient 2 * scale * x, spoilt by `wrong`."""

    def run(inputs, scale=1e-7):
        x = inputs["x"]
        return scale * x**2, lambda grad_y: {"x": wrong(2 * scale * x * grad_y)}

    return run


X = np.random.default_rng(0).standard_normal((4, 5))


def test_a_right_gradient_is_right_however_small():
    assert gradient_check(square(lambda grad: grad), X).ok


@pytest.mark.parametrize(
    "wrong",
    [
        lambda grad: grad * 1.001,
        lambda grad: -grad,
        lambda grad: 0 * grad,
        lambda grad: grad * np.nan,
        lambda grad: grad + np.inf,
        lambda grad: grad * (np.arange(grad.size).reshape(grad.shape) != 7),  # one element
        lambda grad: grad[::-1],
    ],
    ids=["0.1 %", "sign", "zero", "nan", "inf", "one element", "order"],
)
def test_a_wrong_gradient_is_wrong_however_small(wrong):
    found = gradient_check(square(wrong), X)
    assert not found.ok
    assert "WRONG  x" in str(found)


def test_a_gradient_of_exactly_nothing_is_right():
    """A bias before batch norm: rounding alone must not make it look wrong."""
    net = Sequential(Conv2d(3, 1), BatchNorm2d()).build((2, 4, 4), dtype="float64")
    found = gradient_check(net, np.random.default_rng(3).standard_normal((3, 2, 4, 4)))
    assert found.ok, f"\n{found}"


def test_a_layer_that_gives_nothing_has_no_gradient():
    assert gradient_check(ReLU().build((5,), dtype="float64"), -np.abs(X)).errors == {"x": 0}


def test_a_gradient_of_another_shape_is_told():
    with pytest.raises(ShapeError, match=r"'x' of shape \(5,\)"):
        gradient_check(square(lambda grad: grad.sum(axis=0)), X)


def test_a_backward_that_writes_into_its_arguments_does_not_fool_the_checker():
    def run(inputs):
        x = inputs["x"]
        y = x**2

        def backward(grad_y):
            grad_y *= 2 * x
            return {"x": grad_y}

        return y, backward

    before = X.copy()
    assert gradient_check(run, X).ok
    np.testing.assert_array_equal(X, before)


def test_float32_and_dicts_are_refused():
    layer = Linear(2).build((3,))
    with pytest.raises(DtypeError, match="dtype='float64'"):
        gradient_check(layer, np.zeros((2, 3)))
    layer = Linear(2).build((3,), dtype="float64")
    with pytest.raises(DtypeError, match="x is float32"):
        gradient_check(layer, np.zeros((2, 3), "float32"))
    with pytest.raises(ArgumentError, match="one array"):
        gradient_check(layer, {"x": np.zeros((2, 3))})


def test_the_names_are_public():
    found = clearconv.gradient_check(square(lambda grad: grad), X)
    assert isinstance(found, clearconv.GradientCheck)
