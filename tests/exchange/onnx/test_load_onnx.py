"""Models from ONNX files: the same numbers, the same names, and all that is missing at once."""

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="the extra onnx is not installed")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402
from onnx.reference import ReferenceEvaluator  # noqa: E402

import clearconv  # noqa: E402
from clearconv.errors import ModelFileError  # noqa: E402

NUMBERS = np.random.default_rng(5)


def saved(path, nodes, weights=(), shape=("N", 3, 8, 8), outputs=("y",), opset=17, dtype=1):
    """Write a model with one input x, and return the path."""
    given = [helper.make_tensor_value_info("x", dtype, shape)]
    results = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs]
    stored = [numpy_helper.from_array(array, name) for name, array in dict(weights).items()]
    graph = helper.make_graph(list(nodes), "g", given, results, stored)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    path.write_bytes(model.SerializeToString())
    return path


def drawn(*shape):
    return NUMBERS.normal(0, 0.5, shape).astype(np.float32)


def network():
    """Return a small network as PyTorch writes it: a block with a shortcut, ``view(size, -1)``."""
    node = helper.make_node
    nodes = [
        node(
            "Conv", ["x", "conv1.weight"], ["c"], "/conv1/Conv", pads=[1, 1, 1, 1], strides=[2, 2]
        ),
        node("BatchNormalization", ["c", *(f"bn1.{name}" for name in _NORM)], ["b"], epsilon=1e-3),
        node("Relu", ["b"], ["r"]),
        node("Conv", ["r", "onnx::Conv_9", "onnx::Conv_10"], ["d"], "/layer1/layer1.0/conv/Conv"),
        node("Add", ["d", "r"], ["s"]),
        node("MaxPool", ["s"], ["p"], kernel_shape=[2, 2], strides=[2, 2]),
        node("Shape", ["p"], ["shape"]),
        node("Constant", [], ["zero"], value=numpy_helper.from_array(np.array(0))),
        node("Gather", ["shape", "zero"], ["first"], axis=0),
        node("Unsqueeze", ["first", "axes"], ["row"]),
        node("Concat", ["row", "rest"], ["target"], axis=0),
        node("Reshape", ["p", "target"], ["flat"]),
        node("Dropout", ["flat"], ["kept"]),
        node("Gemm", ["kept", "fc.weight", "fc.bias"], ["y"], transB=1),
    ]
    weights = {
        "conv1.weight": drawn(4, 3, 3, 3),
        **{f"bn1.{name}": np.abs(drawn(4)) + 0.5 for name in _NORM},
        "onnx::Conv_9": drawn(4, 4, 1, 1),
        "onnx::Conv_10": drawn(4),
        "fc.weight": drawn(5, 16),
        "fc.bias": drawn(5),
        "axes": np.array([0]),
        "rest": np.array([-1]),
    }
    return nodes, weights


_NORM = ("weight", "bias", "running_mean", "running_var")


def test_a_network_computes_what_its_file_says(tmp_path):
    path = saved(tmp_path / "net.onnx", *network())
    model = clearconv.load_onnx(path)
    x = drawn(5, 3, 8, 8)
    (wanted,) = ReferenceEvaluator(str(path)).run(None, {"x": x})
    np.testing.assert_allclose(model.predict(x), wanted, rtol=1e-5, atol=1e-5)
    assert model.input_shape == (3, 8, 8) and model.output_shape == (5,)
    kinds = [type(link.node).__name__ for link in model.links]
    assert kinds == [
        "Conv2d",
        "BatchNorm2d",
        "ReLU",
        "Conv2d",
        "Add",
        "MaxPool2d",
        "Flatten",
        "Linear",
    ]


def test_weights_keep_their_names(tmp_path):
    nodes, weights = network()
    state = clearconv.load_onnx(saved(tmp_path / "net.onnx", nodes, weights)).state_dict()
    for name in ("conv1.weight", "bn1.running_var", "fc.weight", "fc.bias"):
        np.testing.assert_array_equal(state[name], weights[name])
    np.testing.assert_array_equal(state["layer1.0.conv.weight"], weights["onnx::Conv_9"])
    assert len(state) == 9


def test_it_trains_and_is_saved_like_any_model(tmp_path):
    model = clearconv.load_onnx(saved(tmp_path / "net.onnx", *network()))
    x, labels = drawn(8, 3, 8, 8), np.arange(8) % 5
    optimiser, losses = clearconv.SGD(model), []
    for _ in range(12):
        loss, grad_y = clearconv.CrossEntropy()(model.forward(x, training=True), labels)
        model.backward(grad_y, input_gradient=False)
        optimiser.step(lr=0.05)
        losses.append(float(loss))
    assert losses[-1] < 0.7 * losses[0]
    model.save(tmp_path / "net.safetensors")
    again = clearconv.load(tmp_path / "net.safetensors")
    np.testing.assert_array_equal(again.predict(x), model.predict(x))


def test_everything_that_is_missing_is_named_at_once(tmp_path):
    node = helper.make_node
    nodes = [
        node("Conv", ["x", "w"], ["a"], "first", kernel_shape=[3, 3], frobnicate=2),
        node("LSTM", ["a", "w", "w"], ["b"], hidden_size=3),
        node("Fancy", ["b"], ["c"], domain="com.example"),
        node("Fancy", ["c"], ["d"], domain="com.example"),
        node("Pad", ["d"], ["e"], mode="sideways", colour=1),
        node("Resize", ["x", "", "", "sizes"], ["f"], mode="lanczos"),
        node("Add", ["e", "f"], ["y"]),
    ]
    weights = {"w": drawn(3, 3, 3, 3), "sizes": np.array([1, 3, 4, 4])}
    with pytest.raises(ModelFileError) as error:
        clearconv.load_onnx(saved(tmp_path / "net.onnx", nodes, weights))
    text = str(error.value)
    for words in (
        "Conv 'first': attribute frobnicate=2",
        "LSTM",
        "com.example.Fancy (2 times)",
        "attribute colour=1",
        "lanczos",
    ):
        assert words in text, text


@pytest.mark.parametrize("how", ["SAME_UPPER", "SAME_LOWER"])
@pytest.mark.parametrize("size", [7, 8])
def test_automatic_padding_becomes_explicit(tmp_path, how, size):
    """Where runtimes differ: the odd row of padding goes to the end, or to the front."""
    nodes = [helper.make_node("Conv", ["x", "w"], ["y"], auto_pad=how, strides=[2, 2])]
    weights = {"w": drawn(2, 1, 3, 3)}
    path = saved(tmp_path / "net.onnx", nodes, weights, (1, 1, size, size))
    model = clearconv.load_onnx(path)
    half = (size + 1) // 2
    total = max((half - 1) * 2 + 3 - size, 0)
    less, more = total // 2, total - total // 2
    sides = (less, more) if how == "SAME_UPPER" else (more, less)
    assert model.links[0].node.arguments["padding"] == (sides, sides)
    assert model.output_shape == (2, half, half)


@pytest.mark.parametrize("opset, shape", [(12, (2, 3, 4)), (13, (2, 3, 4)), (11, (2, 3, 1, 1))])
def test_the_axis_of_a_softmax_depends_on_the_opset(tmp_path, opset, shape):
    """Before opset 13 all axes from this one on are one; reference engines get it wrong."""
    path = saved(
        tmp_path / "net.onnx",
        [helper.make_node("Softmax", ["x"], ["y"], axis=1)],
        {},
        shape,
        opset=opset,
    )
    x = drawn(*shape)
    rows = x.reshape(shape[0], -1) if opset < 13 else x
    e = np.exp(rows - rows.max(axis=1, keepdims=True))
    wanted = (e / e.sum(axis=1, keepdims=True)).reshape(shape)
    model = clearconv.load_onnx(path)
    got = model.predict(x.reshape(2, *model.input_shape)).reshape(shape)
    np.testing.assert_allclose(got, wanted, rtol=1e-6)


def test_an_operator_along_the_batch_makes_a_tensor_one_item(tmp_path):
    nodes = [helper.make_node("Transpose", ["x"], ["y"], perm=[1, 0, 2])]
    model = clearconv.load_onnx(saved(tmp_path / "net.onnx", nodes, {}, (2, 3, 4)))
    x = drawn(2, 3, 4)
    assert model.info["onnx"]["batched"] is False
    np.testing.assert_array_equal(model.forward(x[None])[0], x.transpose(1, 0, 2))


def test_an_output_and_an_open_size_can_be_given(tmp_path):
    nodes = [helper.make_node("Relu", ["x"], ["r"]), helper.make_node("Neg", ["r"], ["logits"])]
    path = saved(tmp_path / "net.onnx", nodes, {}, ("N", 3, "H", "W"), ("r", "logits"))
    with pytest.raises(ModelFileError, match="leaves the size of its input open"):
        clearconv.load_onnx(path)
    x = drawn(2, 3, 4, 4)
    model = clearconv.load_onnx(path, input_shape=(3, 4, 4))
    np.testing.assert_array_equal(model.predict(x), -np.maximum(x, 0))
    model = clearconv.load_onnx(path, input_shape=(3, 4, 4), output="r")
    np.testing.assert_array_equal(model.predict(x), np.maximum(x, 0))
    with pytest.raises(ModelFileError, match="Did you mean 'logits'"):
        clearconv.load_onnx(path, output="logit")
    with pytest.raises(ModelFileError, match="the batch axis included"):
        clearconv.load_onnx(path, input_shape=(1, 4, 4))


@pytest.mark.parametrize(
    "nodes, weights, words",
    [
        (["Relu:a>y"], {}, "nothing gives 'a'"),
        (["ConstantOfShape:s>y"], {"s": np.array([2])}, "does not depend on the input"),
        (["Conv:x,w>y"], {"w": drawn(2, 5, 3, 3)}, "5|channels"),
        (["Conv:x,x>y"], {}, "the filters is computed from the model's input"),
        (["Reshape:x,s>y"], {"s": np.array([-1, 7])}, "Reshape of"),
        (["Tile:x,s>y"], {"s": np.array([1, 1, 1, 2**40])}, "repeats="),
        (["Resize:x,,,s>y"], {"s": np.array([1, 3, 2**40, 4])}, "sizes"),
        (["Expand:x,s>y"], {"s": np.array([1, 2**20, 2**20, 1, 3, 8, 8])}, "shape|numbers"),
    ],
)
def test_what_cannot_be_is_one_error(tmp_path, nodes, weights, words):
    made = []
    for text in nodes:
        kind, _, rest = text.partition(":")
        inputs, _, output = rest.partition(">")
        made.append(helper.make_node(kind, inputs.split(","), [output]))
    with pytest.raises(ModelFileError, match=words):
        clearconv.load_onnx(saved(tmp_path / "net.onnx", made, weights))


def test_one_stored_tensor_cannot_become_gigabytes_of_weights(tmp_path):
    """Each layer has its own copy: a thousand layers that read one tensor are refused."""
    names = ["x", *(f"v{i}" for i in range(400)), "y"]
    nodes = [
        helper.make_node("Conv", [a, "w"], [b], pads=[1, 1, 1, 1])
        for a, b in zip(names, names[1:], strict=False)
    ]
    weights = {"s": np.array([300, 300, 3, 3])}
    nodes.insert(0, helper.make_node("ConstantOfShape", ["s"], ["w"]))
    with pytest.raises(ModelFileError, match="more than the file may hold"):
        clearconv.load_onnx(saved(tmp_path / "net.onnx", nodes, weights, ("N", 300, 8, 8)))


def test_the_message_stays_short(tmp_path):
    nodes = [helper.make_node(f"Op{i}", ["x"], [f"v{i}"]) for i in range(500)]
    nodes.append(helper.make_node("Sum", [f"v{i}" for i in range(500)], ["y"]))
    with pytest.raises(ModelFileError) as error:
        clearconv.load_onnx(saved(tmp_path / "net.onnx", nodes))
    assert "and 460 more" in error.value.args[0]


def choice(condition):
    """Return operators whose second is an If of two branches, which read a value from outside."""
    branches = []
    for kind in ("Relu", "Neg"):
        result = helper.make_tensor_value_info(f"{kind}_y", TensorProto.FLOAT, None)
        inner = [
            helper.make_node(kind, ["a"], [f"{kind}_z"]),
            helper.make_node("Mul", [f"{kind}_z", f"{kind}_c"], [f"{kind}_y"]),
        ]
        three = numpy_helper.from_array(np.array(3, np.float32), f"{kind}_c")
        branches.append(helper.make_graph(inner, kind, [], [result], [three]))
    then, other = branches
    return [
        helper.make_node("Abs", ["x"], ["b"]),
        helper.make_node("Sub", ["b", "one"], ["a"]),
        *condition,
        helper.make_node("If", ["c"], ["y"], then_branch=then, else_branch=other),
    ], {"one": np.array(1, np.float32)}


@pytest.mark.parametrize("rank, chosen", [(4, "Relu"), (3, "Neg")])
def test_a_branch_that_a_constant_chooses_is_read(tmp_path, rank, chosen):
    """PyTorch asks for the number of axes where an operation takes images without a batch, too."""
    condition = [
        helper.make_node("Shape", ["x"], ["s"]),
        helper.make_node("Size", ["s"], ["n"]),
        helper.make_node("Constant", [], ["r"], value=numpy_helper.from_array(np.array(rank))),
        helper.make_node("Equal", ["n", "r"], ["c"]),
    ]
    model = clearconv.load_onnx(saved(tmp_path / "net.onnx", *choice(condition)))
    x = drawn(2, 3, 8, 8)
    a = np.abs(x) - 1
    np.testing.assert_array_equal(
        model.predict(x), 3 * np.maximum(a, 0) if chosen == "Relu" else -3 * a
    )


def test_a_branch_that_the_input_chooses_is_refused(tmp_path):
    condition = [
        helper.make_node("ReduceMax", ["x"], ["m"], keepdims=0),
        helper.make_node("Greater", ["m", "one"], ["c"]),
    ]
    with pytest.raises(ModelFileError, match="condition is computed from the model's input"):
        clearconv.load_onnx(saved(tmp_path / "net.onnx", *choice(condition)))
