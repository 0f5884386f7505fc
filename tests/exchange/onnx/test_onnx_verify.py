"""`verify_onnx`: engines agree, drift is found and located, and no file does harm."""

import base64
import json
import zlib

import numpy as np
import pytest
from exchange_engines import lively
from PIL import Image

import clearconv as cc
from clearconv.data import Preprocessing
from clearconv.exchange.onnx.verifying.claims import claims_of, parsed
from clearconv.exchange.onnx.verifying.parts import difference, network_alone, parting
from clearconv.exchange.onnx.verifying.verify import verify_onnx


@pytest.fixture(scope="session")
def exported(tmp_path_factory):
    """Return a small file that takes pictures."""
    model = cc.Sequential(
        cc.Conv2d(6, 3, stride=2, bias=False),
        cc.BatchNorm2d(),
        cc.ReLU(),
        cc.GlobalAvgPool2d(),
        cc.Flatten(),
        cc.Linear(3),
    )
    lively(model.build((3, 20, 20), seed=2))
    how = Preprocessing(size=(20, 20), side=32)
    model.info.update(classes=["a", "b", "c"], preprocessing=how.to_dict())
    file = tmp_path_factory.mktemp("onnx") / "model.onnx"
    model.export_onnx(file)
    return file


def onnx_of(nodes, inputs, logits, opset=17, constants=(), shape=(1, 4), **metadata):
    """Return the bytes of a file made by hand, with a golden input of zeros' codes."""
    import onnx
    from onnx import TensorProto, helper

    golden = {
        "shape": shape[1:],
        "zlib": base64.b64encode(zlib.compress(bytes(range(100, 100 + np.prod(shape[1:]))))),
        "logits": logits,
    }
    golden["zlib"] = golden["zlib"].decode()
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in inputs]
    output = helper.make_tensor_value_info("logits", TensorProto.FLOAT, shape)
    tensors = [onnx.numpy_helper.from_array(array, name) for name, array in constants]
    graph = helper.make_graph(nodes, "g", values, [output], tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    helper.set_model_props(model, {"golden": json.dumps(golden), **metadata})
    return model.SerializeToString()


@pytest.mark.ci
def test_all_engines_agree_on_golden_and_other_pictures(exported, tmp_path):
    numbers = np.random.default_rng(1)
    pictures = []
    for size in ((40, 31), (25, 60)):
        pictures.append(tmp_path / f"{size[0]}.png")
        Image.fromarray(numbers.integers(0, 256, (*size, 3), dtype=np.uint8)).save(pictures[-1])
    found = verify_onnx(exported, pictures)
    assert found.holds and found.images == 2
    ran = {each.engine: each for each in found.checked}
    assert {"ONNX Runtime", "onnx.reference"} <= {*ran}
    for name in ("ONNX Runtime", "onnx.reference"):
        each = ran[name]
        assert each.difference < 1e-5 and each.whole and each.milliseconds > 0
        assert 1 <= each.images <= 3 and each.same == each.images


def test_an_engine_that_drifts_is_found_with_the_operator(tmp_path):
    """onnx 1.23.2's reference takes the last axis for Softmax before opset 13."""
    from onnx import helper

    x = (np.arange(100, 112, dtype=np.float32) - 128).reshape(1, 3, 2, 2) / 64
    whole = np.exp(x) / np.exp(x).sum()  # opset 11: all axes from the first on together
    content = onnx_of(
        [
            helper.make_node("Identity", ["x"], ["same"], name="first"),
            helper.make_node("Softmax", ["same"], ["logits"], name="wrong", axis=1),
        ],
        ["x"],
        whole.reshape(-1).tolist(),
        opset=11,
        shape=(1, 3, 2, 2),
    )
    file = tmp_path / "old.onnx"
    file.write_bytes(content)
    found = {each.engine: each for each in verify_onnx(file).checked}
    assert not found["ONNX Runtime"].drifts
    reference = found["onnx.reference"]
    if not reference.drifts:
        pytest.skip(f"onnx {reference.version} computes it correctly")
    assert reference.parts_at.startswith("Softmax 'wrong'")


@pytest.mark.ci
def test_numbers_that_changed_are_told_from_engines_that_differ(exported, tmp_path):
    model = parsed(exported.read_bytes())
    weight = next(one for one in model.graph.initializer if one.name.endswith("linear1.weight"))
    numbers = np.frombuffer(weight.raw_data, np.float32).copy()
    numbers[:] += 1
    weight.raw_data = numbers.tobytes()
    (tmp_path / "b.onnx").write_bytes(model.SerializeToString())
    found = verify_onnx(tmp_path / "b.onnx")
    assert not found.holds and all(each.drifts for each in found.checked)
    assert "whose numbers have changed" in found.checked[0].parts_at


@pytest.mark.ci
def test_a_file_that_asks_for_all_memory_is_answered(tmp_path):
    from onnx import helper

    nodes = [
        helper.make_node("ConstantOfShape", ["shape"], ["huge"]),
        helper.make_node("ReduceMax", ["huge"], ["most"], keepdims=0),
        helper.make_node("Add", ["x", "most"], ["logits"]),
    ]
    shape = ("shape", np.array([2**17, 2**17], np.int64))  # 64 GiB
    file = tmp_path / "huge.onnx"
    file.write_bytes(onnx_of(nodes, ["x"], [0.0] * 4, constants=[shape]))
    found = verify_onnx(file)
    assert not found.holds
    assert all(each.difference is None and each.why for each in found.checked)


HARMFUL = {
    "nothing": (lambda content: b"", "has no operators"),
    "text": (lambda content: b"this is not a model" * 50, "not an ONNX file"),
    "cut": (lambda content: content[: len(content) // 2], "damaged|no operators|not a valid"),
}


@pytest.mark.parametrize(("harm", "message"), HARMFUL.values(), ids=HARMFUL)
def test_a_damaged_file_is_one_error(harm, message, exported):
    with pytest.raises(cc.ModelFileError, match=message):
        claims_of(parsed(harm(exported.read_bytes())))


def test_the_error_names_the_file(tmp_path):
    (tmp_path / "a.onnx").write_bytes(b"\x00\x01\x02" * 99)
    with pytest.raises(cc.ModelFileError, match=r"a\.onnx cannot be verified: it is not an ONNX"):
        verify_onnx(tmp_path / "a.onnx")
    with pytest.raises(cc.ModelFileError, match="does not exist"):
        verify_onnx(tmp_path / "b.onnx")
    with pytest.raises(cc.ModelFileError, match="is a folder"):
        verify_onnx(tmp_path)


def test_mutated_files_raise_nothing_else(exported):
    content, numbers = exported.read_bytes(), np.random.default_rng(5)
    for _ in range(150):
        changed = bytearray(content)
        for place in numbers.integers(0, len(changed), numbers.integers(1, 30)):
            changed[place] = numbers.integers(256)
        try:
            claims_of(parsed(bytes(changed)))
        except cc.ModelFileError as error:
            assert str(error)


def edited(exported, **golden):
    model = parsed(exported.read_bytes())
    for entry in model.metadata_props:
        if entry.key == "golden":
            entry.value = json.dumps({**json.loads(entry.value), **golden})
    return model


BOMB = base64.b64encode(zlib.compress(bytes(2**24), 9)).decode()


@pytest.mark.parametrize(
    "golden",
    [
        {"shape": [2**20, 2**20, 3]},
        {"shape": [-1, 3]},
        {"shape": "x"},
        {"zlib": "!"},
        {"zlib": BOMB},
        {"logits": []},
        {"logits": [float("nan")]},
        {"logits": None},
    ],
    ids=lambda golden: next(iter(golden)),
)
def test_damaged_metadata_are_one_error(golden, exported):
    with pytest.raises(cc.ModelFileError, match="metadata are damaged"):
        claims_of(edited(exported, **golden))


def test_files_of_others_and_numbers_elsewhere_are_refused(exported):
    model = parsed(exported.read_bytes())
    del model.metadata_props[:]
    with pytest.raises(cc.ModelFileError, match="no golden input"):
        claims_of(model)
    model.graph.initializer[0].data_location = 1
    with pytest.raises(cc.ModelFileError, match="in another file, which is not read"):
        parsed(model.SerializeToString())


def test_the_network_alone_begins_at_what_it_sees(exported):
    part = parsed(network_alone(parsed(exported.read_bytes())))
    assert [value.name for value in part.graph.input] == ["x"]
    assert part.graph.node[0].op_type == "Conv"
    assert network_alone(part) is None


def test_the_first_difference_counts(exported):
    model = parsed(exported.read_bytes())
    names = [node.output[0] for node in model.graph.node]
    ours = {name: np.ones(3) for name in names}
    assert parting(model, ours, dict(ours), 1e-4) is None
    theirs = {**ours, names[7]: np.ones(3) + 0.1, names[9]: np.ones(3) + 1}
    assert model.graph.node[7].op_type in parting(model, ours, theirs, 1e-4)
    assert "3 against 2" in parting(model, ours, {names[3]: np.ones(2)}, 1e-4)
    assert difference([1, np.inf], [1, np.inf]) == 0
    assert np.isnan(difference([1.0, 2.0], [1.0, np.nan]))
