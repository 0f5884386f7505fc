"""What a graph runs as one: as the containers do, with their numbers; and any wiring at all."""

import numpy as np
import pytest

import clearconv
from benchmarks.networks import resnet18
from clearconv import (
    Activation,
    Add,
    BatchNorm2d,
    Concat,
    Constant,
    Conv2d,
    Divide,
    Flatten,
    GlobalAvgPool2d,
    Graph,
    Identity,
    Join,
    Linear,
    MaxPool2d,
    Multiply,
    ReLU,
    ReLU6,
    Residual,
    Sequential,
    Subtract,
)
from clearconv.layers import Node
from clearconv.models import create


class Wiring:
    """Reads a model's containers, and wires copies of its layers as a graph."""

    def __init__(self):
        self.nodes = []

    def add(self, name, node, *reads):
        self.nodes.append((name, node, *reads))
        return name

    def through(self, node, source):
        if isinstance(node, Sequential):
            for child in node.children.values():
                source = self.through(child, source)
            return source
        if isinstance(node, Residual):
            body = source
            for key in node.body:
                body = self.through(node.children[key], body)
            beside = source if node.shortcut is None else self.through(node[node.shortcut], source)
            total = self.add(f"{node.path}.sum", Add(), body, beside)
            after = node.activation
            return total if after is None else self.through(node.children[after], total)
        if isinstance(node, Concat):
            ends = [self.through(child, source) for child in node.children.values()]
            return self.add(f"{node.path}.joined", Join(), *ends)
        if type(node) is Identity:
            return source
        copy = clearconv.from_spec(node.spec())
        copy.name = None
        return self.add(node.path, copy, source)


def wired(model: Node, shape, dtype="float32") -> Graph:
    """Return the same network as a graph with the same weights."""
    wiring = Wiring()
    wiring.through(model, "x")
    graph = Graph(*wiring.nodes).build(shape, seed=1, dtype=dtype)
    graph.load_state_dict(model.state_dict())
    return graph


def step(model, x, labels):
    """Return logits in evaluation, loss, gradients and running statistics of a training step."""
    model.forward(x)
    before = model.forward(x)
    y = model.forward(x, training=True)
    loss, grad = clearconv.CrossEntropy()(y, labels)
    grad_x = model.backward(grad)
    grads = {path: one.copy() for path, one in model.gradients.items()}
    return before, loss, grad_x, grads, model.state_dict()


NAMED = ["resnet18", "resnet20", "clearnet", "mobilenet_v2", "densenet121", "googlenet"]


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.ci] if name in ("densenet121", "googlenet") else [])
        for name in [*NAMED, "squeezenet1_1"]
    ],
)
def test_networks_of_the_library_have_the_same_numbers_as_graphs(name):
    """Sums of three gradients are added in another order, so some differ in the last bits."""
    shape = (3, 32, 32) if name != "squeezenet1_1" else (3, 48, 48)
    model = create(name, 5).build(shape, seed=1)
    graph = wired(model, shape)
    rng = np.random.default_rng(0)
    x = rng.standard_normal((3, *shape)).astype("float32")
    labels = np.array([0, 3, 4])
    ours, theirs = step(model, x, labels), step(graph, x, labels)
    exact = name in ("resnet18", "resnet20", "clearnet", "mobilenet_v2")
    same = np.testing.assert_array_equal if exact else close
    for one, other in zip(ours[:3], theirs[:3], strict=True):
        same(one, other)
    for mine, yours in zip(ours[3:], theirs[3:], strict=True):
        assert mine.keys() == yours.keys()
        for path, array in mine.items():
            same(array, yours[path], err_msg=path)
    if exact or name == "densenet121":
        for training in (True, False):
            assert sorted(calls(graph.stages(training))) == sorted(calls(model.stages(training)))


def close(actual, desired, err_msg=""):
    scale = max(1e-6, np.abs(desired).max())
    assert np.abs(actual - desired).max() < 1e-4 * scale, err_msg


def calls(stages):
    return [call.does for row in stages.rows for call in row.calls if call.does != "identity"]


def test_residual_blocks_and_blocks_of_convolutions_are_found():
    graph = wired(resnet18(3).build((3, 8, 8)), (3, 8, 8))
    lines = str(graph.stages(training=False))
    assert "conv + batch norm + sum + ReLU" in lines
    does = calls(graph.stages())
    assert does.count("conv + batch norm + ReLU") == 9 and does.count("sum + ReLU") == 8


def test_growth_is_found_where_a_join_lists_all_values_before():
    """As other programs write it: (a, b), then (a, b, c), and so on."""
    nodes = [("f0", Conv2d(4, 3, padding=1), "x")]
    names = ["f0"]
    for i in range(1, 4):
        source = names[0]
        if i > 1:
            source = f"j{i - 1}"
            nodes.append((source, Join(), *names))
        nodes.append((f"n{i}", BatchNorm2d(), source))
        nodes.append((f"r{i}", ReLU(), f"n{i}"))
        nodes.append((f"f{i}", Conv2d(3, 3, padding=1), f"r{i}"))
        names.append(f"f{i}")
    nodes.append(("end", Join(), *names))
    graph = Graph(*nodes).build((2, 5, 5), dtype="float64")
    does = calls(graph.stages())
    assert does.count("copy into one array") == 1 and does.count("add channels to the array") == 3
    x = np.random.default_rng(0).standard_normal((2, 2, 5, 5))
    assert clearconv.gradient_check(graph, x).ok
    both = [graph.forward(x, keep=keep, context=TRAINING) for keep in ("all", "backward")]
    np.testing.assert_allclose(*both, rtol=1e-12)


TRAINING = clearconv.Context(training=True)


def random_graph(seed: int) -> Graph:
    """Wire layers at random: any value may be read any number of times."""
    rng = np.random.default_rng(seed)
    nodes, values = [], ["x"]

    def pick():
        return values[max(0, len(values) - 1 - int(rng.geometric(0.4)) + 1)]

    for i in range(int(rng.integers(4, 16))):
        name = f"v{i}"
        kind = rng.integers(12)
        if kind < 3:
            conv = Conv2d(3, 3, padding=1, activation=[None, "relu", None][kind])
            nodes.append((name, conv, pick()))
        elif kind < 5:
            nodes.append((name, BatchNorm2d(), pick()))
        elif kind < 7:
            nodes.append((name, [ReLU(), ReLU6(), Activation("tanh")][rng.integers(3)], pick()))
        elif kind < 9:
            nodes.append((name, Add(), pick(), pick()))
        elif kind == 9:
            nodes.append((name, [Multiply(), Subtract()][rng.integers(2)], pick(), pick()))
        elif kind == 10:
            nodes.append((f"c{i}", Constant((3, 1, 1), 1.5, learnt=bool(rng.integers(2)))))
            nodes.append((name, [Multiply(), Divide(), Add()][rng.integers(3)], pick(), f"c{i}"))
        else:
            nodes.append((f"j{i}", Join(), pick(), pick()))
            nodes.append((name, Conv2d(3, 1), f"j{i}"))
        values.append(name)
    read = {source for node in nodes for source in node[2:]}
    loose = [node[0] for node in nodes if node[0] not in read and node[0] != values[-1]]
    ends = [*loose, values[-1]]
    nodes.append(("all", Join(), *ends))
    nodes += [("pool", MaxPool2d(2), "all"), ("mean", GlobalAvgPool2d(), "pool")]
    return Graph(*nodes, ("flat", Flatten(), "mean"), ("y", Linear(2), "flat"))


@pytest.mark.parametrize("seed", range(24))
def test_any_wiring_has_the_numbers_of_its_layers_run_one_by_one(seed):
    graph = random_graph(seed).build((3, 4, 4), seed=seed, dtype="float64")
    x = np.random.default_rng(seed).standard_normal((3, 3, 4, 4))
    found = []
    for keep in ("all", "backward"):
        start = graph.state_dict()
        graph.store.grads[...] = 0
        y = graph.forward(x, keep=keep, context=TRAINING)
        grad_x = graph.backward(np.ones_like(y))
        buffers = [one.copy() for one in graph.store.buffers.values()]
        found.append((y, grad_x, graph.store.grads.copy(), *buffers))
        graph.load_state_dict(start)
    for one, other in zip(*found, strict=True):
        scale = max(1.0, np.abs(one).max())
        assert np.abs(one - other).max() < 1e-9 * scale
    graph.forward(x, context=TRAINING)
    graph.backward(np.ones_like(y), input_gradient=False)
    np.testing.assert_array_equal(graph.store.grads, found[1][2])
