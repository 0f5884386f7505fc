"""Damaged and made-up ONNX files: one clear error or a model, in bounded memory and time."""

import tracemalloc

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="the extra onnx is not installed")
from test_load_onnx import network, saved  # noqa: E402

import clearconv  # noqa: E402
from clearconv.errors import ModelFileError  # noqa: E402

#: Numbers that sizes, axes and pads may be replaced by.
ODD = (-(2**63), -(2**31), -3, -1, 0, 1, 2, 7, 255, 2**15, 2**31, 2**40, 2**62)
MOST = 2**28  # bytes; the file has 4,000


def bytes_changed(whole, numbers):
    """Return the bytes with a few of them changed, cut out, doubled or cut off."""
    content = bytearray(whole)
    for _ in range(numbers.integers(1, 4)):
        place = int(numbers.integers(len(content)))
        length = int(numbers.integers(1, 40))
        how = numbers.integers(5)
        if how == 0:
            content[place] = int(numbers.integers(256))
        elif how == 1:
            del content[place : place + length]
        elif how == 2:
            content[place:place] = content[place : place + length]
        elif how == 3:
            content[place] ^= 1 << int(numbers.integers(8))
        else:
            del content[max(1, place) :]
        if not content:
            return b""
    return bytes(content)


def graph_changed(whole, numbers):
    """Return a file whose operators have other inputs, attributes, kinds or sizes."""
    model = onnx.ModelProto.FromString(whole)
    graph = model.graph
    for _ in range(numbers.integers(1, 4)):
        node = graph.node[numbers.integers(len(graph.node))]
        other = graph.node[numbers.integers(len(graph.node))]
        odd = int(numbers.choice(ODD))
        how = numbers.integers(8)
        if how == 0 and node.attribute:
            attribute = node.attribute[numbers.integers(len(node.attribute))]
            if attribute.ints:
                attribute.ints[numbers.integers(len(attribute.ints))] = odd
            else:
                attribute.i = odd
        elif how == 1 and node.input:
            node.input[numbers.integers(len(node.input))] = other.output[0]
        elif how == 2 and node.input:
            del node.input[numbers.integers(len(node.input))]
        elif how == 3:
            node.op_type = other.op_type
        elif how == 4:
            tensor = graph.initializer[numbers.integers(len(graph.initializer))]
            if tensor.dims:
                tensor.dims[numbers.integers(len(tensor.dims))] = odd
        elif how == 5:
            tensor = graph.initializer[numbers.integers(len(graph.initializer))]
            if tensor.data_type == onnx.TensorProto.INT64:
                tensor.raw_data = np.full(len(tensor.raw_data) // 8, odd, np.int64).tobytes()
        elif how == 6:
            dims = graph.input[0].type.tensor_type.shape.dim
            dims[numbers.integers(len(dims))].dim_value = odd
        else:
            node.attribute.extend(list(other.attribute))
    return model.SerializeToString()


def fuzzed(tmp_path, change, count, seed):
    """Read this many changed files; return how many of them were models."""
    path = saved(tmp_path / "net.onnx", *network())
    whole = path.read_bytes()
    clearconv.load_onnx(path)
    read = 0
    for number in range(count):
        numbers = np.random.default_rng((seed, number))
        path.write_bytes(change(whole, numbers))
        tracemalloc.reset_peak()
        try:
            clearconv.load_onnx(path)
            read += 1
        except ModelFileError as error:
            assert len(str(error)) <= 2000
        assert tracemalloc.get_traced_memory()[1] < MOST, f"seed {seed}, number {number}"
    return read


@pytest.fixture
def traced():
    tracemalloc.start()
    yield
    tracemalloc.stop()


@pytest.mark.parametrize("change", [bytes_changed, graph_changed])
def test_changed_files_are_one_error_or_a_model(tmp_path, traced, change):
    assert 3 < fuzzed(tmp_path, change, 60, 1) < 55  # some are, and some are not


@pytest.mark.slow
@pytest.mark.parametrize("change", [bytes_changed, graph_changed])
def test_many_changed_files_are_one_error_or_a_model(tmp_path, traced, change):
    assert fuzzed(tmp_path, change, 10_000, 2)
