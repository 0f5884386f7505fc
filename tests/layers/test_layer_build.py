"""Building: shapes, names, flat parameters, initial values, and what is said when it cannot be."""

import copy
import pickle

import numpy as np
import pytest

from clearconv import (
    AdaptiveAvgPool2d,
    AvgPool2d,
    BatchNorm2d,
    Concat,
    Conv2d,
    ConvPool2d,
    ConvTranspose2d,
    Flatten,
    GlobalAvgPool2d,
    Layer,
    Linear,
    MaxPool2d,
    ReLU,
    Residual,
    Sequential,
    Upsample,
    from_spec,
)
from clearconv.errors import ArgumentError, DtypeError, ModelFileError, ShapeError


def net(**build):
    return Sequential(
        Conv2d(16, 3, stride=2, activation="relu"),
        MaxPool2d(2),
        Residual(Conv2d(16, 3, padding=1), BatchNorm2d(), ReLU()),
        Flatten(),
        Linear(3),
    ).build(**{"input_shape": (3, 30, 22), **build})


# -- shapes ----------------------------------------------------------------------------------------


def test_the_summary_counts_shapes_parameters_and_multiply_adds():
    # convolution: floor((30 - 3) / 2) + 1 = 14, floor((22 - 3) / 2) + 1 = 10
    #   parameters 16·3·3·3 + 16 = 448, multiply-adds 16·14·10·3·3·3 = 60,480
    # pool: 7 x 5
    # residual: 16·16·9 + 16 = 2,320 and 16·7·5·16·9 = 80,640; norm 2·16
    # linear: 560 inputs, 3·560 + 3 = 1,683 and 1,680
    found = net().summary()
    assert [(row.path, row.output_shape) for row in found.rows] == [
        ("conv1", (16, 14, 10)),
        ("pool1", (16, 7, 5)),
        ("residual1.conv1", (16, 7, 5)),
        ("residual1.norm1", (16, 7, 5)),
        ("residual1.relu1", (16, 7, 5)),
        ("flatten1", (560,)),
        ("linear1", (3,)),
    ]
    assert [row.parameters for row in found.rows] == [448, 0, 2320, 32, 0, 0, 1683]
    assert [row.multiply_adds for row in found.rows] == [60480, 0, 80640, 0, 0, 0, 1680]
    assert (found.parameters, found.multiply_adds) == (4483, 142800)
    text = str(found)
    assert "16 x 14 x 10" in text and "4,483" in text and "142,800" in text


@pytest.mark.parametrize(
    ("layer", "shape", "expected"),
    [
        (Conv2d(5, (3, 2), stride=(2, 3), padding=((1, 0), (0, 2)), dilation=2), (2, 9, 8),
         (5, 3, 3)),
        (Conv2d(4, 3, padding="same", stride=2), (2, 9, 8), (4, 5, 4)),
        (Upsample(scale_factor=(2, 1.5)), (2, 9, 7), (2, 18, 10)),
        (Upsample(5, mode="bilinear", align_corners=True), (2, 9, 8), (2, 5, 5)),
        (ConvTranspose2d(6, 4, stride=2, padding=1), (2, 9, 8), (6, 18, 16)),
        (ConvTranspose2d(6, (3, 2), stride=(2, 3), padding=((1, 0), (0, 1)), dilation=2, groups=2,
                         output_padding=(1, 2)), (2, 9, 8), (6, 21, 25)),
        (MaxPool2d(3, 2, padding=1), (2, 9, 8), (2, 5, 4)),
        (MaxPool2d(2, ceil_mode=True), (2, 9, 8), (2, 5, 4)),
        (AvgPool2d((2, 4)), (2, 9, 8), (2, 4, 2)),
        (GlobalAvgPool2d(), (2, 9, 8), (2, 1, 1)),
        (AdaptiveAvgPool2d(7), (2, 9, 8), (2, 7, 7)),
        (AdaptiveAvgPool2d((3, None)), (2, 9, 8), (2, 3, 8)),
        (ConvPool2d(6, 3, 2), (2, 9, 8), (6, 3, 3)),
        (Concat(Conv2d(3, 1), Conv2d(4, 1)), (2, 9, 8), (7, 9, 8)),
        (Linear(np.int64(3)), (5,), (3,)),
    ],
    ids=repr,
)  # fmt: skip
def test_the_shape_promised_is_the_shape_given(layer, shape, expected):
    assert layer.build(shape).output_shape == expected
    assert layer.forward(np.zeros((2, *shape), "float32")).shape == (2, *expected)


# -- names -----------------------------------------------------------------------------------------


def test_paths_are_those_that_pretrained_weights_use():
    """`name` sets a part of the path, "" adds none, the shortcut takes its own name."""

    def block(name):
        return Residual(
            Conv2d(4, 3, padding=1, bias=False, name="conv1"),
            BatchNorm2d(name="bn1"),
            shortcut=Sequential(
                Conv2d(4, 1, bias=False, name="0"), BatchNorm2d(name="1"), name="downsample"
            ),
            activation="relu",
            name=name,
        )

    model = Sequential(
        Sequential(Conv2d(4, 3, bias=False, name="conv1"), BatchNorm2d(name="bn1"), name=""),
        Sequential(block("0"), block("1"), name="layer1"),
        Residual(shortcut=Conv2d(4, 1, name="")),
        Flatten(),
        Linear(2, name="fc"),
    ).build((3, 6, 6))
    bn = ("weight", "bias", "running_mean", "running_var")
    expected = ["conv1.weight", *(f"bn1.{part}" for part in bn)]
    for number in (0, 1):
        for conv, norm in (("conv1", "bn1"), ("downsample.0", "downsample.1")):
            expected.append(f"layer1.{number}.{conv}.weight")
            expected += [f"layer1.{number}.{norm}.{part}" for part in bn]
    expected += ["residual1.weight", "residual1.bias", "fc.weight", "fc.bias"]
    assert sorted(model.state_dict()) == sorted(expected)
    assert model["layer1"]["1"]["downsample"]["0"].path == "layer1.1.downsample.0"


def test_two_layers_of_one_path():
    with pytest.raises(ArgumentError, match="called 'a'"):
        Sequential(ReLU(name="a"), Flatten(name="a"))
    layer = ReLU()
    with pytest.raises(ArgumentError, match="stands in two places"):
        Sequential(layer, layer)
    hidden = Sequential(Sequential(ReLU(), name=""), ReLU())
    with pytest.raises(ArgumentError, match="two layers have the path 'relu1'"):
        hidden.build((3, 4, 4))
    with pytest.raises(ArgumentError, match="dots separate"):
        ReLU(name="a.b")
    with pytest.raises(KeyError, match="no child 'conv2'; it has conv1"):
        net()["conv2"]


# -- parameters ------------------------------------------------------------------------------------


def test_parameters_lie_in_one_array_weights_first():
    model = net()
    store = model.store
    assert list(model.parameters) == [
        "conv1.weight", "residual1.conv1.weight", "linear1.weight",
        "conv1.bias", "residual1.conv1.bias", "residual1.norm1.weight", "residual1.norm1.bias",
        "linear1.bias",
    ]  # fmt: skip
    assert store.decayed == 16 * 3 * 9 + 16 * 16 * 9 + 3 * 560
    start = 0
    for path, value in model.parameters.items():
        np.testing.assert_array_equal(store.values[start : start + value.size], value.ravel())
        assert value.base is store.values and model.gradients[path].base is store.grads
        start += value.size
    assert start == store.values.size == store.grads.size == 4483
    x = np.ones((1, 3, 30, 22), "float32")
    before = model.forward(x)
    store.values *= 2
    assert not np.array_equal(model.forward(x), before)
    model["linear1"].value("bias")[:] = 7
    np.testing.assert_array_equal(store.values[-3:], 7)


def test_a_state_is_a_copy_and_is_checked_before_it_is_taken():
    model = net()
    state = model.state_dict()
    assert {"residual1.norm1.running_mean", "residual1.norm1.running_var"} < state.keys()
    model.store.values[:] = 0
    assert state["conv1.weight"].any()
    zero = model.store.fingerprint()
    for spoilt, message in (
        ({**state, "conv9.weight": np.zeros(1)}, "not in the model conv9.weight"),
        ({k: v for k, v in state.items() if k != "linear1.bias"}, "missing linear1.bias"),
        ({**state, "linear1.bias": np.zeros(4)}, r"linear1.bias has shape \(4,\).*\(3,\)"),
    ):
        with pytest.raises(ModelFileError, match=message):
            model.load_state_dict(spoilt)
        assert model.store.fingerprint() == zero
    assert model.load_state_dict(state) == ([], [])
    assert model.store.fingerprint() == net().store.fingerprint()


def test_a_state_that_fits_in_part():
    model = net()
    head = model.parameters["linear1.weight"].copy()
    state = {**net(seed=1).state_dict(), "fc.bias": np.zeros(3), "bn.num_batches_tracked": 5}
    del state["linear1.weight"]
    with pytest.raises(ModelFileError, match="missing linear1.weight; not in the model fc.bias"):
        model.load_state_dict(state)
    left = model.load_state_dict(state, strict=False)
    assert (left.missing_keys, left.unexpected_keys) == (["linear1.weight"], ["fc.bias"])
    np.testing.assert_array_equal(model.parameters["conv1.weight"], state["conv1.weight"])
    np.testing.assert_array_equal(model.parameters["linear1.weight"], head)
    with pytest.raises(ModelFileError, match="conv1.weight has shape"):
        model.load_state_dict({"conv1.weight": np.zeros(3)}, strict=False)


def test_a_summary_before_building_makes_no_weights():
    model = Sequential(Conv2d(4, 3, name="a"), Flatten(), Linear(2))
    assert str(model.summary((3, 5, 6))) == str(model.build((3, 5, 6)).summary())
    shapes = [row.output_shape for row in model.summary((3, 6, 6)).rows]
    assert shapes == [(4, 4, 4), (64,), (2,)]
    assert model.input_shape == (3, 5, 6)  # it is left as it was
    large = Sequential(Linear(10**7)).summary((10**7,))
    assert large.parameters == 10**14 + 10**7
    with pytest.raises(ShapeError, match="Conv2d 'a'.*spans 3"):
        model.summary((3, 2, 6))
    with pytest.raises(ShapeError, match="not built"):
        Sequential(Conv2d(4, 3)).summary()


@pytest.mark.parametrize(
    "duplicate", [copy.deepcopy, copy.copy, lambda model: pickle.loads(pickle.dumps(model))]
)
def test_a_copy_is_a_model_of_its_own_with_one_flat_array(duplicate):
    model = net(dtype="float64")
    model.forward(np.random.default_rng(0).standard_normal((2, 3, 30, 22)), training=True)
    model.info["classes"] = ["a", "b", "c"]
    twin = duplicate(model)
    assert twin.store.fingerprint() == model.store.fingerprint()
    assert twin.info == model.info
    before = model.store.fingerprint()
    twin.store.values += 1
    assert model.store.fingerprint() == before
    for value in twin.parameters.values():
        assert np.shares_memory(value, twin.store.values)
    x = np.ones((1, 3, 30, 22))
    assert not np.array_equal(twin.forward(x), model.forward(x))


def test_building_again_starts_anew():
    model = net(seed=1)
    first = model.store.fingerprint()
    model.build((1, 40, 30), seed=1)
    assert model.parameters["conv1.weight"].shape == (16, 1, 3, 3)
    assert model.build((3, 30, 22), seed=1).store.fingerprint() == first


# -- initial values --------------------------------------------------------------------------------


def weights(init, layer=Conv2d, shape=(64, 9, 9), seed=0):
    if layer is Conv2d:
        made = Conv2d(50, 3, groups=2, init=init)
    else:
        made, shape = Linear(50, init=init), (600,)
    return made.build(shape, seed=seed, dtype="float64").parameters["weight"]


# 14,400 (convolution) and 30,000 (linear) draws: deviations are known to better than 2 %.
@pytest.mark.parametrize(
    ("init", "layer", "fan"),
    [
        ("he", Conv2d, 32 * 9),
        ("he", Linear, 600),
        ("he_fan_out", Conv2d, 25 * 9),
        ("he_fan_out", Linear, 50),
    ],
)
def test_he(init, layer, fan):
    found = weights(init, layer)
    assert abs(found.std() / np.sqrt(2 / fan) - 1) < 0.03
    assert abs(found.mean()) < 0.03 * found.std()
    assert np.abs(found).max() > 3 * found.std()  # a normal distribution has tails


@pytest.mark.parametrize(
    ("layer", "fan_in", "fan_out"), [(Conv2d, 32 * 9, 25 * 9), (Linear, 600, 50)]
)
def test_even_distributions(layer, fan_in, fan_out):
    for init, bound in (
        ("xavier", np.sqrt(6 / (fan_in + fan_out))),
        ("he_uniform", np.sqrt(6 / fan_in)),
        ("pytorch", np.sqrt(1 / fan_in)),
    ):
        found = weights(init, layer)
        assert 0.99 * bound < np.abs(found).max() <= bound
        assert abs(found.std() / (bound / np.sqrt(3)) - 1) < 0.03


def test_the_articles_range():
    found = weights("article")
    assert 0.99e-4 < found.max() <= 1e-4
    assert -1e-4 <= found.min() < -0.99e-4
    assert abs(found.mean()) < 0.03e-4


def test_a_number_is_a_deviation():
    assert abs(weights(0.02).std() / 0.02 - 1) < 0.03
    assert not weights(0).any()


def test_a_distribution_and_its_numbers():
    found = weights(("normal", 3.0, 0.5))
    assert abs(found.mean() - 3) < 0.02 and abs(found.std() / 0.5 - 1) < 0.03
    found = weights(("uniform", -1.0, 3))
    assert -1 <= found.min() < -0.99 and 2.99 < found.max() < 3
    assert abs(found.mean() - 1) < 0.03


def test_a_transposed_convolution_keeps_the_variance():
    """Kernel 4, stride 2: of 16 taps a fourth meets a pixel, at every place."""
    layer = ConvTranspose2d(32, 4, stride=2, padding=1).build((64, 9, 9), dtype="float64")
    assert abs(layer.parameters["weight"].std() / np.sqrt(2 / (64 * 16 / 4)) - 1) < 0.03
    y = layer.forward(np.random.default_rng(0).standard_normal((4, 64, 9, 9)))
    assert abs(y[:, :, 2:-2, 2:-2].var() / 2 - 1) < 0.1


def test_a_bias_for_every_position():
    for layer in (
        Conv2d(4, 3, padding=1, shared_biases=False, bias_init=("uniform", 1, 2)),
        ConvTranspose2d(4, 3, padding=1, shared_biases=False, bias_init=("uniform", 1, 2)),
    ):
        layer.build((2, 5, 6), dtype="float64")
        bias = layer.parameters["bias"]
        assert bias.shape == (4, 5, 6)
        assert 1 <= bias.min() and bias.max() < 2
        assert layer.store.decayed == layer.parameters["weight"].size
        np.testing.assert_array_equal(layer.forward(np.zeros((2, 5, 6))), bias)
        again = from_spec(layer.spec()).build((2, 5, 6), dtype="float64")
        np.testing.assert_array_equal(again.parameters["bias"], bias)
        with pytest.raises(ShapeError, match=r"bias has shape \(4, 5, 6\), but \(4, 7, 6\)"):
            layer.forward(np.zeros((2, 7, 6)))


@pytest.mark.parametrize(
    "init",
    [
        "kaiming",
        -1.0,
        True,
        None,
        np.inf,
        ("normal", 0, -1),
        ("uniform", 1, 0),
        ("normal", 0),
        ("gamma", 0, 1),
        ("normal", "0", 1),
    ],
)
def test_an_unknown_initialisation(init):
    with pytest.raises(
        ArgumentError, match="'he', 'he_fan_out', 'he_uniform', 'xavier', 'pytorch'"
    ):
        weights(init)


def test_biases_start_at_0_and_scales_at_1():
    state = net().state_dict()
    for path in ("conv1.bias", "linear1.bias", "residual1.norm1.running_mean"):
        assert not state[path].any()
    for path in ("residual1.norm1.weight", "residual1.norm1.running_var"):
        assert (state[path] == 1).all()


def test_the_seed_sets_every_bit_and_a_parameter_depends_on_its_path_alone():
    first = net(seed=5)
    assert net(seed=5).store.fingerprint() == first.store.fingerprint()
    assert net(seed=6).store.fingerprint() != first.store.fingerprint()
    longer = Sequential(
        Conv2d(16, 3, stride=2), Conv2d(16, 3), Flatten(), Linear(3)
    ).build((3, 30, 22), seed=5)  # fmt: skip
    np.testing.assert_array_equal(
        longer.parameters["conv1.weight"], first.parameters["conv1.weight"]
    )
    assert not np.array_equal(
        longer.parameters["conv2.weight"], first.parameters["residual1.conv1.weight"]
    )


# -- what is said ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "write"),
    [
        (lambda: Conv2d(3, 16, 5), "Write Conv2d(16, 5)."),
        (lambda: Conv2d(3, 16, 5, 2, 1), "Write Conv2d(16, 5, stride=2, padding=1)."),
        (
            lambda: Conv2d(3, 16, (5, 3), bias=False, name="c"),
            "Write Conv2d(16, (5, 3), bias=False, name='c').",
        ),
        (
            lambda: Conv2d(3, 16, 5, 1, 0, 1, 1, False),
            "Write Conv2d(16, 5, stride=1, padding=0, dilation=1, groups=1, bias=False).",
        ),
        (
            lambda: ConvTranspose2d(16, 3, 4, 2, 1, 0, 1, False),
            "Write ConvTranspose2d(3, 4, stride=2, padding=1, output_padding=0, groups=1, "
            "bias=False).",
        ),
        (lambda: Linear(100, 10), "Write Linear(10)."),
        (lambda: BatchNorm2d(16), "Write BatchNorm2d()."),
    ],
)
def test_pytorchs_order_is_answered_with_the_line_to_write(call, write):
    with pytest.raises(ArgumentError) as caught:
        call()
    assert str(caught.value).endswith(write)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Conv2d(0, 3), "out_channels=0"),
        (lambda: Conv2d(2.5, 3), "out_channels=2.5"),
        (lambda: Linear(True), "out_features=True"),
        (lambda: Conv2d(3, 3, activation="swish"), "register_activation"),
        (lambda: ConvPool2d(3, 3, pool="min"), "'max' or 'avg'"),
        (lambda: Sequential(ReLU), r"Write ReLU\(\.\.\.\)"),
        (lambda: Sequential([ReLU(), ReLU()]), "is not a layer"),
        (lambda: Residual(ReLU(), shortcut="x"), "is not a layer"),
        (lambda: Concat(), "at least one"),
    ],
)
def test_arguments_that_make_no_layer(make, message):
    with pytest.raises(ArgumentError, match=message):
        make()


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (Sequential(Linear(3)), r"Linear 'linear1'.*Put Flatten\(\) before it"),
        (Sequential(Flatten(), Conv2d(3, 3)), "Conv2d 'conv1'.*Put it before Flatten"),
        (Sequential(Conv2d(3, 9)), "Conv2d 'conv1'.*spans 9"),
        (Sequential(Conv2d(3, 3, in_channels=4)), "Conv2d 'conv1'.*in_channels=4.*3 channels"),
        (Sequential(Conv2d(4, 3, groups=2)), "Conv2d 'conv1'.*groups=2"),
        (Sequential(Flatten(), Linear(3, in_features=5)), "in_features=5.*192"),
        (
            Sequential(Residual(Conv2d(4, 3))),
            r"Residual 'residual1'.*\(4, 6, 6\).*\(3, 8, 8\).*shortcut",
        ),
        (
            Sequential(Concat(Conv2d(4, 3), Conv2d(4, 1))),
            r"Concat 'concat1'.*\(4, 6, 6\), \(4, 8, 8\)",
        ),
        (Sequential(MaxPool2d(9)), "MaxPool2d 'pool1'.*spans 9"),
    ],
    ids=repr,
)
def test_layers_that_do_not_fit(model, message):
    with pytest.raises(ShapeError, match=message):
        model.build((3, 8, 8))


def test_inputs_that_do_not_fit():
    model = Sequential(Conv2d(4, 3, name="conv1"), Conv2d(4, 3, name="conv2")).build((3, 9, 9))
    with pytest.raises(ShapeError) as caught:
        Conv2d(4, 3, name="conv2").build((16, 28, 28)).forward(np.zeros((8, 3, 28, 28), "float32"))
    assert str(caught.value) == (
        "Conv2d 'conv2': the input has 3 channels (shape (8, 3, 28, 28)), but the layer was built "
        "for 16. Did a layer before it, or the image size, change?"
    )
    with pytest.raises(DtypeError, match=r"x.astype\('float32'\)"):
        model.forward(np.zeros((2, 3, 9, 9)))
    with pytest.raises(DtypeError, match="uint8"):
        model.forward(np.zeros((2, 3, 9, 9), "uint8"))
    with pytest.raises(DtypeError, match="is a list"):
        model.forward([[1.0]])
    with pytest.raises(ShapeError, match="3 or 4 are needed"):
        model.forward(np.zeros((9, 9), "float32"))
    with pytest.raises(ShapeError, match="2 channels"):
        model.predict(np.zeros((5, 2, 9, 9), "float32"))
    with pytest.raises(ArgumentError, match="batch_size=0"):
        model.predict(np.zeros((5, 3, 9, 9), "float32"), batch_size=0)
    flat = Sequential(Flatten(), Linear(2)).build((3, 4, 4))
    with pytest.raises(
        ShapeError, match=r"Flatten 'flatten1'.*\(2, 3, 5, 5\).*\(3, 4, 4\).*image size"
    ):
        flat.forward(np.zeros((2, 3, 5, 5), "float32"))
    assert model.predict(np.zeros((0, 3, 9, 9), "float32")).shape == (0, 4, 5, 5)


def test_a_residual_never_stretches_an_image_to_fit():
    """Built for 2 x 2 maps the body gives 1 x 1, as the shortcut; for 4 x 4 it would not."""
    model = Residual(MaxPool2d(2), shortcut=GlobalAvgPool2d()).build((3, 2, 2))
    with pytest.raises(ShapeError, match=r"\(1, 3, 2, 2\), but the shortcut \(1, 3, 1, 1\)"):
        model.forward(np.zeros((1, 3, 4, 4), "float32"))


def test_before_and_beside_build():
    with pytest.raises(ShapeError, match="not built yet"):
        Sequential(ReLU()).forward(np.zeros((1, 3, 4, 4), "float32"))
    with pytest.raises(ShapeError, match="'conv1' was built as a part of a model"):
        net()["conv1"].forward(np.zeros((1, 3, 30, 22), "float32"))
    for shape in ((3, 4), (0, 4, 4), 5, ("a",), (2.5,)):
        with pytest.raises(ShapeError, match="shape of one input"):
            Sequential(Flatten()).build(shape)
    with pytest.raises(DtypeError, match="'float32' or 'float64'"):
        net(dtype="int32")


def test_a_layer_shows_the_call_that_makes_it():
    assert repr(Dense := Linear(3, name="fc")).startswith("Linear(out_features=3, ")
    assert repr(Dense).endswith(", name='fc')")
    assert repr(Sequential(ReLU(), Flatten())) == "Sequential(ReLU(), Flatten())"
    assert repr(Concat(ReLU(), name="c")) == "Concat(ReLU(), name='c')"


class WideOnly(Layer):
    """Declares a parameter for wide inputs alone."""

    def _build(self, input_shape):
        if input_shape[0] > 3:
            self._parameter("weight", input_shape, lambda rng: rng.normal(size=input_shape))
        return input_shape

    def _forward(self, x, context):
        return x, None

    def _backward(self, grad_y, saved, context):
        return grad_y


def test_nothing_is_left_of_an_earlier_build():
    layer = WideOnly().build((5,))
    assert layer.parameters.keys() == {"weight"}
    assert layer.build((2,)).parameters == {}
    with pytest.raises(KeyError):
        layer.value("weight")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_inputs_are_converted_where_that_is_asked_for(dtype):
    model = Sequential(Linear(2)).build((3,), dtype=dtype)
    x = np.ones((4, 3), "float64")
    made = model.as_input(x)
    assert made.dtype == dtype
    assert (made is x) == (dtype == "float64")
    assert model.forward(made).dtype == dtype
