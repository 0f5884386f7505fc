"""Architectures as data and models as files: bit for bit, without pickle, never half."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import safetensors.numpy
from test_layer_gradients import LAYERS, built, everything

import clearconv
from clearconv import Conv2d, Flatten, Layer, Linear, Sequential, from_spec, load
from clearconv.errors import ArgumentError, ModelFileError
from clearconv.files import write_atomically
from clearconv.layers.base import registry
from clearconv.layers.loading import load_with_extra


def small(dtype="float32"):
    return Sequential(Conv2d(2, 3), Flatten(), Linear(3)).build((1, 5, 5), dtype=dtype)


@pytest.mark.parametrize("name", LAYERS)
def test_a_spec_is_plain_data_and_makes_the_layer_again(name):
    make, shape = LAYERS[name]
    layer = make().build(shape, seed=2)
    text = json.dumps(layer.spec())
    again = from_spec(json.loads(text))
    assert type(again) is type(layer)
    assert json.dumps(again.spec()) == text
    again.build(shape, seed=2)
    assert again.store.fingerprint() == layer.store.fingerprint()
    x = np.random.default_rng(0).standard_normal((2, *shape)).astype("float32")
    np.testing.assert_array_equal(again.forward(x), layer.forward(x))


def test_the_form_of_a_spec():
    assert Sequential(Flatten(name="f"), name="net").spec() == {
        "format": 1,
        "nodes": [
            {
                "name": "net",
                "type": "Sequential",
                "arguments": {
                    "layers": [
                        {"node": {"name": "f", "type": "Flatten", "arguments": {}, "inputs": []}}
                    ]
                },
                "inputs": [],
            }
        ],
    }
    assert from_spec(Sequential().spec()).children == {}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_saved_model_comes_back_bit_for_bit(tmp_path, dtype):
    net = built(everything, (3, 8, 6), dtype=dtype)
    x = np.random.default_rng(1).standard_normal((4, 3, 8, 6)).astype(dtype)
    net.forward(x, training=True)  # running statistics that are no round numbers
    net.info = {"classes": ["cat", "dög"], "history": [{"loss": 0.1 + 0.2, "epoch": 1}]}
    net.save(tmp_path / "net.safetensors")
    again = load(tmp_path / "net.safetensors")
    assert again.store.fingerprint() == net.store.fingerprint()
    assert again.store.dtype == dtype
    assert again.info == net.info
    assert again.spec() == net.spec()
    assert again.output_shape == net.output_shape
    np.testing.assert_array_equal(again.forward(x), net.forward(x))


def test_a_file_is_safetensors_that_anyone_can_read(tmp_path):
    net = small()
    net.save(str(tmp_path / "net.safetensors"))
    tensors = safetensors.numpy.load_file(tmp_path / "net.safetensors")
    assert tensors.keys() == net.state_dict().keys()
    for path, array in net.state_dict().items():
        np.testing.assert_array_equal(tensors[path], array)


_SAVE = """
import sys
from clearconv import Conv2d, Flatten, Linear, Sequential
net = Sequential(Conv2d(2, 3), Flatten(), Linear(3)).build((1, 5, 5))
net.info = {name: name for name in ("classes", "history", "preprocessing")}
net.save(sys.argv[1])
"""


def test_two_processes_write_the_same_bytes(tmp_path):
    files = []
    for seed in ("1", "2", "3"):
        files.append(tmp_path / seed)
        path = os.pathsep.join(sys.path)
        env = {**os.environ, "PYTHONPATH": path, "PYTHONHASHSEED": seed}
        subprocess.run([sys.executable, "-c", _SAVE, str(files[-1])], env=env, check=True)
    assert len({file.read_bytes() for file in files}) == 1


def test_the_bytes_are_those_of_the_safetensors_package(tmp_path):
    """All but the order of the metadata, which the package does not fix."""
    path, theirs = tmp_path / "net.safetensors", tmp_path / "theirs.safetensors"
    small().save(path)
    with safetensors.safe_open(path, "numpy") as file:
        metadata = file.metadata()
    safetensors.numpy.save_file(safetensors.numpy.load_file(path), theirs, metadata)
    ours, other = path.read_bytes(), theirs.read_bytes()
    length = int.from_bytes(ours[:8], "little")
    assert other[:8] == ours[:8]
    assert list(json.loads(ours[8 : 8 + length]).items()) == list(
        json.loads(other[8 : 8 + length]).items()
    )
    assert other[8 + length :] == ours[8 + length :]
    assert load(theirs).store.fingerprint() == small().store.fingerprint()  # an older file


def test_large_elements_stand_first_so_that_all_are_aligned(tmp_path):
    path = tmp_path / "net.safetensors"
    extra = {"steps": np.array([3]), "mean": np.zeros(3, "float64"), "none": np.zeros((0, 2), "f4")}
    path.write_bytes(small().to_bytes(extra))
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    assert length % 8 == 0
    for name, about in json.loads(content[8 : 8 + length]).items():
        if name != "__metadata__":
            size = {"F32": 4, "F64": 8, "I64": 8}[about["dtype"]]
            assert about["data_offsets"][0] % size == 0
    _, again = load_with_extra(path)
    for name, array in extra.items():
        np.testing.assert_array_equal(again[name], array, strict=True)


def test_a_file_cut_off_anywhere_or_spoilt_is_refused(tmp_path):
    path = tmp_path / "net.safetensors"
    small().save(path)
    whole = path.read_bytes()
    for length in (0, 1, 7, 8, 20, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(ModelFileError, match="net.safetensors is not a whole"):
            load(path)
    for other in (b"PK\x03\x04" + bytes(100), b"\xff" * 100):
        path.write_bytes(other)
        with pytest.raises(ModelFileError, match="net.safetensors"):
            load(path)
    with pytest.raises(ModelFileError, match="no such file"):
        load(tmp_path / "none.safetensors")
    with pytest.raises(ModelFileError, match=r"is a folder.*Load a file in it: net\.safetensors"):
        load(tmp_path)


def rewritten(tmp_path, change):
    """Save a model whose description `change` has had its hands on."""
    path = tmp_path / "net.safetensors"
    small().save(path)
    with safetensors.safe_open(path, "numpy") as file:
        about = json.loads(file.metadata()["clearconv"])
    tensors = safetensors.numpy.load_file(path)
    about = change(about, tensors) or about
    safetensors.numpy.save_file(tensors, path, {"clearconv": json.dumps(about)})
    return path


def layers_of(about):
    return about["spec"]["nodes"][0]["arguments"]["layers"]


def _set(key, value):
    return lambda about, tensors: about.__setitem__(key, value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda about, tensors: layers_of(about)[0]["node"].update(type="Mine"),
         "'Mine'.*register_layer"),
        (lambda about, tensors: layers_of(about)[0]["node"]["arguments"].update(activation="own"),
         "'own' is not known.*register_activation"),
        (lambda about, tensors: layers_of(about)[0]["node"]["arguments"].update(colour="red"),
         "damaged.*colour"),
        (lambda about, tensors: layers_of(about)[0]["node"].pop("type") and None,
         "damaged.*type"),
        (lambda about, tensors: about["spec"].update(format=2), "format 2.*Update"),
        (lambda about, tensors: about["spec"].update(nodes=[]), "damaged"),
        (lambda about, tensors: about["spec"].update(nodes=[["x"]]), "damaged"),
        (lambda about, tensors: ["x"], "damaged"),
        (_set("spec", "x"), "damaged"),
        (_set("input_shape", [1, 2, 2]), "damaged.*spans 3"),
        (_set("input_shape", 5), "damaged"),
        (_set("dtype", "int8"), "damaged.*int8"),
        (_set("dtype", "nonsense"), "damaged"),
        (_set("info", 3), "damaged"),
        (lambda about, tensors: about.pop("info") and None, "damaged.*info"),
        (lambda about, tensors: tensors.pop("conv1.bias") is None, "missing conv1.bias"),
        (lambda about, tensors: tensors.update(more=np.zeros(1)), "not in the model more"),
        (lambda about, tensors: tensors.update({"conv1.bias": np.zeros(9, "f4")}), "conv1.bias"),
    ],
)  # fmt: skip
def test_a_description_that_cannot_be_used_is_refused_by_name(tmp_path, change, message):
    with pytest.raises(ModelFileError, match=message):
        load(rewritten(tmp_path, change))


def test_weights_without_an_architecture(tmp_path):
    safetensors.numpy.save_file(small().state_dict(), tmp_path / "weights.safetensors")
    with pytest.raises(ModelFileError, match="without an architecture.*load_state_dict"):
        load(tmp_path / "weights.safetensors")


def test_info_that_no_file_can_hold(tmp_path):
    net = small()
    net.info["mean"] = np.zeros(3)
    with pytest.raises(ModelFileError, match=r"cannot be saved.*model\.info"):
        net.save(tmp_path / "net.safetensors")
    net.info["mean"] = float("nan")  # which is not JSON
    with pytest.raises(ModelFileError, match=r"cannot be saved.*finite numbers"):
        net.save(tmp_path / "net.safetensors")
    assert list(tmp_path.iterdir()) == []


def test_writing_is_all_or_nothing(tmp_path, monkeypatch):
    path = tmp_path / "file"
    write_atomically(path, b"old")

    def fails(*_):
        raise OSError("disk full")

    for broken in ("fsync", "replace"):
        with monkeypatch.context() as patch:
            patch.setattr(os, broken, fails)
            with pytest.raises(OSError, match="disk full"):
                write_atomically(path, b"new")
        assert path.read_bytes() == b"old"
        assert list(tmp_path.iterdir()) == [path]
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"


# -- layers and activations of one's own


class Scale(Layer):
    """y = factor * weight * x, a weight for each channel; counts its passes in a buffer."""

    prefix = "scale"

    def __init__(self, factor=1.0, sizes=(), *, name=None):
        super().__init__(name, factor=factor, sizes=sizes)
        self.factor = factor

    def _build(self, input_shape):
        self._parameter("weight", input_shape[:1], lambda rng: rng.normal(size=input_shape[:1]))
        self._buffer("passes", np.zeros(1))
        return input_shape

    def _forward(self, x, context):
        if context.training:
            self.value("passes")[:] += 1
        return self._times(x), x

    def _backward(self, grad_y, saved, context):
        axes = (0, *range(2, saved.ndim))
        self.grad("weight")[...] = self.factor * np.sum(grad_y * saved, axis=axes)
        return self._times(grad_y)

    def _times(self, x):
        shape = (-1, *(1,) * (x.ndim - 2))
        return self.factor * self.value("weight").reshape(shape) * x


def test_a_layer_of_ones_own(tmp_path, monkeypatch):
    monkeypatch.setattr("clearconv.layers.base.registry.registered", {})
    net = Sequential(Conv2d(2, 3), Scale(np.float64(3.0), (1, 2)), Flatten(), Linear(3))
    net.build((1, 5, 5), dtype="float64")
    assert "scale1.weight" in net.parameters
    x = np.random.default_rng(0).standard_normal((3, 1, 5, 5))
    found = clearconv.gradient_check(net, x)
    assert found.ok and "scale1.weight" in found.errors
    net.forward(x, training=True)
    path = tmp_path / "net.safetensors"
    net.save(path)
    with pytest.raises(ModelFileError, match="'Scale'.*clearconv.register_layer"):
        load(path)
    assert clearconv.register_layer(Scale) is Scale
    again = load(path)
    assert again["scale1"].arguments == {"factor": 3.0, "sizes": (1, 2)}
    assert again.state_dict()["scale1.passes"] == 1
    np.testing.assert_array_equal(again.forward(x), net.forward(x))
    assert clearconv.register_layer(Scale) is Scale  # a notebook's cell may run twice


def test_every_public_layer_can_be_made_from_a_file_and_nothing_else():
    public = {
        name
        for name in clearconv.layers.__all__
        if isinstance(kind := getattr(clearconv.layers, name), type)
        and issubclass(kind, clearconv.Node)
    }
    assert set(registry.built_in()) == public - {"Node", "Layer", "MultiInput"}


@pytest.mark.parametrize("name", ["Node", "Layer", "Container", "Convolution", "_WithoutSettings"])
def test_a_base_of_layers_cannot_be_made_from_a_file(tmp_path, name):
    def change(about, tensors):
        layers_of(about)[0]["node"]["type"] = name

    with pytest.raises(ModelFileError, match=f"'{name}'.*not known here"):
        load(rewritten(tmp_path, change))


def test_a_name_of_a_base_is_free(monkeypatch):
    monkeypatch.setattr("clearconv.layers.base.registry.registered", {})
    assert clearconv.register_layer(type("Convolution", (Scale,), {}))
    (made,) = clearconv.from_spec(
        {
            "format": 1,
            "nodes": [{"name": None, "type": "Convolution", "arguments": {}, "inputs": []}],
        }
    ).leaves()
    assert isinstance(made, Scale)


def test_names_that_are_taken_and_things_that_are_no_layers():
    with pytest.raises(ArgumentError, match="'Conv2d' is built in"):
        clearconv.register_layer(type("Conv2d", (Scale,), {}))
    with pytest.raises(ArgumentError, match="not a subclass"):
        clearconv.register_layer(Scale())
    with pytest.raises(ArgumentError, match="'relu' is built in"):
        clearconv.register_activation("relu", np.abs, np.sign)


def test_an_activation_of_ones_own(tmp_path, monkeypatch):
    monkeypatch.setattr("clearconv.layers.activation.kinds._own", {})

    def make():
        return Sequential(
            Conv2d(2, 3, activation="softplus"),
            clearconv.Activation("softplus"),
            clearconv.Residual(activation="doubled"),
            Flatten(),
            Linear(3, activation="softplus"),
        )

    with pytest.raises(ArgumentError, match=r"'softplus' is not known; there are relu, .*identity"):
        make()
    clearconv.register_activation(
        "softplus", lambda x: np.logaddexp(x, 0), lambda x: 1 / (1 + np.exp(-x))
    )
    clearconv.register_activation("doubled", lambda x: 2 * x, lambda x: 2)
    net = make().build((1, 5, 5), dtype="float64")
    x = np.random.default_rng(0).standard_normal((3, 1, 5, 5))
    found = clearconv.gradient_check(net, x)
    assert found.ok, f"\n{found}"
    net.save(tmp_path / "net.safetensors")
    np.testing.assert_array_equal(load(tmp_path / "net.safetensors").forward(x), net.forward(x))
    monkeypatch.setattr("clearconv.layers.activation.kinds._own", {})
    with pytest.raises(ModelFileError, match="'softplus' is not known.*register_activation"):
        load(tmp_path / "net.safetensors")


def test_a_wrong_derivative_is_found_and_a_shape_is_told(monkeypatch):
    monkeypatch.setattr("clearconv.layers.activation.kinds._own", {})
    clearconv.register_activation("cube", lambda x: x**3, lambda x: 2 * x**2)
    layer = clearconv.Activation("cube").build((4,), dtype="float64")
    x = np.random.default_rng(0).standard_normal((3, 4))
    assert not clearconv.gradient_check(layer, x).ok
    clearconv.register_activation("cube", lambda x: x.sum(axis=1), np.ones_like)
    with pytest.raises(clearconv.ShapeError, match="forward of activation 'cube'"):
        layer.forward(x)
    clearconv.register_activation("cube", np.copy, lambda x: x[0])
    layer.forward(x, training=True)
    with pytest.raises(clearconv.ShapeError, match="derivative of activation 'cube'"):
        layer.backward(x)


def test_float32_stays_float32_through_an_activation_of_ones_own(monkeypatch):
    monkeypatch.setattr("clearconv.layers.activation.kinds._own", {})
    clearconv.register_activation("sine", lambda x: np.sin(x.astype("f8")), lambda x: np.cos(x))
    layer = clearconv.Activation("sine").build((4,))
    y = layer.forward(np.ones((2, 4), "float32"), training=True)
    assert y.dtype == np.float32 and layer.backward(y).dtype == np.float32
