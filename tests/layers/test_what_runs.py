"""What ``stages()`` shows is what runs, and no network loses a stage."""

from collections import Counter
from importlib import import_module

import numpy as np
import pytest
from test_stages import NETS, conv

import clearconv
from benchmarks.networks import NETWORKS
from clearconv import (
    BatchNorm2d,
    Conv2d,
    Dropout,
    Flatten,
    GlobalAvgPool2d,
    GroupNorm,
    Identity,
    InstanceNorm2d,
    Linear,
    MaxPool2d,
    ReLU,
    Residual,
    Sequential,
    Softmax,
    Upsample,
)
from clearconv.layers.base.staged import Call, StageRow, Stages, shortened
from clearconv.models import MODELS, create
from clearconv.ops.conv_block import Normalised
from clearconv.ops.discovery import names

FUNCTIONS = ("forward", "forward_saving", "add", "join", "normalise")


@pytest.fixture
def called(monkeypatch):
    """Record which functions of chapters are called, without those that they call in turn."""
    found, inside = [], []

    def recording(name, function):
        def call(*args, **options):
            if name and not inside:
                found.append(name)
            inside.append(name)
            try:
                return function(*args, **options)
            finally:
                inside.pop()

        return call

    for chapter in names():
        module = import_module(f"clearconv.ops.{chapter}")
        for name in FUNCTIONS:
            if hasattr(module, name):
                made = recording(f"{chapter}.{name}", getattr(module, name))
                monkeypatch.setattr(module, name, made)
    # a stage's batch norm is carried out by whoever reads its result
    monkeypatch.setattr(Normalised, "array", recording("", Normalised.array))
    return found


def shown(stages):
    """List the functions of chapters in the order in which they are shown."""
    return [call.function for row in stages.rows for call in row.calls if call.chapter in names()]


def agree(net, called, N=3):
    x = np.random.default_rng(0).standard_normal((N, *net.input_shape)).astype(net.store.dtype)
    for training in (True, False):
        called.clear()
        net.forward(x, training=training)
        assert called == shown(net.stages(training)), f"{training=}"


MORE = {
    "a convolution": lambda: conv(4),
    "a convolution and tanh": lambda: Sequential(conv(4, activation="tanh"), GroupNorm(2)),
    "a residual without a body": lambda: Residual(Identity(), activation="relu"),
    "a residual of a residual": lambda: Residual(Residual(conv(3), activation="relu"), conv(3)),
    "others": lambda: Sequential(
        InstanceNorm2d(), Upsample(scale_factor=2), Dropout(0.3), Flatten(), Linear(4), Softmax()
    ),
}


@pytest.mark.parametrize("name", [*NETS, *MORE])
def test_what_is_shown_runs_in_training_and_in_evaluation(name, called):
    net = {**NETS, **MORE}[name]().build((3, 9, 8))
    agree(net, called)
    leaves = [leaf.path for leaf in net.leaves()]
    for training in (True, False):
        listed = [path for row in net.stages(training).rows for path in row.layers]
        assert [listed.count(leaf) for leaf in leaves] == [1] * len(leaves)


@pytest.mark.parametrize(
    ("name", "shape"), [("mobilenet_v2", 32), ("resnet18", 32), ("clearnet_small", 32)]
)
def test_what_is_shown_runs_in_networks(name, shape, called):
    agree(create(name, 5).build((3, shape, shape)), called)


@pytest.mark.parametrize("before", [1, 2, "residual1", "flatten1"])
def test_what_is_shown_runs_where_the_first_layers_are_frozen(before, called):
    net = Sequential(
        Conv2d(4, 3),
        BatchNorm2d(),
        ReLU(),
        MaxPool2d(2),
        Dropout(0.5),
        Residual(conv(4), activation="relu"),
        Flatten(),
        Linear(3),
    )
    agree(net.build((1, 8, 8)).freeze(before), called)


def test_what_only_the_user_knows_is_said_to_be_theirs(monkeypatch):
    monkeypatch.setattr("clearconv.layers.activation.kinds._own", {})
    clearconv.register_activation("square", np.square, lambda x: 2 * x)

    class Twice(Conv2d):
        def _forward(self, x, context):
            y, saved = super()._forward(x, context)
            return 2 * y, saved

    class Named(Conv2d):
        """Runs as any other."""

    class Backwards(Sequential):
        def _run(self, x, context, tape):
            return super()._run(x, context, tape)

    inner = Backwards(conv(2), ReLU(), name="inner")
    net = Sequential(Twice(2, 3), ReLU(), Named(2, 1), conv(2, activation="square"), inner)
    rows = net.build((1, 8, 8)).stages().rows
    assert [(row.layers, row.runs, row.does) for row in rows] == [
        (("conv1",), "Twice._forward", "a layer of your own"),
        (("relu1",), "activation", "relu"),
        (("conv2",), "conv2d", "Named"),
        (("conv3",), "conv2d, square", "Conv2d, an activation of your own"),
        (("inner.conv1", "inner.relu1"), "Backwards._run", "a container of your own"),
    ]


def test_a_model_without_weights_has_none_to_show():
    with pytest.raises(clearconv.ShapeError, match="is not built yet"):
        Sequential(conv(2)).stages()


def test_the_table():
    net = Sequential(
        Conv2d(4, 3, activation="relu"),
        MaxPool2d(2),
        Residual(conv(4), BatchNorm2d(), activation="relu"),
        Dropout(0.1),
        GlobalAvgPool2d(),
    ).build((3, 8, 8))
    assert str(net.stages()) == (
        "stage  layers                         runs               in training\n"
        "-------------------------------------------------------------------------------\n"
        "    1  conv1, pool1                   conv_block         conv + ReLU + 2x2 max pooling\n"
        "    2  residual1: conv1, norm1        conv_block         conv + batch norm\n"
        "    3  residual1: itself, activation  conv_block.add     sum + ReLU\n"
        "    4  dropout1                       dropout            Dropout\n"
        "    5  pool2                          global_avg_pool2d  GlobalAvgPool2d"
    )
    html = net.summary(stages=True)._repr_html_()
    assert html.count("<pre>") == 2 and "sum + ReLU" in html


def test_which_layers_are_beside_one():
    stages = Stages(True, (StageRow(("a", "b"), (Call("linear.forward", "x"),)),))
    assert stages.number_of("b") == 1 and stages.number_of("c") == 0
    assert stages.beside("b") == ("a",) and stages.beside("c") == ()


@pytest.mark.parametrize(
    ("paths", "short"),
    [
        (["a"], "a"),
        (["a.b"], "a.b"),
        (["a.b.c", "a.b.d"], "a.b: c, d"),
        (["a.b.x", "a.b", "a.b.c"], "a.b: x, itself, c"),
        (["a", "b.a"], "a, b.a"),
        (["sum", "relu"], "sum, relu"),
    ],
)
def test_paths_are_shortened(paths, short):
    assert shortened(paths) == short


#: Network -> how often each stage runs in training, and how many sums a convolution takes in
#: within evaluation. A number that falls is a stage that was lost: the network still gives the
#: right numbers, and takes longer.
PINNED = {
    "clearnet": ("5 conv + batch norm + ReLU, 7 conv + batch norm, 4 sum + ReLU", 4),
    "clearnet_small": ("3 conv + batch norm + ReLU, 4 conv + batch norm, 2 sum + ReLU", 2),
    "seed_cnn": ("1 conv + ReLU + 2x2 max pooling, 3 conv + ReLU", 0),
    "resnet18": ("9 conv + batch norm + ReLU, 11 conv + batch norm, 8 sum + ReLU", 8),
    "resnet34": ("17 conv + batch norm + ReLU, 19 conv + batch norm, 16 sum + ReLU", 16),
    "resnet50": ("33 conv + batch norm + ReLU, 20 conv + batch norm, 16 sum + ReLU", 16),
    "efficientnet_lite0": ("33 conv + batch norm + ReLU6, 16 conv + batch norm, 9 sum", 9),
    "mobilenet_v2": ("35 conv + batch norm + ReLU6, 17 conv + batch norm, 10 sum", 10),
    "squeezenet1_1": ("26 conv + ReLU, 8 join channels", 0),
    "googlenet": ("57 conv + batch norm + ReLU, 9 join channels", 0),
    "densenet121": (
        "59 conv + batch norm + ReLU, 4 copy into one array, 62 batch norm + ReLU, 61 conv, "
        "58 add channels to the array",
        0,
    ),
    "vgg11": ("5 conv + ReLU + 2x2 max pooling, 3 conv + ReLU", 0),
    "vgg11_bn": ("8 conv + batch norm + ReLU", 0),
    "vgg16": ("8 conv + ReLU, 5 conv + ReLU + 2x2 max pooling", 0),
    "vgg16_bn": ("13 conv + batch norm + ReLU", 0),
    "resnet20": ("10 conv + batch norm + ReLU, 11 conv + batch norm, 9 sum + ReLU", 9),
    "resnet56": ("28 conv + batch norm + ReLU, 29 conv + batch norm, 27 sum + ReLU", 27),
    "lenet": ("2 conv + ReLU + 2x2 max pooling", 0),
    "simple_convnet": ("1 conv + ReLU + 2x2 max pooling", 0),
    "deep_convnet": ("3 conv + ReLU, 3 conv + ReLU + 2x2 max pooling", 0),
    "digits_cnn": ("1 conv + ReLU, 1 conv + ReLU + 2x2 max pooling", 0),
}
PINNED_BENCHMARKS = {
    "lenet": PINNED["lenet"],
    "deep_convnet": PINNED["deep_convnet"],
    "seed_cnn-4": PINNED["seed_cnn"],
    "seed_cnn-32": PINNED["seed_cnn"],
    "resnet20": PINNED["resnet20"],
    "resnet18": PINNED["resnet18"],
    "mobilenet": ("23 conv + batch norm + ReLU", 0),
}


def counted(summary):
    training, evaluation = summary.stages
    fused = [row.does for row in training.rows if row.runs.startswith("conv_block")]
    sums = [row for row in evaluation.rows if row.runs == "conv_block" and "sum" in row.does]
    return ", ".join(f"{count} {does}" for does, count in Counter(fused).items()), len(sums)


@pytest.mark.parametrize("name", MODELS)
def test_no_model_loses_a_stage(name):
    found = counted(create(name, 10).summary(MODELS[name].input_shape, stages=True))
    assert found == PINNED[name]


@pytest.mark.parametrize("name", NETWORKS)
def test_no_network_of_the_benchmark_loses_a_stage(name):
    network = NETWORKS[name]
    found = counted(network.make(network.classes).summary(network.shape, stages=True))
    assert found == PINNED_BENCHMARKS[name]
