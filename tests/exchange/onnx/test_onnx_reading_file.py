"""ONNX files as plain data: tensors of every form, external data, order, and what is refused."""

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="the extra onnx is not installed")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

from clearconv.errors import ModelFileError  # noqa: E402
from clearconv.exchange.onnx.reading.file import read_model  # noqa: E402
from clearconv.exchange.onnx.reading.order import in_order  # noqa: E402


def saved(path, nodes, initializers=(), inputs=None, outputs=("y",), opset=17):
    """Write a model with one image as input, and return the path."""
    given = inputs or [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, 4, 4])]
    results = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs]
    graph = helper.make_graph(list(nodes), "g", given, results, list(initializers))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    path.write_bytes(model.SerializeToString())
    return path


def relu(x="x", y="y"):
    return helper.make_node("Relu", [x], [y])


@pytest.mark.parametrize(
    "dtype", ["float32", "float64", "float16", "uint8", "int8", "int32", "int64", "bool"]
)
@pytest.mark.parametrize("raw", [True, False])
def test_tensors_are_read_bit_for_bit(tmp_path, dtype, raw):
    array = np.array([[0, 1, 2], [3, 1, 0]]).astype(dtype)
    kind = helper.np_dtype_to_tensor_dtype(array.dtype)
    values = array.tobytes() if raw else array.reshape(-1).tolist()
    tensor = helper.make_tensor("w", kind, array.shape, values, raw=raw)
    model = read_model(saved(tmp_path / "m.onnx", [relu()], [tensor]))
    np.testing.assert_array_equal(model.constants["w"], array, strict=True)


def test_bfloat16_becomes_float32(tmp_path):
    numbers = np.array([1.0, -2.5, 3.140625], np.float32)  # all of them bfloat16 already
    bits = (numbers.view(np.uint32) >> 16).astype(np.uint16)
    tensor = helper.make_tensor("w", TensorProto.BFLOAT16, (3,), bits.tobytes(), raw=True)
    model = read_model(saved(tmp_path / "m.onnx", [relu()], [tensor]))
    np.testing.assert_array_equal(model.constants["w"], numbers, strict=True)


def external(path, location, offset=0, length=24, size=24):
    """Write a model whose tensor of six numbers lies in another file."""
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[6], data_location=1)
    for key, value in (("location", location), ("offset", offset), ("length", length)):
        tensor.external_data.add(key=key, value=str(value))
    (path.parent / "w.bin").write_bytes(np.arange(size // 4, dtype=np.float32).tobytes())
    return saved(path, [relu()], [tensor])


def test_external_data_are_read_from_beside_the_file(tmp_path):
    model = read_model(external(tmp_path / "m.onnx", "w.bin", offset=8, size=32))
    np.testing.assert_array_equal(model.constants["w"], np.arange(2, 8, dtype=np.float32))


@pytest.mark.parametrize(
    "location, change, words",
    [
        ("../w.bin", {}, "outside the model's folder"),
        ("/etc/passwd", {}, "outside the model's folder"),
        ("link.bin", {}, "outside the model's folder"),
        ("none.bin", {}, "cannot be read beside the model"),
        ("w.bin", {"offset": 4}, "go beyond the 24 bytes"),
        ("w.bin", {"offset": -4}, "begin before"),
        ("w.bin", {"offset": "x"}, "not a number"),
        ("w.bin", {"length": 8}, "needs 24 bytes, but there are 8"),
    ],
)
def test_external_data_elsewhere_or_cut_off_are_refused(tmp_path, location, change, words):
    folder = tmp_path / "model"
    folder.mkdir()
    (tmp_path / "w.bin").write_bytes(bytes(24))
    (folder / "link.bin").symlink_to(tmp_path / "w.bin")
    path = external(folder / "m.onnx", location, **change)
    with pytest.raises(ModelFileError, match=words):
        read_model(path)


def test_a_tensor_that_announces_more_than_the_file_holds_is_refused(tmp_path):
    tensor = TensorProto(name="w", data_type=1, dims=[2**40, 2**20], raw_data=bytes(16))
    with pytest.raises(ModelFileError, match="tensor 'w': its shape .* needs"):
        read_model(saved(tmp_path / "m.onnx", [relu()], [tensor]))
    tensor = TensorProto(name="w", data_type=1, dims=[-4], raw_data=bytes(16))
    with pytest.raises(ModelFileError, match="its shape is"):
        read_model(saved(tmp_path / "n.onnx", [relu()], [tensor]))


def test_other_files_are_recognised(tmp_path):
    path = tmp_path / "m.onnx"
    for content, words in (
        (b"", "holds no graph"),
        (b"PK\x03\x04" + bytes(40), "zip archive"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "git lfs pull"),
        (b"\xff" * 64, "not a whole ONNX file"),
    ):
        path.write_bytes(content)
        with pytest.raises(ModelFileError, match=words):
            read_model(path)
    with pytest.raises(ModelFileError, match="No such file"):
        read_model(tmp_path / "none.onnx")
    with pytest.raises(ModelFileError, match="is a folder"):
        read_model(tmp_path)


def test_operators_are_put_in_order_and_those_that_nobody_needs_left_out(tmp_path):
    nodes = [relu("b", "y"), relu("a", "b"), relu("x", "a"), relu("x", "unused")]
    path = saved(tmp_path / "m.onnx", nodes)
    model = read_model(path)
    order = in_order(path, model.operators, ["x"], ["y"])
    assert [operator.outputs[0] for operator in order] == ["a", "b", "y"]


@pytest.mark.parametrize(
    "nodes, words",
    [
        ([relu("b", "a"), relu("a", "b"), relu("a", "y")], "the graph has a cycle"),
        ([relu("y", "y")], "the graph has a cycle"),
        ([relu("none", "y")], "nothing gives 'none'"),
        ([relu("x", "y"), relu("x", "y")], "computed twice"),
        ([relu("x", "x")], "computed twice"),
        ([relu("x", "z")], "nothing gives 'y'"),
    ],
)
def test_graphs_that_cannot_run_are_refused(tmp_path, nodes, words):
    path = saved(tmp_path / "m.onnx", nodes)
    with pytest.raises(ModelFileError, match=words):
        in_order(path, read_model(path).operators, ["x"], ["y"])


def test_a_long_chain_needs_no_deep_recursion(tmp_path):
    names = ["x", *(f"v{i}" for i in range(5000)), "y"]
    nodes = [relu(a, b) for a, b in zip(names, names[1:], strict=False)]
    path = saved(tmp_path / "m.onnx", nodes[::-1])
    assert len(in_order(path, read_model(path).operators, ["x"], ["y"])) == 5001


def test_weights_listed_as_inputs_are_not_inputs(tmp_path):
    given = [
        helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 0, -1]),
        helper.make_tensor_value_info("w", TensorProto.FLOAT, [2]),
    ]
    weights = [numpy_helper.from_array(np.zeros(2, np.float32), "w")]
    given[0].type.tensor_type.shape.dim[3].ClearField("dim_value")
    (x,) = read_model(saved(tmp_path / "m.onnx", [relu()], weights, given)).inputs
    assert (x.name, x.shape) == ("x", (1, 3, None, None))
