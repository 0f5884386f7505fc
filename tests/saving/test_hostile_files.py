"""Model files from anywhere: a clear error, no program run, no memory beyond the file's own."""

import io
import json
import os
import pickle
import struct
import subprocess
import sys
import zipfile

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clearconv import BatchNorm2d, Conv2d, Flatten, Linear, Sequential, load
from clearconv.errors import ModelFileError


def small():
    net = Sequential(Conv2d(2, 3, padding=1), BatchNorm2d(), Flatten(), Linear(3))
    return net.build((1, 5, 5))


def whole(tmp_path):
    path = tmp_path / "net.safetensors"
    small().save(path)
    return path, path.read_bytes()


def parts(content):
    """Split a safetensors file into its header, read, and the arrays' bytes."""
    length = int.from_bytes(content[:8], "little")
    return json.loads(content[8 : 8 + length]), content[8 + length :]


def joined(header, rest=b""):
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + rest


def described(content, change):
    """Change the model's description, and leave the checksum out."""
    header, rest = parts(content)
    metadata = header["__metadata__"]
    metadata.pop("sha256")
    about = json.loads(metadata["clearconv"])
    metadata["clearconv"] = json.dumps(change(about) or about)
    return joined(header, rest)


def layers(about):
    return about["spec"]["nodes"][0]["arguments"]["layers"]


# -- files of other programs


def written(save):
    """Return what NumPy writes."""
    file = io.BytesIO()
    save(file, np.zeros(3))
    return file.getvalue()


def zipped(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({"weight": 1}))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (zipped, r"a PyTorch file, which.*start_from.*load_pytorch.*nothing in the file is run"),
        (
            lambda p: p.write_bytes(pickle.dumps({"a": 1}, protocol=2)),
            "a pickle, perhaps an older PyTorch",
        ),
        (lambda p: p.write_bytes(written(np.save)), "NumPy array.*load_state_dict"),
        (lambda p: p.write_bytes(written(np.savez)), "zip archive"),
        (lambda p: p.write_bytes(b"\x08\x08\x12\x07pytorch:\x04onnx" + bytes(40)), "ONNX model"),
        (lambda p: p.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(40)), "HDF5 file, as Keras"),
        (lambda p: p.write_bytes(bytes(4) + b"TFL3" + bytes(40)), "TensorFlow Lite"),
        (lambda p: p.write_bytes(b"GGUF" + bytes(40)), "GGUF"),
        (lambda p: p.write_bytes(b"\xff\xd8\xff\xe0" + bytes(40)), "an image"),
        (lambda p: p.write_bytes(b"\x1f\x8b\x08" + bytes(40)), "gzipped.*gunzip"),
        (lambda p: p.write_text("version https://git-lfs.github.com/spec/v1\n"), "git lfs pull"),
        (lambda p: p.write_text("<!DOCTYPE html><html>Not found"), "a web page"),
        (lambda p: p.write_text("Only words, and ä letter beyond ASCII.\n" * 30), "a text file"),
    ],
)
def test_files_of_other_programs_are_named(tmp_path, make, words):
    path = tmp_path / "model.bin"
    make(path)
    with pytest.raises(ModelFileError, match=f"model.bin is not a clearconv model, .*{words}"):
        load(path)


def test_a_pickle_is_never_opened(tmp_path):
    """One that would run a program: nothing happens."""

    class Bomb:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "bang"),)

    for protocol in (2, 4):
        (tmp_path / "model.pt").write_bytes(pickle.dumps(Bomb(), protocol))
        with pytest.raises(ModelFileError, match="perhaps an older PyTorch file"):
            load(tmp_path / "model.pt")
    assert not (tmp_path / "bang").exists()


# -- what a header can claim


def spec(*nodes):
    made = [{"node": {"name": None, "inputs": [], **node}} for node in nodes]
    top = {"name": None, "type": "Sequential", "arguments": {"layers": made}, "inputs": []}
    return {"format": 1, "nodes": [top]}


def nested(depth):
    node = {"name": None, "type": "Sequential", "arguments": {"layers": []}, "inputs": []}
    for _ in range(depth):
        node = {**node, "arguments": {"layers": [{"node": node}]}}
    return {"format": 1, "nodes": [node]}


FLATTEN = {"type": "Flatten", "arguments": {}}


def linear(features):
    return {"type": "Linear", "arguments": {"out_features": features}}


CLAIMS = {
    "a header longer than the file": lambda c: struct.pack("<Q", len(c)) + c[8:],
    "a header of exabytes": lambda c: struct.pack("<Q", 2**62) + c[8:],
    "a header of 100 MB": lambda c: struct.pack("<Q", 10**8) + b"{" + bytes(10**8),
    "a tensor of terabytes": lambda c: joined(
        {**parts(c)[0], "more": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]}}
    ),
    "offsets backwards": lambda c: joined(
        {**parts(c)[0], "conv1.bias": {"dtype": "F32", "shape": [2], "data_offsets": [8, 0]}},
        parts(c)[1],
    ),
    "overlapping tensors": lambda c: joined(
        {**parts(c)[0], "conv1.bias": parts(c)[0]["linear1.bias"] | {"shape": [3]}}, parts(c)[1]
    ),
    "a shape whose size overflows": lambda c: joined(
        {
            **parts(c)[0],
            "conv1.bias": {"dtype": "F32", "shape": [2**33, 2**33], "data_offsets": [0, 8]},
        },
        parts(c)[1],
    ),
    "a layer of millions of units": lambda c: described(
        c, lambda about: about.update(spec=spec(FLATTEN, linear(10**8)))
    ),
    "a billion channels": lambda c: described(
        c, lambda about: layers(about)[0]["node"]["arguments"].update(out_channels=10**9)
    ),
    "an image of a billion pixels": lambda c: described(
        c, lambda about: about.update(input_shape=[1, 10**5, 10**5])
    ),
    "an image of a billion channels": lambda c: described(
        c,
        lambda about: about.update(
            spec=spec({"type": "BatchNorm2d", "arguments": {}}), input_shape=[10**9, 1, 1]
        ),
    ),
    "a padding of thousands": lambda c: described(
        c, lambda about: layers(about)[0]["node"]["arguments"].update(padding=10**5, stride=10**5)
    ),
    "containers within containers": lambda c: described(
        c, lambda about: about.update(spec=nested(200))
    ),
    "a million brackets": lambda c: described(
        c, lambda about: about["info"].update(x=[[]] * 2**20)
    ),
    "thousands of layers": lambda c: described(
        c, lambda about: about.update(spec=spec(*[FLATTEN] * 20000))
    ),
    "a name of a million letters": lambda c: described(
        c, lambda about: layers(about)[0]["node"].update(name="x" * 10**6)
    ),
}

_PROGRAM = """
import resource, sys
import numpy, safetensors.numpy, clearconv
from clearconv import load
from clearconv.errors import ModelFileError
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
limit = 400 * 2**20
with open('/proc/self/statm') as file:
    taken = int(file.read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (taken + limit, taken + limit))
for path in sys.argv[1:]:
    try:
        load(path)
        print('LOADED')
    except ModelFileError as error:
        print(' '.join(str(error).split())[:400])
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


def test_no_claim_of_a_header_takes_memory(tmp_path):
    """In one process with an upper bound on its memory, every file in turn."""
    _, content = whole(tmp_path)
    paths = []
    for number, make in enumerate(CLAIMS.values()):
        paths.append(tmp_path / f"{number}.safetensors")
        paths[-1].write_bytes(make(content))
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, *paths],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OPENBLAS_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    *answers, grown = done.stdout.splitlines()
    for name, answer, path in zip(CLAIMS, answers, paths, strict=True):
        assert path.name in answer, (name, answer)
        assert len(answer) < 400, name
    assert int(grown) < 200, "MB"


@pytest.mark.parametrize(
    ("claim", "words"),
    [
        ("a header of exabytes", "announces a header of 4,611,686,018,427,387,904 bytes"),
        ("a layer of millions of units", "not in the model conv1.bias"),
        ("a billion channels", "would make|is float32 of shape"),
        (
            "an image of a billion pixels",
            r"would make 20,000,000,000 numbers of one image|MiB of memory",
        ),
        ("a padding of thousands", "would make|MiB of memory"),
        ("containers within containers", "64 within one another"),
        ("a million brackets", "more than 1,048,576 values"),
        ("thousands of layers", "more than 4,096 layers"),
        ("a name of a million letters", "1,000,000 letters"),
    ],
)
def test_a_claim_is_answered_with_what_is_wrong(tmp_path, claim, words):
    path, content = whole(tmp_path)
    path.write_bytes(CLAIMS[claim](content))
    with pytest.raises(ModelFileError, match=words):
        load(path)


def test_a_wrong_tensor_is_named(tmp_path):
    path, content = whole(tmp_path)
    with safetensors.safe_open(path, "numpy") as file:
        metadata = {"clearconv": file.metadata()["clearconv"]}
    tensors = safetensors.numpy.load_file(path)
    for change, words in (
        ({"conv1.bias": np.zeros(2, "float16")}, "conv1.bias is F16, which no clearconv writes"),
        (
            {"conv1.bias": np.zeros(3, "float32")},
            r"conv1.bias is float32 of shape \(3,\), but",
        ),
        ({"more": np.zeros(3, "float32")}, "not in the model more"),
        ({"extra/x": np.zeros(3, "uint8")}, "extra/x is U8, which no clearconv writes"),
    ):
        safetensors.numpy.save_file({**tensors, **change}, path, metadata)
        with pytest.raises(ModelFileError, match=words):
            load(path)


def test_a_changed_number_is_seen_by_the_checksum(tmp_path):
    path, content = whole(tmp_path)
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(ModelFileError, match="is damaged.*SHA-256"):
        load(path)


def test_a_description_too_long_for_any_file_is_refused_when_it_is_saved(tmp_path):
    net = small()
    net.info["notes"] = "x" * 2**24
    with pytest.raises(ModelFileError, match=r"cannot be saved.*16,777,216 bytes.*model\.info"):
        net.save(tmp_path / "net.safetensors")
    assert list(tmp_path.iterdir()) == []


# -- whatever else may have happened to a file


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    return whole(tmp_path_factory.mktemp("good"))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(changes=st.data())
def test_a_mutated_file_is_a_model_or_a_clear_error(good, changes):
    path, content = good
    mutated = bytearray(content)
    end = 8 + int.from_bytes(content[:8], "little")  # most changes where they do most: the header
    for _ in range(changes.draw(st.integers(1, 4))):
        at = changes.draw(st.one_of(st.integers(0, end), st.integers(0, len(content) - 1)))
        kind = changes.draw(st.sampled_from(["flip", "cut", "insert", "digits"]))
        if kind == "flip":
            mutated[min(at, len(mutated) - 1)] = changes.draw(st.integers(0, 255))
        elif kind == "cut":
            del mutated[at : at + changes.draw(st.integers(1, 40))]
        elif kind == "insert":
            mutated[at:at] = changes.draw(st.binary(min_size=1, max_size=20))
        else:
            mutated[at:at] = changes.draw(st.sampled_from([b"9999", b"-1", b"1e9", b"null"]))
        if not mutated:
            break
    spoilt = path.with_name("spoilt.safetensors")
    spoilt.write_bytes(mutated)
    try:
        model = load(spoilt)
    except ModelFileError as error:
        assert str(spoilt) in str(error) or "description" in str(error)
    else:
        assert model.store.fingerprint() == small().store.fingerprint()


_plain = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 10**12) | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(value=_plain, place=st.data())
def test_any_value_anywhere_in_the_description(good, value, place):
    path, content = good

    def change(about):
        here = about
        while True:
            key = place.draw(
                st.sampled_from(sorted(here) if isinstance(here, dict) else range(len(here)))
            )
            inner = isinstance(here[key], (dict, list)) and here[key]
            if not (inner and place.draw(st.booleans())):
                here[key] = value
                return
            here = here[key]

    spoilt = path.with_name("spoilt.safetensors")
    spoilt.write_bytes(described(content, change))
    try:
        load(spoilt)
    except ModelFileError:
        pass
