"""Runs that start from weights alone: PyTorch's files and bare safetensors."""

import json
import shlex
import struct

import numpy as np
import pytest
from click.testing import CliRunner
from pytorch_files import legacy, saved, table, tensor
from safetensors.numpy import save_file

import clearconv
from clearconv import load, load_pytorch, plan
from clearconv.cli import main
from clearconv.cli.flags.repeating import repeating
from clearconv.errors import ArgumentError, ModelFileError
from clearconv.exchange import start_from
from clearconv.exchange.published import PUBLISHED
from clearconv.models import create
from clearconv.report.wording import calling
from clearconv.train import Callback, prepare, train


class Before(Callback):
    def started(self, run):
        self.state, self.preprocessing = run.model.state_dict(), run.preprocessing
        self.notes, self.settings = run.notes, run.settings


def digits(classes=6):
    return create("digits_cnn", classes).build((1, 8, 8), seed=3).state_dict()


@pytest.fixture(params=["safetensors", "pth"])
def weights(request, tmp_path):
    """A file with the weights of a network for six digits."""
    path = tmp_path / f"weights.{request.param}"
    if request.param == "pth":
        path.write_bytes(saved({f"module.{key}": array for key, array in digits().items()}))
    else:
        save_file(digits(), path)
    return path


def test_a_run_starts_from_weights(weights, tmp_path):
    before = Before()
    start = start_from(weights)
    train(
        "digits",
        start=start,
        classes=tuple("012345"),
        epochs=1,
        out=tmp_path / "run",
        callbacks=[before],
    )
    assert all(np.array_equal(before.state[key], array) for key, array in digits().items())
    assert before.notes[0] == "the weights are those of digits_cnn"
    assert before.notes[-1].startswith("its 6 outputs are taken for 0, 1, 2, 3, 4 and 1 more")
    assert before.settings.model == "digits_cnn" and before.settings.start == str(weights)


def test_another_number_of_classes_gets_a_new_head(weights, tmp_path):
    given = {"start": start_from(weights, model="digits_cnn"), "classes": tuple("789")}
    before = Before()
    train("digits", out=tmp_path / "run", callbacks=[before], epochs=1, **given)
    same = {key for key, array in digits().items() if np.array_equal(before.state[key], array)}
    assert {*digits()} - same == {"linear1.weight", "linear1.bias"}
    assert before.notes[-1] == "its last layer has 6 outputs, so a new one is made for 3 classes"
    assert before.notes[-1] in str(plan("digits", **given))


def test_a_file_without_a_last_layer(tmp_path):
    state = {key: array for key, array in digits().items() if not key.startswith("linear1.")}
    (tmp_path / "body.pth").write_bytes(saved(state))
    start, before = start_from(tmp_path / "body.pth"), Before()
    train("digits", start=start, epochs=1, out=tmp_path / "run", callbacks=[before])
    assert before.notes[-1] == "they lack the last layer, so a new one is made"
    assert all(np.array_equal(before.state[key], array) for key, array in state.items())


def test_published_weights_bring_their_scaling(tmp_path):
    state = create("resnet18", 2).build((3, 32, 32)).state_dict()
    save_file(state, tmp_path / "resnet.safetensors")
    start = start_from(tmp_path / "resnet.safetensors", model="resnet18")
    assert start.preprocessing.size == (224, 224)
    assert start.preprocessing.mean == (0.485, 0.456, 0.406)
    assert any(note.startswith("images are scaled as for its published") for note in start.notes)
    grey = {**state, "conv1.weight": state["conv1.weight"][:, :1].copy()}
    save_file(grey, tmp_path / "grey.safetensors")
    assert start_from(tmp_path / "grey.safetensors").preprocessing is None


def test_published_weights_serve_as_features(tmp_path):
    """With ImageNet's classes, or none, only the head is trained unless `freeze` says otherwise."""
    state = create("mobilenet_v2", 1000).build((3, 32, 32)).state_dict()
    few = create("mobilenet_v2", 5).build((3, 32, 32)).state_dict()
    body = {key: array for key, array in few.items() if not key.startswith("classifier.")}
    for weights, head in ((state, "classifier"), (body, "classifier"), (few, None)):
        save_file(weights, tmp_path / "mobile.safetensors")
        assert start_from(tmp_path / "mobile.safetensors").head == head
    for name, known in PUBLISHED.items():
        layers = create(name, 10).spec()["nodes"][0]["arguments"]["layers"]
        assert known.head in [layer["node"]["name"] for layer in layers]


def test_options_of_the_model(tmp_path):
    state = create("mobilenet_v2", 2).build((3, 32, 32)).state_dict()
    save_file(state, tmp_path / "mobile.safetensors")
    start = start_from(tmp_path / "mobile.safetensors", dropout=0.6)
    assert start.settings.dropout == 0.6
    assert [leaf.p for leaf in start.model.leaves() if hasattr(leaf, "p")] == [0.6]
    save_file(digits(), tmp_path / "digits.safetensors")
    with pytest.raises(ArgumentError, match="'digits_cnn' has no option 'dropout'"):
        start_from(tmp_path / "digits.safetensors", dropout=0.6)


def test_half_precision_in_safetensors(tmp_path):
    """bfloat16, which NumPy lacks, is the upper half of a float32."""
    state = digits()
    header, data = {}, b""
    for key, array in state.items():
        rounded = (array.view(np.uint32) >> 16).astype(np.uint16)
        raw = rounded if array.ndim > 1 else array.astype(np.float16)
        kind = "BF16" if array.ndim > 1 else "F16"
        place = [len(data), len(data) + raw.nbytes]
        header[key] = {"dtype": kind, "shape": list(array.shape), "data_offsets": place}
        data += raw.tobytes()
    text = json.dumps(header).encode()
    (tmp_path / "half").write_bytes(struct.pack("<Q", len(text)) + text + data)
    start = start_from(tmp_path / "half")
    for key, array in state.items():
        assert start.state[key].dtype == np.float32
        np.testing.assert_allclose(start.state[key], array, rtol=2**-7, atol=1e-4)


def test_on_the_command_line(weights, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ours = ["digits", "--classes", "7,8,9", "--from", str(weights), "--model", "digits_cnn"]
    result = CliRunner().invoke(main, ["train", *ours, "--epochs", "1", "--out", "run"])
    assert result.exit_code == 0, result.output
    assert "the weights are those of digits_cnn" in result.output
    assert "its last layer has 6 outputs, so a new one is made for 3 classes" in result.output
    result = CliRunner().invoke(main, ["plan", *ours, "--epochs", "1"])
    assert result.exit_code == 0 and "the weights are those of digits_cnn" in result.output
    result = CliRunner().invoke(main, ["train", *ours[:-1], "lenet"])
    assert result.exit_code == 1 and "are not those of lenet" in result.output


def test_the_line_that_repeats_a_run_works(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    state = create("seed_cnn", 10).build((1, 224, 224)).state_dict()
    save_file(state, tmp_path / "weights.safetensors")
    start = start_from("weights.safetensors", dropout=0.2)
    settings = prepare("digits", start=start, epochs=1).settings
    line = calling("digits", settings)
    place = str(tmp_path / "weights.safetensors")
    assert f"start=clearconv.exchange.start_from({place!r}, dropout=0.2)" in line
    keywords = line.replace("clearconv.fit(", "dict(model=").replace("'digits', ", "")
    again = eval(keywords, {"clearconv": clearconv})
    assert prepare("digits", **again).settings == settings
    words = shlex.split(repeating("digits", settings))
    assert words[words.index("--from") + 1] == place and "--dropout" in words


def test_what_cannot_be_started_from(weights, tmp_path):
    spoilt = digits()
    spoilt["conv1.weight"][0] = np.nan
    (tmp_path / "nan.pth").write_bytes(saved(spoilt))
    with pytest.raises(ModelFileError, match="conv1.weight holds NaN or infinity"):
        start_from(tmp_path / "nan.pth")
    (tmp_path / "old.pth").write_bytes(legacy(table(weight=tensor())))
    with pytest.raises(ModelFileError, match="not those of a bundled model: it has weight"):
        start_from(tmp_path / "old.pth")
    cut = weights.read_bytes()[:-30]
    (tmp_path / "cut").write_bytes(cut)
    with pytest.raises(ModelFileError, match="cut off|damaged"):
        start_from(tmp_path / "cut")
    with pytest.raises(ArgumentError, match="`model='lenet'` does not go with"):
        train("digits", start=start_from(weights), model="lenet", out=tmp_path / "run")
    for function in (load, lambda path: train("digits", start=path, out=tmp_path / "run")):
        with pytest.raises(ModelFileError, match=r"start=clearconv\.exchange\.start_from\(FILE\)"):
            function(weights)


def test_load_state_dict_lists_all_wrong_shapes(tmp_path):
    (tmp_path / "six.pth").write_bytes(saved(digits()))
    model = create("digits_cnn", 5).build((1, 8, 8))
    with pytest.raises(ModelFileError, match=r"\(6, \d+\).*\(5, \d+\); .*\(6,\).*\(5,\)"):
        model.load_state_dict(load_pytorch(tmp_path / "six.pth"))
