"""Graphs and the layers of other programs' files leave as ONNX, and come back the same."""

import numpy as np
import pytest
from exchange_engines import OF_GRAPHS, in_onnxruntime, lively

import clearconv as cc
from clearconv.layers.base import registry
from clearconv.layers.elementary.choices import Choose, Compare
from clearconv.layers.elementary.elementwise import Elementwise
from clearconv.layers.elementary.functions import FUNCTIONS
from clearconv.layers.elementary.matmul import MatMul
from clearconv.layers.elementary.pairs import Larger, Power, Smaller
from clearconv.layers.elementary.reduce import Reduce
from clearconv.layers.elementary.resample import Resample
from clearconv.layers.elementary.take import Take
from clearconv.layers.shape.pad import Pad
from clearconv.layers.shape.reshape import Permute, Reshape
from clearconv.models import MODELS, create

MAPS = (4, 9, 7)
NUMBERS = {"clip": (-0.5, 0.8), "wrap": (-2.0, 4.0), "power": (3.0,), "affine": (1.5, -0.25)}


def functions():
    for name, function in FUNCTIONS.items():
        numbers = NUMBERS.get(name, (0.9, 1.1)[: function.numbers])
        nodes = [("a", Elementwise("abs"), "x"), ("f", Elementwise(name, numbers), "a")]
        yield pytest.param(
            cc.Graph(*(nodes if name in ("log", "sqrt") else [(*nodes[1][:2], "x")])), id=name
        )
    yield pytest.param(cc.Graph(("f", Elementwise("affine", (-1.0, 2.0)), "x")), id="2 - x")
    yield pytest.param(cc.Graph(("f", Elementwise("clip", (None, 1.0)), "x")), id="at most 1")


def one(layer):
    return cc.Graph(("y", layer, "x"))


def pair(layer, *constant):
    return cc.Graph(
        (
            "c",
            cc.Constant(constant, fill=0.7),
        ),
        ("y", layer, "x", "c"),
    )


def gate():
    return cc.Graph(
        ("maps", cc.Conv2d(4, 3, padding=1), "x"),
        ("mean", Reduce("mean", (1, 2), keepdims=False), "maps"),
        ("row", cc.Linear(4, activation="sigmoid"), "mean"),
        ("gate", Reshape((4, 1, 1)), "row"),
        ("scaled", cc.Multiply(), "maps", "gate"),
        ("y", cc.Join(2), "scaled", "x"),
    )


GRAPHS = {
    **{name: lambda kind=name: one(Reduce(kind, (0, 2))) for name in ("mean", "sum", "max", "min")},
    "resample": lambda: one(Resample((1, 2), (5, 14), filter="cubic")),
    "nearest": lambda: one(Resample((2,), (14,), coordinates="asymmetric", filter="nearest")),
    "take": lambda: one(Take(1, (8, 0, 0, 3))),
    "pad": lambda: one(Pad(((0, 1), (2, 0), (1, 1)), 0.5)),
    "permute": lambda: one(Permute((3, 1, 2))),
    "reshape": lambda: one(Reshape((36, 7))),
    "add": lambda: pair(cc.Add(), 4, 1, 1),
    "subtract": lambda: pair(cc.Subtract(), 7),
    "multiply": lambda: pair(cc.Multiply(), 1, 9, 1),
    "divide": lambda: pair(cc.Divide(), 4, 9, 7),
    "larger": lambda: pair(Larger(), 4, 1, 1),
    "smaller": lambda: pair(Smaller(), 1, 1, 7),
    "power": lambda: cc.Graph(
        ("c", cc.Constant((4, 1, 1), fill=1.3)),
        ("p", Elementwise("abs"), "x"),
        ("y", Power(), "p", "c"),
    ),
    "matmul": lambda: pair(MatMul(), 7, 5),
    "choose": lambda: cc.Graph(
        ("c", cc.Constant((4, 1, 1), fill=0.2)),
        ("more", Compare("greater"), "x", "c"),
        ("half", Elementwise("affine", (0.5, 0.0)), "x"),
        ("y", Choose(), "more", "x", "half"),
    ),
    "gate": gate,
}


def exported(model, tmp_path, **options):
    path = tmp_path / "model.onnx"
    model.export_onnx(path, input="tensor", **options)
    return path


@pytest.mark.parametrize("graph", [*functions()])
def test_every_function_leaves_and_comes_back(graph, tmp_path):
    check(graph.build(MAPS), tmp_path)


@pytest.mark.parametrize("name", GRAPHS)
@pytest.mark.parametrize("opset", [13, 18])
def test_every_graph_leaves_and_comes_back(name, opset, tmp_path):
    check(lively(GRAPHS[name]().build(MAPS, seed=3)), tmp_path, opset=opset)


def check(model, tmp_path, **options):
    """Compare our numbers with ONNX Runtime's, and with those of the file read again."""
    path = exported(model, tmp_path, **options)
    x = np.random.default_rng(1).normal(0, 1.5, (1, *MAPS)).astype(np.float32)
    wanted = model.forward(x)
    got = in_onnxruntime(path.read_bytes(), {"x": x})["logits"]
    np.testing.assert_allclose(got, wanted, rtol=3e-6, atol=3e-6)
    again = cc.load_onnx(path)
    np.testing.assert_allclose(again.forward(x), wanted, rtol=3e-6, atol=3e-6)
    assert again.state_dict().keys() == model.state_dict().keys()


def test_every_layer_of_a_graph_is_among_them():
    models = [make() for make in GRAPHS.values()] + [case.values[0] for case in functions()]
    tried = {type(leaf) for model in models for leaf in model.leaves()}
    kinds = set(registry.built_in().values())
    general = set(OF_GRAPHS)
    inputs = {kind for kind in kinds if issubclass(kind, cc.MultiInput)}
    hidden = {cc.MultiInput}  # what others derive from
    assert {k for k in (general | inputs) - hidden if not k.__abstractmethods__} <= tried


def written(path):
    """Return a file's operators, with what they read, and its constants."""
    import onnx
    from onnx import numpy_helper

    graph = onnx.load(path).graph
    constants = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
    return [(n.op_type, *n.input, *n.output, *map(str, n.attribute)) for n in graph.node], constants


@pytest.mark.parametrize("name", ["lenet", "clearnet", "squeezenet1_1"])
def test_export_import_export_gives_the_same_file(name, tmp_path):
    model = lively(create(name, 4).build((3, 64, 64) if name != "lenet" else (1, 28, 28), seed=1))
    path = exported(model, tmp_path, batch_norm="keep")
    first = written(path)
    again = cc.load_onnx(path)
    assert again.store.fingerprint() == model.store.fingerprint()  # the same names and bits
    second = written(exported(again, tmp_path, batch_norm="keep"))
    assert [one[0] for one in first[0]] == [one[0] for one in second[0]]
    weights = {key: one for key, one in first[1].items() if key in model.state_dict()}
    assert weights.keys() <= second[1].keys()
    for key, numbers in weights.items():
        np.testing.assert_array_equal(second[1][key], numbers)


@pytest.mark.ci
@pytest.mark.parametrize("name", [name for name in MODELS if not name.startswith("vgg")])
def test_every_model_of_the_zoo_comes_back(name, tmp_path):
    """All but VGG's, whose adaptive pool becomes two products with constants."""
    info = MODELS[name]
    side = max(64, info.smallest) if info.input_shape[1] > 64 else info.input_shape[1]
    model = lively(create(name, 5).build((info.input_shape[0], side, side), seed=1))
    x = np.random.default_rng(0).normal(0, 1, (2, *model.input_shape)).astype(np.float32)
    again = cc.load_onnx(exported(model, tmp_path, batch_norm="keep"))
    mine, read = model.state_dict(), again.state_dict()
    assert all(np.array_equal(read[path], array) for path, array in mine.items())
    # a pooling that enlarges is written as two products, whose matrices come back as constants
    assert all(path.startswith("avgpool.") for path in read.keys() - mine.keys())
    np.testing.assert_allclose(again.predict(x), model.predict(x), rtol=1e-4, atol=1e-5)
