"""Whole networks: those others trained, deep ones, and what users plug in themselves."""

import sys
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import clearconv
from clearconv import (
    ArgumentError,
    BatchNorm2d,
    Concat,
    Conv2d,
    CrossEntropy,
    Flatten,
    GlobalAvgPool2d,
    Identity,
    Linear,
    MaxPool2d,
    ReLU,
    Residual,
    Sequential,
    ops,
    trace,
)
from clearconv.glassbox import glass_box
from clearconv.layers import Layer
from clearconv.layers.base import registry
from clearconv.models import create
from clearconv.tracing import chapters

sys.path.append(str(Path(__file__).parents[1] / "models"))

#: Chapters that are explained by the shares of their tables alone.
SHARING = [
    chapter.name
    for chapter in ops.CHAPTERS
    if find_spec(f"clearconv.ops.{chapter.name}.taps") and chapter.name not in ("max_pool2d",)
]


@pytest.fixture
def clean_registries(monkeypatch):
    monkeypatch.setattr("clearconv.layers.base.registry.registered", {})
    monkeypatch.setattr("clearconv.layers.activation.kinds._own", {})


@pytest.mark.data
def test_a_network_that_others_trained(shared, adds_up):
    import reference_weights as reference

    x, labels = reference.mnist_test(shared / "mnist")
    model = create("simple_convnet", 10).build((1, 28, 28))
    file = shared / "reference" / "dlfs" / "simple_convnet_ch07.npz"
    model.load_state_dict(reference.dlfs_simple(file))
    recorded = trace(model, x[0], int(labels[0]))
    assert recorded.loss.predicted == labels[0] and recorded.loss.value < 0.01
    adds_up(recorded, most=15)


@pytest.mark.parametrize(
    "name", ["resnet18", "densenet121", "googlenet", "mobilenet_v2", "squeezenet1_1", "clearnet"]
)
@pytest.mark.ci
def test_a_deep_network(name, adds_up):
    """Every layer is there once, hands on what the next one reads, and adds up."""
    shape = (3, 64, 64)
    model = create(name, 10).build(shape)
    x = np.random.default_rng(0).standard_normal(shape).astype("float32")
    recorded = trace(model, x, 3)
    paths = {layer.path for layer in recorded.layers}
    assert {layer.path for layer in model.leaves()} < paths
    for layer in recorded.layers[1:]:
        for source in layer.sources:
            assert source in paths and layer.path in recorded[source].consumers
        if layer.x is not None:
            np.testing.assert_array_equal(layer.x, recorded[layer.sources[0]].y)
    ends = [layer.path for layer in recorded.layers if not layer.consumers]
    assert ends == [recorded.loss.source]
    chosen = [
        recorded.layers[k].path for k in range(1, len(recorded.layers), len(recorded.layers) // 9)
    ]
    joins = [layer.path for layer in recorded.layers if layer.x is None][1:4]
    assert adds_up(recorded, most=2, tolerance=2e-4, paths=chosen + joins) > 30


def test_every_layer_of_the_library_can_be_explained():
    """A layer that is added later must say how its numbers come about.

    Those for models that others wrote show their arrays, and no more.
    """
    known = chapters._explainers()
    for name, kind in registry.built_in().items():
        if issubclass(kind, Layer) and ".elementary." not in kind.__module__:
            operation = name if kind.operation is None else kind.operation.__name__
            chapter = operation.rpartition(".")[2]
            assert chapter in known or chapter in SHARING, name


@pytest.fixture
def doubling(monkeypatch):
    """Return a layer of the library whose chapter nobody explains yet."""
    monkeypatch.setattr(registry, "_entered", {**registry._entered})
    chapter = ModuleType("clearconv.ops.doubling")
    chapter.__path__ = []
    monkeypatch.setitem(sys.modules, chapter.__name__, chapter)

    class Doubling(Layer):
        __module__ = "clearconv.layers.doubling"
        operation = chapter

        def _build(self, input_shape):
            return input_shape

        def _forward(self, x, context):
            return 2 * x, None

        def _backward(self, grad_y, saved, context):
            return 2 * grad_y

    return Doubling()


def test_a_chapter_that_nothing_explains_is_traced_all_the_same(doubling, adds_up):
    model = Sequential(Conv2d(2, 3), doubling, Flatten(), Linear(2))
    model.build((1, 4, 4), dtype="float64")
    recorded = trace(model, np.random.default_rng(0).standard_normal((1, 4, 4)), 1)
    path = doubling.path
    assert recorded[path].chapter == "doubling" and not recorded[path].own
    assert recorded.quantities(path) == ("grad_y",)
    with pytest.raises(ArgumentError, match="nothing in clearconv.tracing.chapters explains doubl"):
        recorded.explain(path, "y", (0, 0, 0))
    adds_up(recorded)
    assert "Doubling" in glass_box(recorded)


def test_an_image_of_another_size_than_the_model_was_built_for(adds_up):
    layers = Conv2d(3, 3, stride=2), MaxPool2d(2), GlobalAvgPool2d(), Flatten(), Linear(2)
    model = Sequential(*layers).build((2, 12, 12), dtype="float64")
    recorded = trace(model, np.random.default_rng(0).standard_normal((2, 17, 14)), 1)
    assert recorded["conv1"].y.shape == (1, 3, 8, 6)
    adds_up(recorded)


def test_gradients_are_those_of_the_definition():
    """dL/dx of a pixel and dL/dw of a weight, by central differences through the whole network."""
    model = Sequential(
        Residual(Conv2d(2, 3, padding=1, activation="tanh"), activation="relu"),
        Concat(MaxPool2d(2), Conv2d(3, 2, stride=2)),
        BatchNorm2d(),
        GlobalAvgPool2d(),
        Flatten(),
        Linear(3),
    ).build((2, 6, 6), dtype="float64")
    rng = np.random.default_rng(0)
    x, others = rng.standard_normal((2, 6, 6)), rng.standard_normal((3, 2, 6, 6))
    labels = np.array([2, 0, 1, 1])

    def loss(image):
        y = model.forward(np.concatenate([image[None], others]), training=True)
        return CrossEntropy()(y, labels)[0]

    def slope(array, place):
        kept, step = array[place], 1e-6
        ends = []
        for sign in (1, -1):
            array[place] = kept + sign * step
            ends.append(loss(x))
        array[place] = kept
        return (ends[0] - ends[1]) / (2 * step)

    recorded = trace(model, x, 2, training=True, batch=(others, [0, 1, 1]))
    for place in ((0, 1, 2), (1, 5, 0), (1, 3, 3)):
        assert recorded.explain("input", "grad_y", place).total == pytest.approx(
            slope(x, place), abs=1e-8
        )
    for path, place in (
        ("residual1.conv1.weight", (1, 0, 2, 1)),
        ("concat1.conv1.bias", (2,)),
        ("norm1.weight", (4,)),
        ("linear1.weight", (1, 3)),
    ):
        layer, _, name = path.rpartition(".")
        numeric = slope(model.parameters[path], place)
        assert recorded.explain(layer, name, place).total == pytest.approx(numeric, abs=1e-8)


def test_where_branches_meet(adds_up):
    """An image that three ways read gets three gradients, and they are added."""
    model = Sequential(
        Residual(Conv2d(3, 1, name="body"), shortcut=Concat(Identity(), Conv2d(1, 1, name="side"))),
    ).build((2, 3, 3), dtype="float64")
    x = np.random.default_rng(0).standard_normal((2, 3, 3))
    recorded = trace(model, x, grad_y=np.random.default_rng(1).standard_normal((3, 3, 3)))
    one = recorded.explain("input", "grad_y", (1, 2, 0))
    assert [term.factors[0].path for term in one.terms] == [
        "residual1.body", "residual1.shortcut.identity1", "residual1.shortcut.side",
    ]  # fmt: skip
    assert one.note.startswith("3 layers read this output")
    joined = recorded.explain("residual1.shortcut", "y", (2, 1, 1)).terms
    assert [(term.factors[0].path, term.factors[0].index) for term in joined] == [
        ("residual1.shortcut.side", (0, 0, 1, 1))
    ]
    adds_up(recorded)


def test_containers_and_layers_of_one_path(adds_up):
    """Unnamed parts share their container's path; the sums then have paths of their own."""
    inner = Residual(Conv2d(2, 1, name=""), name="")
    model = Sequential(Residual(inner, ReLU(), name="block")).build((2, 3, 3), dtype="float64")
    recorded = trace(model, np.ones((2, 3, 3)), grad_y=np.ones((2, 3, 3)))
    assert [layer.path for layer in recorded.layers] == [
        "input", "block", "block.sum", "block.relu1", "block.sum_",
    ]  # fmt: skip
    assert recorded["block"].type == "Conv2d" and recorded["block.sum_"].type == "Residual"
    adds_up(recorded)


def test_a_model_of_one_layer_and_of_none(adds_up):
    recorded = trace(Linear(2).build((3,), dtype="float64"), np.ones(3), 0)
    assert [layer.path for layer in recorded.layers] == ["input", ""]
    assert recorded["input"].consumers == ("",)
    assert adds_up(recorded) > 15
    empty = Sequential().build((3,), dtype="float64")
    recorded = trace(empty, np.array([1.0, 2, 3]), 2)
    assert recorded.loss.source == "input" and adds_up(recorded) > 5


def test_an_activation_of_your_own(clean_registries, adds_up):
    clearconv.register_activation("cube", lambda x: x**3, lambda x: 3 * x**2)
    model = Sequential(Conv2d(2, 2, activation="cube"), Flatten(), Linear(2))
    model.build((1, 3, 3), dtype="float64")
    recorded = trace(model, np.random.default_rng(0).standard_normal((1, 3, 3)), 0)
    adds_up(recorded)
    assert recorded.explain("conv1", "y", (0, 0, 0)).steps[0].expression.startswith("cube(")
    np.testing.assert_allclose(recorded["conv1"].net ** 3, recorded["conv1"].y)


class Doubled(Linear):
    """Another forward pass, so another layer."""

    def _forward(self, x, context):
        y, saved = super()._forward(x, context)
        return 2 * y, saved

    def _backward(self, grad_y, saved, context):
        return super()._backward(2 * grad_y, saved, context)


class Renamed(Linear):
    """Another name alone."""


def test_a_layer_of_your_own_has_arrays_and_no_formula(adds_up):
    model = Sequential(Doubled(3), Renamed(2), name="").build((4,), dtype="float64")
    recorded = trace(model, np.arange(4.0), 1, optimiser=clearconv.SGD(model, lr=0.1))
    own, renamed = recorded.layers[1:]
    assert own.own and own.type == "Doubled" and own.chapter is None
    assert not renamed.own and renamed.type == "Linear"
    assert recorded.quantities("linear1") == ("grad_y", "weight.update", "bias.update")
    with pytest.raises(ArgumentError, match="Doubled is a layer of your own"):
        recorded.explain("linear1", "y", (0,))
    assert own.y.shape == (1, 3) and own.grad_x.shape == (1, 4)
    adds_up(recorded)


class Twice(Sequential):
    """Runs its layers in a way that nobody else knows."""

    def _run(self, x, context, tape):
        return super()._run(x, context, tape) * 2


def test_a_container_of_your_own_is_refused():
    model = Sequential(Twice(Linear(2), name="twice")).build((3,), dtype="float64")
    with pytest.raises(ArgumentError, match="Twice 'twice' is a container of your own"):
        trace(model, np.ones(3), 0)


def test_trouble_is_shown_and_not_hidden():
    """A NaN in one pixel is a NaN wherever it went; nothing is raised."""
    model = Sequential(Conv2d(2, 3, padding=1), ReLU(), MaxPool2d(2), Flatten(), Linear(2))
    model.build((1, 4, 4), dtype="float64")
    x = np.ones((1, 4, 4))
    x[0, 1, 1] = np.nan
    recorded = trace(model, x, 0)
    for path, quantity, place in (
        ("conv1", "y", (0, 0, 0)),
        ("relu1", "y", (0, 0, 0)),
        ("pool1", "y", (0, 0, 0)),
        ("linear1", "y", (0,)),
        ("loss", "probabilities", (0,)),
        ("loss", "value", ()),
    ):
        one = recorded.explain(path, quantity, place)
        assert np.isnan(one.value) and np.isnan(one.total), path
        assert "nan" in str(one)
