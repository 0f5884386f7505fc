"""Arguments that would be nonsense, or PyTorch's habit, are refused where they are given."""

import math

import numpy as np
import pytest

import clearconv
from clearconv import (
    Activation,
    AdaptiveAvgPool2d,
    AvgPool2d,
    BatchNorm2d,
    Conv2d,
    ConvPool2d,
    ConvTranspose2d,
    Flatten,
    GlobalAvgPool2d,
    GroupNorm,
    Identity,
    InstanceNorm2d,
    Layer,
    LayerNorm,
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
from clearconv.errors import ArgumentError, ModelFileError, ShapeError


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: BatchNorm2d(momentum=2), "momentum=2.*from 0 to 1"),
        (lambda: BatchNorm2d(momentum=True), "momentum=True"),
        (lambda: BatchNorm2d(momentum=None), "momentum=None.*all batches.*not offered"),
        (lambda: BatchNorm2d(eps=0), "eps=0.*above 0"),
        (lambda: BatchNorm2d(eps=-1e-5), "eps=-1e-05.*above 0"),
        (lambda: BatchNorm2d(eps=math.nan), "eps=nan.*above 0"),
        (lambda: GroupNorm(0), "num_groups=0.*at least 1"),
        (lambda: GroupNorm(4, 32), r"GroupNorm\(4, 32\).*inferred.*Write GroupNorm\(4\)\."),
        (lambda: GroupNorm(4, eps=0), "GroupNorm: eps=0.*above 0"),
        (lambda: LayerNorm((3, 4, 4)), r"LayerNorm\(\(3, 4, 4\)\).*inferred.*Write LayerNorm\(\)"),
        (lambda: InstanceNorm2d(8), r"InstanceNorm2d\(8\).*inferred.*Write InstanceNorm2d\(\)"),
        (lambda: Conv2d(4, 3, groups=0), "groups=0"),
        (lambda: Conv2d(4, 3, name=3), "name=3.*text"),
        (lambda: Sequential(name=3), "name=3.*text"),
        (lambda: ReLU(True), r"ReLU\(True\).*inplace.*Write ReLU\(\)\."),
        (lambda: ReLU6(True), r"ReLU6\(True\).*inplace.*Write ReLU6\(\)\."),
        (lambda: SiLU(True), r"SiLU\(True\).*inplace.*Write SiLU\(\)\."),
        (lambda: Flatten(1), r"Flatten\(1\).*start_dim.*Write Flatten\(\)\."),
        (lambda: Softmax(1), r"Softmax\(1\).*channels.*Write Softmax\(\)\."),
        (lambda: Sigmoid(1), r"Write Sigmoid\(\)\."),
        (lambda: Tanh(1), r"Write Tanh\(\)\."),
        (lambda: Identity(1, 2), r"Identity\(1, 2\).*Write Identity\(\)\."),
        (lambda: Upsample(), "Upsample: neither given.*scale_factor=2"),
        (lambda: Upsample(2, 2), "Upsample: size=2 and scale_factor=2 given"),
        (lambda: Upsample(2, mode="bicubic"), "Upsample: mode='bicubic'.*'bilinear'"),
        (lambda: Upsample(2, align_corners=True), "align_corners=True with mode='nearest'"),
        (lambda: GlobalAvgPool2d((1, 1)), r"Write GlobalAvgPool2d\(\)\."),
    ],
)
def test_what_no_layer_takes(make, message):
    with pytest.raises(ArgumentError, match=message):
        make()


def test_the_ends_of_what_batch_norm_takes():
    for momentum in (0, 1, 0.5, np.float32(0.5)):
        assert BatchNorm2d(momentum=momentum).momentum == momentum


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Conv2d(4, 3, padding="full"), "Conv2d: padding='full'.*'same' or 'valid'"),
        (lambda: Conv2d(4, 3, padding=-1), "Conv2d: padding=-1.*at least 0"),
        (lambda: Conv2d(4, 0), "Conv2d: kernel_size=0.*at least 1"),
        (lambda: Conv2d(4, 3, stride=0), "Conv2d: stride=0"),
        (lambda: Conv2d(4, 3, dilation=(1, 2.5)), "Conv2d: dilation=.*2.5"),
        (lambda: ConvPool2d(4, 3, 0), "MaxPool2d: kernel_size=0"),
        (lambda: ConvTranspose2d(4, 3, padding="same"), "ConvTranspose2d: padding='same'"),
        (lambda: ConvTranspose2d(4, 3, stride=2, output_padding=2), "output_padding=2.*less than"),
        (lambda: MaxPool2d(0), "MaxPool2d: kernel_size=0"),
        (lambda: MaxPool2d(2, 0), "MaxPool2d: stride=0"),
        (lambda: Upsample(scale_factor=0), "Upsample: scale_factor=0.*above 0"),
        (lambda: Upsample((3, 0)), r"Upsample: size=\(3, 0\).*at least 1"),
        (lambda: AdaptiveAvgPool2d(0), "AdaptiveAvgPool2d: output_size=0.*at least 1"),
        (lambda: AdaptiveAvgPool2d((3, 2.5)), "AdaptiveAvgPool2d: output_size=.*2.5"),
        (lambda: AvgPool2d(2, padding=(1, -1)), "AvgPool2d: padding="),
    ],
)
def test_a_window_that_fits_no_image_is_refused_before_build(make, message):
    with pytest.raises(ShapeError, match=message):
        make()


def test_flatten_does_not_take_an_image_whose_sides_are_exchanged():
    """(3, 8, 6) and (3, 6, 8) have the same number of features, in another order."""
    model = Sequential(Conv2d(4, 3, padding=1), Flatten(), Linear(2)).build((3, 8, 6))
    assert model.forward(np.zeros((2, 3, 8, 6), "float32")).shape == (2, 2)
    with pytest.raises(ShapeError, match=r"Flatten 'flatten1'.*\(2, 4, 6, 8\).*\(4, 8, 6\).*exch"):
        model.forward(np.zeros((2, 3, 6, 8), "float32"))
    with pytest.raises(ShapeError, match="Did the image size change"):
        model.forward(np.zeros((2, 3, 16, 3), "float32"))


# -- states and files ------------------------------------------------------------------------------


def test_a_state_is_a_dict():
    model = Linear(2).build((3,))
    with pytest.raises(ArgumentError, match="state is a list.*dict of path -> array"):
        model.load_state_dict([1])
    with pytest.raises(ModelFileError, match="not in the model 1, 2"):
        model.load_state_dict({**model.state_dict(), 1: np.zeros(1), 2: np.zeros(1)})


def test_saving_where_there_is_no_folder_names_the_path_that_was_given(tmp_path):
    model, path = Linear(2).build((3,)), tmp_path / "none" / "x.safetensors"
    with pytest.raises(ModelFileError) as caught:
        model.save(path)
    assert f"{path}: the folder {path.parent} does not exist" in str(caught.value)
    assert ".tmp" not in str(caught.value)
    with pytest.raises(ModelFileError) as caught:
        model.save(tmp_path)  # a folder itself
    assert str(tmp_path) in str(caught.value) and ".tmp" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_loading_a_folder_says_which_file_to_load(tmp_path):
    for name in ("last.safetensors", "best.safetensors", "run.json"):
        (tmp_path / name).touch()
    with pytest.raises(ModelFileError) as caught:
        clearconv.load(tmp_path)
    assert f"{tmp_path} is a folder" in str(caught.value)
    assert "Load a file in it: best.safetensors, last.safetensors." in str(caught.value)


# -- activations of one's own ----------------------------------------------------------------------


@pytest.fixture
def own(monkeypatch):
    monkeypatch.setattr("clearconv.layers.activation.kinds._own", {})
    return clearconv.register_activation


def test_what_is_no_activation(own):
    with pytest.raises(ArgumentError, match="forward=1.*function"):
        own("zz", 1, 2)
    with pytest.raises(ArgumentError, match="derivative=2.*function"):
        own("zz", np.tanh, 2)
    for name in (3, "", ["zz"], None):
        with pytest.raises(ArgumentError, match="name=.*text"):
            own(name, np.tanh, np.cosh)


def in_place(x):
    x[x < 0] = 0
    return x


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (in_place, "read-only"),
        (lambda x: np.abs(x, out=x), "read-only"),
        (lambda x: max(0, x), "ambiguous"),
        (math.exp, "scalar"),
    ],
)
def test_an_activation_that_writes_or_takes_single_numbers(own, function, reason):
    own("mine", function, function)
    layer = Activation("mine").build((4,))
    x = np.array([[-1.0, 2.0, -3.0, 4.0]], "float32")
    before = x.copy()
    with pytest.raises(ArgumentError, match=f"forward of activation 'mine'.*{reason}.*vectorize"):
        layer.forward(x)
    own("mine", np.copy, function)
    layer.forward(x, training=True)
    with pytest.raises(ArgumentError, match=f"derivative of activation 'mine'.*{reason}"):
        layer.backward(x)
    np.testing.assert_array_equal(x, before)
    assert x.flags.writeable


def test_the_remedy_for_single_numbers(own):
    own("mine", np.vectorize(lambda x: max(0.0, x)), np.vectorize(lambda x: float(x > 0)))
    layer = Activation("mine").build((3,))
    y = layer.forward(np.array([[-1.0, 2.0, 3.0]], "float32"), training=True)
    np.testing.assert_array_equal(y, [[0, 2, 3]])
    np.testing.assert_array_equal(layer.backward(np.ones_like(y)), [[0, 1, 1]])


# -- the check that checks nothing -----------------------------------------------------------------


class Forgetful(Layer):
    """The identity, with a backward pass that lacks its return."""

    prefix = "forgetful"

    def _build(self, input_shape):
        return input_shape

    def _forward(self, x, context):
        return x, None

    def _backward(self, grad_y, saved, context):
        pass


@pytest.mark.parametrize(
    "make",
    [
        Forgetful,
        lambda: Sequential(Linear(3), Forgetful(), Linear(3)),
        lambda: Sequential(Forgetful(), Linear(3)),
        lambda: Residual(Linear(3), Forgetful()),
    ],
)
def test_a_backward_pass_without_its_return(make):
    model = make().build((3,), dtype="float64")
    x = np.ones((2, 3))
    for run in (
        lambda: gradient_check(model, x),
        lambda: (model.forward(x, training=True), model.backward(x)),
    ):
        with pytest.raises(ArgumentError, match="Forgetful.*_backward returned None.*shape of x"):
            run()


def test_none_will_do_where_no_gradient_is_wanted():
    model = Sequential(Forgetful(), Linear(3)).build((3,), dtype="float64")
    model.forward(np.ones((2, 3)), training=True)
    assert model.backward(np.ones((2, 3)), input_gradient=False) is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"directions": 0}, "directions=0.*at least 1"),
        ({"directions": 2.5}, "directions=2.5"),
        ({"step": 0}, "step=0.*above 0"),
        ({"step": -1e-6}, "step=-1e-06.*above 0"),
        ({"step": math.nan}, "step=nan"),
        ({"tolerance": 0}, "tolerance=0.*above 0"),
    ],
)
def test_a_gradient_check_has_to_check(options, message):
    layer = Linear(2).build((3,), dtype="float64")
    with pytest.raises(ArgumentError, match=message):
        gradient_check(layer, np.ones((2, 3)), **options)


def test_a_gradient_check_of_no_gradient():
    with pytest.raises(ArgumentError, match="no gradient"):
        gradient_check(lambda inputs: (inputs["x"], lambda grad_y: {}), np.ones(3))
