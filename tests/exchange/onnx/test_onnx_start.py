"""Runs that start from an ONNX file: logits, a new head, what is known of its images."""

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="the extra onnx is not installed")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

import clearconv as cc  # noqa: E402
from clearconv.data import Preprocessing  # noqa: E402
from clearconv.errors import ModelFileError  # noqa: E402
from clearconv.exchange.start import start_from  # noqa: E402


def squeezed(path, side=8):
    """Write a network that ends in probabilities of shape (N, 3, 1, 1), and return the path."""
    numbers = np.random.default_rng(2)
    weights = {
        "features.weight": numbers.normal(0, 1, (6, 3, 3, 3)).astype(np.float32),
        "head.weight": numbers.normal(0, 1, (3, 6, 1, 1)).astype(np.float32),
    }
    nodes = [
        helper.make_node("Conv", ["x", "features.weight"], ["a"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Conv", ["b", "head.weight"], ["c"]),
        helper.make_node("GlobalAveragePool", ["c"], ["d"]),
        helper.make_node("Softmax", ["d"], ["y"], axis=1),
    ]
    given = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, side, side])]
    results = [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)]
    stored = [numpy_helper.from_array(one, name) for name, one in weights.items()]
    graph = helper.make_graph(nodes, "g", given, results, stored)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    path.write_bytes(model.SerializeToString())
    return path


def test_a_run_starts_from_the_logits(tmp_path):
    path = squeezed(tmp_path / "net.onnx")
    earlier = start_from(path)
    x = np.random.default_rng(0).normal(size=(2, 3, 8, 8)).astype(np.float32)
    model, preprocessing = earlier.begin(("a", "b", "c"), None, 0)
    assert preprocessing is None and model.output_shape == (3,)
    logits = model.predict(x)
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    wanted = cc.load_onnx(path).predict(x).reshape(2, 3)
    np.testing.assert_allclose(e / e.sum(axis=1, keepdims=True), wanted, rtol=1e-5)
    assert "net.onnx" in earlier.notes[0] and "does not say" in earlier.notes[1]


def test_other_classes_get_a_new_head(tmp_path):
    earlier = start_from(squeezed(tmp_path / "net.onnx"))
    model, _ = earlier.begin(tuple("vwxyz"), None, 0)
    assert model.output_shape == (5,)
    old = earlier.state["features.weight"]
    np.testing.assert_array_equal(model.parameters["features.weight"], old)
    assert model.parameters["head.weight"].shape == (5, 6, 1, 1)


def test_an_own_file_brings_classes_and_preprocessing(tmp_path):
    model = cc.Sequential(
        cc.Conv2d(4, 3), cc.ReLU(), cc.GlobalAvgPool2d(), cc.Flatten(), cc.Linear(2)
    )
    model.build((3, 8, 8), seed=1)
    scaling = Preprocessing(size=(8, 8), mean=(0.1, 0.2, 0.3), std=(0.4, 0.5, 0.6))
    model.info = {"classes": ["cat", "dog"], "preprocessing": scaling.to_dict()}
    for batch in (False, True):
        model.export_onnx(tmp_path / "own.onnx", batch=batch)  # takes pictures
        again = cc.load_onnx(tmp_path / "own.onnx")
        assert again.store.fingerprint() == model.store.fingerprint()
        assert again.info["classes"] == ["cat", "dog"]
        assert Preprocessing.from_dict(again.info["preprocessing"]) == scaling
        earlier = start_from(tmp_path / "own.onnx")
        assert (earlier.classes, earlier.preprocessing) == (("cat", "dog"), scaling)


def test_what_is_no_classifier_is_refused(tmp_path):
    path = tmp_path / "net.onnx"
    cc.Sequential(cc.Conv2d(2, 3)).build((3, 8, 8)).export_onnx(path, input="tensor")
    with pytest.raises(ModelFileError, match="a classifier of images is needed"):
        start_from(path)
    path.write_bytes(b"\x08\x07 not whole")
    with pytest.raises(ModelFileError, match="not a whole ONNX file|holds no graph"):
        start_from(path)
