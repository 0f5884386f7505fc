"""The bundled architectures: shapes, sizes, gradients, names."""

import numpy as np
import pytest

from clearconv.data import open_data
from clearconv.errors import ArgumentError, ShapeError
from clearconv.gradient_checking import gradient_check
from clearconv.layers import from_spec
from clearconv.losses import CrossEntropy
from clearconv.models import MODELS, create, default_for

_BLOCKS = {  # two convolutions 9 * in * out with batch norm 2 * out, the same 1x1 as shortcut
    32: 2 * (9_216 + 64),  # no shortcut: 32 come in
    64: 18_432 + 36_864 + 2_048 + 3 * 128,
    128: 73_728 + 147_456 + 8_192 + 3 * 256,
    256: 294_912 + 589_824 + 32_768 + 3 * 512,
}
PARAMETERS = {
    # stem 3*32*9 + 64, four blocks, linear 256*10+10
    "clearnet": 928 + sum(_BLOCKS.values()) + 2_570,
    # stem 32*9 + 64, two blocks, linear 128*10+10
    "clearnet_small": 352 + _BLOCKS[64] + _BLOCKS[128] + 1_290,
    "seed_cnn": 111_267,  # for 3 classes
    # conv 20*25+20, conv 50*20*25+50, linear 800*10+10
    "lenet": 520 + 25_050 + 8_010,
    # conv 30*25+30, linear 4320*100+100, linear 100*10+10
    "simple_convnet": 780 + 432_100 + 1_010,
    # six convolutions (9 * in + 1) * out, then 1024*50+50, 50*10+10
    "deep_convnet": 160 + 2_320 + 4_640 + 9_248 + 18_496 + 36_928 + 51_250 + 510,
    # conv 16*9+16, conv 32*16*9+32, linear 32*4*4*10+10
    "digits_cnn": 160 + 4_640 + 5_130,
    # stem 432+32; 16: 3 * (2*2304 + 64); 32: 4608+9216 + 2*18432 + 6*64, shortcut 512+64;
    # 64: 18432+36864 + 2*73728 + 6*128, shortcut 2048+128; linear 650
    "resnet20": 464 + 14_016 + 51_648 + 205_696 + 650,
    # six blocks more in each stage: 6 * (4608 + 64), 6 * (18432 + 128), 6 * (73728 + 256)
    "resnet56": 272_474 + 28_032 + 111_360 + 443_904,
}


@pytest.mark.parametrize("name", PARAMETERS)  # the others: test_torchvision.py
def test_size_and_output(name):
    info = MODELS[name]
    classes = 3 if name == "seed_cnn" else 10
    model = create(name, classes).build(info.input_shape)
    summary = model.summary()
    assert summary.parameters == PARAMETERS[name]
    assert summary.parameters == sum(array.size for array in model.parameters.values())
    assert model.output_shape == (classes,)
    assert f"{PARAMETERS[name]:,}" in str(summary)
    x = np.random.default_rng(0).random((2, *info.input_shape), "float32")
    y = model.predict(x)
    assert y.shape == (2, classes)
    assert np.isfinite(y).all()
    assert create(name, 7).build(info.input_shape).output_shape == (7,)


@pytest.mark.parametrize("name", MODELS)
def test_it_can_be_made_again_from_its_spec(name):
    model, shape = create(name, 4), MODELS[name].input_shape
    again = from_spec(model.spec())
    assert again.spec() == model.spec()
    assert again.summary(shape) == model.summary(shape)


@pytest.mark.parametrize("name", MODELS)
def test_the_smallest_image(name):
    C, least = MODELS[name].input_shape[0], MODELS[name].smallest
    assert create(name, 4).summary((C, least, least)).rows[-1].output_shape[0] == 4
    for shape in [(C, least - 1, least), (C, least, least - 1)] if least > 1 else []:
        with pytest.raises(ShapeError):
            create(name, 4).summary(shape)


def test_seed_cnn_shapes_are_the_articles():
    model = create("seed_cnn", 3).build((3, 224, 224))
    shapes = [row.output_shape for row in model.summary().rows]
    assert shapes == [
        (16, 111, 111),
        (16, 55, 55),
        (32, 27, 27),
        (64, 13, 13),
        (128, 6, 6),
        (4608,),
        (3,),
    ]


def test_seed_cnn_options():
    model = create("seed_cnn", 3, batch_norm=True, dropout=0.4).build((3, 224, 224))
    assert model.summary().parameters == 111_267 + 2 * (16 + 32 + 64 + 128)
    kinds = [row.kind for row in model.summary().rows]
    assert kinds.count("BatchNorm2d") == 4
    assert kinds[-3:] == ["Flatten", "Dropout", "Linear"]
    assert model["dropout1"].p == 0.4


def test_deep_convnet_shapes_are_the_books():
    model = create("deep_convnet", 10).build((1, 28, 28))
    shapes = [row.output_shape for row in model.summary().rows if row.kind == "MaxPool2d"]
    assert shapes == [(16, 14, 14), (32, 8, 8), (64, 4, 4)]
    assert [row.kind for row in model.summary().rows].count("Dropout") == 2


def test_resnet20_names_and_any_size():
    model = create("resnet20", 10).build((1, 8, 9))
    assert model["layer2"].output_shape == (32, 4, 5)
    assert model["layer3"].output_shape == (64, 2, 3)
    for path in (
        "conv1.weight",
        "bn1.bias",
        "layer1.0.conv1.weight",
        "layer1.2.bn2.weight",
        "layer2.0.downsample.0.weight",
        "layer3.0.downsample.1.bias",
        "fc.weight",
    ):
        assert path in model.parameters
    assert "layer1.0.downsample.0.weight" not in model.parameters
    assert "conv1.bias" not in model.parameters
    convolutions = [path for path in model.parameters if "conv" in path]
    assert len(convolutions) == 1 + 3 * 3 * 2  # with fc, 20 layers


# Small inputs; each is the smallest, or nearly, that the network takes.
@pytest.mark.parametrize(
    ("name", "shape", "options"),
    [
        ("seed_cnn", (3, 63, 65), {}),
        ("seed_cnn", (2, 63, 63), {"batch_norm": True, "dropout": 0.4}),
        ("lenet", (1, 17, 16), {}),
        ("simple_convnet", (2, 8, 9), {}),
        ("deep_convnet", (1, 9, 8), {}),
        ("digits_cnn", (1, 8, 8), {}),
        ("resnet20", (3, 8, 9), {}),
    ],
)
def test_gradients_of_the_whole_network(name, shape, options):
    model = create(name, 3, **options).build(shape, dtype="float64")
    x = np.random.default_rng(0).standard_normal((2, *shape))
    found = gradient_check(model, x, directions=2, step=1e-7)
    assert found.ok, str(found)
    assert set(found.errors) == {"x", *model.parameters}


def test_digits_are_learnt():
    """Ten rounds of plain SGD; the last 360 of the shuffled digits judge."""
    digits = open_data("digits")
    x = (digits.pixels.transpose(0, 3, 1, 2) / 255).astype("float32")  # (1797, 1, 8, 8)
    rng = np.random.default_rng(0)
    order = rng.permutation(len(x))
    train, test = order[:-360], order[-360:]
    model = create(default_for(digits.kind), 10).build((1, 8, 8))
    for _ in range(10):
        rng.shuffle(train)
        for start in range(0, len(train), 32):
            batch = train[start : start + 32]
            logits = model.forward(x[batch], training=True)
            _, grad = CrossEntropy()(logits, digits.labels[batch])
            model.backward(grad, input_gradient=False)
            model.store.values -= 0.2 * model.store.grads
    right = model.predict(x[test]).argmax(axis=1) == digits.labels[test]
    assert right.mean() >= 0.97


def test_defaults():
    assert [default_for(kind) for kind in ("photos", "idx", "digits")] == [
        "clearnet",
        "clearnet_small",
        "digits_cnn",
    ]
    with pytest.raises(ArgumentError, match="there are photos, idx, digits"):
        default_for("sounds")


def test_wrong_names_and_options_say_what_there_is():
    with pytest.raises(ArgumentError, match="'resnet51' is not known; there are clearnet"):
        create("resnet51", 3)
    with pytest.raises(ArgumentError, match="no option 'depth'; it takes only batch_norm, dropout"):
        create("seed_cnn", 3, depth=5)
    with pytest.raises(ArgumentError, match="'lenet' has no option 'dropout'; it takes no options"):
        create("lenet", 3, dropout=0.5)
    with pytest.raises(ArgumentError, match="classes=0"):
        create("lenet", 0)
