"""Graphs from files of any origin: one clear error, in little time and memory."""

import json
import struct

import numpy as np
import pytest
import safetensors.numpy

from clearconv import Add, Flatten, Graph, Linear, load
from clearconv.errors import ModelFileError


def node(kind, **arguments):
    return {"node": {"name": None, "type": kind, "arguments": arguments, "inputs": []}}


RELU, ADD, JOIN = node("ReLU"), node("Add"), node("Join", axis=1)

#: What is wrong -> the nodes of the graph, and its other arguments.
WRONG = {
    "a cycle": ([["a", ADD, "x", "b"], ["b", RELU, "a"]], {}),
    "itself": ([["a", ADD, "x", "a"]], {}),
    "an unknown value": ([["a", RELU, "y"]], {}),
    "one name twice": ([["a", RELU, "x"], ["a", RELU, "a"]], {}),
    "a dead end": ([["a", RELU, "x"], ["b", RELU, "x"]], {"outputs": ["a"]}),
    "no nodes": ([], {}),
    "nodes that are no nodes": ([["a", 7, "x"]], {}),
    "nodes of one word": (["relu"], {}),
    "nodes without an end": ([[]], {}),
    "a name that is a number": ([[1, RELU, "x"]], {}),
    "a name of a million letters": ([["a" * 10**6, RELU, "x"]], {}),
    "a name that is a path": ([["../../etc", RELU, "x"]], {}),
    "a parameter of an earlier node": ([["a", RELU, "x"], ["", RELU, "a"]], {}),
    "an output that is a number": ([["a", RELU, "x"]], {"outputs": [5]}),
    "outputs that are a number": ([["a", RELU, "x"]], {"outputs": 5}),
    "no outputs": ([["a", RELU, "x"]], {"outputs": []}),
    "inputs without names": ([["a", RELU, "x"]], {"inputs": [["x"]]}),
    "an input of a billion numbers": (
        [["a", ADD, "x", "z"]],
        {"inputs": ["x", ["z", [3, 30_000, 30_000]]]},
    ),
    "an input of a negative size": ([["a", ADD, "x", "z"]], {"inputs": ["x", ["z", [-3]]]}),
    "a constant of a billion numbers": (
        [["c", node("Constant", shape=[3, 30_000, 30_000])], ["a", ADD, "x", "c"]],
        {},
    ),
    "channels that double forty times": (
        [["n0", JOIN, "x", "x"], *([f"n{i}", JOIN, *[f"n{i - 1}"] * 2] for i in range(1, 40))],
        {},
    ),
    "five thousand nodes": (
        [["n0", RELU, "x"], *([f"n{i}", RELU, f"n{i - 1}"] for i in range(1, 5_000))],
        {},
    ),
    "an input too many": ([["a", RELU, "x", "x"]], {}),
    "an input too few": ([["a", ADD, "x"]], {}),
    "another wiring": ([["a", ADD, "x", "x"]], {"nodes": "x"}),
}


def written(path, nodes, arguments):
    """Write a model file whose description is a graph of these nodes."""
    graph = {
        "nodes": nodes,
        "inputs": ["x"],
        "outputs": [nodes[-1][0]] if nodes and nodes[-1] else [],
    }
    top = {"name": None, "type": "Graph", "arguments": graph | arguments, "inputs": []}
    about = {
        "spec": {"format": 1, "nodes": [top]},
        "input_shape": [3, 4, 4],
        "dtype": "float32",
        "info": {},
    }
    header = json.dumps({"__metadata__": {"clearconv": json.dumps(about)}}).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header)


@pytest.mark.parametrize("what", WRONG)
def test_a_graph_that_cannot_be_is_refused(what, tmp_path):
    path = tmp_path / "graph.safetensors"
    written(path, *WRONG[what])
    with pytest.raises(ModelFileError, match=r"graph\.safetensors") as caught:
        load(path)
    assert len(str(caught.value)) < 1_000


def test_a_graph_that_can_be_is_read(tmp_path):
    path = tmp_path / "graph.safetensors"
    written(path, [["a", ADD, "x", "x"]], {})
    x = np.ones((2, 3, 4, 4), "float32")
    assert np.array_equal(load(path)(x), 2 * x)


def test_thousands_of_nodes_take_little_time(tmp_path):
    """As many as a file may have, in the forms that stages are looked for in."""
    nodes, last = [], "x"
    for i in range(1_300):
        nodes += [(f"r{i}", Flatten() if not i else Add(), *[last] * (1 + bool(i)))]
        last = f"r{i}"
    model = Graph(*nodes, ("y", Linear(2), last)).build((1, 2, 2))
    path = tmp_path / "long.safetensors"
    model.save(path)
    assert len(safetensors.numpy.load_file(path)) == 2
    assert len(load(path).links) == 1_301
