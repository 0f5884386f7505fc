"""A graph computes what its wiring says, forward and backward, and refuses what cannot run."""

import copy

import numpy as np
import pytest

import clearconv
from clearconv import (
    Add,
    BatchNorm2d,
    Constant,
    Conv2d,
    Divide,
    Flatten,
    GlobalAvgPool2d,
    Graph,
    Join,
    Linear,
    Multiply,
    ReLU,
    Residual,
    Sequential,
    Subtract,
)


def gated(**options):
    """Return a graph in which one value is read four times."""
    return Graph(
        ("maps", Conv2d(8, 3, padding=1), "x"),
        ("norm", BatchNorm2d(), "maps"),
        ("r", ReLU(), "norm"),
        ("squeezed", GlobalAvgPool2d(), "r"),
        ("gate", Conv2d(8, 1, activation="sigmoid"), "squeezed"),
        ("scaled", Multiply(), "r", "gate"),
        ("offset", Constant((8, 1, 1), 0.5, learnt=True)),
        ("sum", Add(), "scaled", "offset", "r"),
        ("both", Join(), "sum", "r"),
        ("flat", Flatten(), "both"),
        ("logits", Linear(3), "flat"),
        **options,
    )


def images(*shape, seed=0, dtype=np.float64):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


@pytest.mark.parametrize("training", [False, True])
def test_gradients_of_a_value_that_is_read_several_times_are_added(training):
    model = gated().build((3, 6, 5), dtype="float64")
    found = clearconv.gradient_check(model, images(4, 3, 6, 5), training=training)
    assert found.ok, found


def test_a_pass_layer_by_layer_has_the_numbers_of_the_stages():
    model = gated().build((3, 6, 5), dtype="float64")
    x, grad_y = images(4, 3, 6, 5), images(4, 3, seed=1)
    passes = []
    for keep in ("all", "backward"):
        y = model.forward(x, keep=keep)
        grad_x = model.backward(grad_y)
        passes.append((y, grad_x, model.store.grads.copy()))
    for one, other in zip(*passes, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-12)


def test_a_graph_is_a_sequential_where_it_is_wired_as_one():
    row = Sequential(
        Conv2d(4, 3, name="a"),
        BatchNorm2d(name="b"),
        ReLU(name="c"),
        Flatten(name="d"),
        Linear(2, name="e"),
    ).build((3, 6, 6))
    wired = Graph(
        ("a", Conv2d(4, 3), "x"),
        ("b", BatchNorm2d(), "a"),
        ("c", ReLU(), "b"),
        ("d", Flatten(), "c"),
        ("e", Linear(2), "d"),
    ).build((3, 6, 6))
    assert wired.store.fingerprint() == row.store.fingerprint()
    assert wired.stages().rows == row.stages().rows
    x, grad_y = images(5, 3, 6, 6, dtype="float32"), images(5, 2, dtype="float32")
    for model in (row, wired):
        model.forward(x, training=True)
        model.backward(grad_y)
    assert np.array_equal(row.store.grads, wired.store.grads)


def test_elementwise_operands_are_broadcast_and_their_gradients_added_up():
    model = Graph(
        ("a", Constant((3, 1, 4), 1.5, learnt=True)),
        ("b", Constant((4,), -2.0, learnt=True)),
        ("c", Subtract(), "x", "a"),
        ("d", Divide(), "c", "b"),
        ("e", Multiply(), "d", "a", "x"),
        ("ab", Divide(), "a", "b"),  # of constants alone
        ("f", Subtract(), "ab", "e"),
    ).build((3, 5, 4), dtype="float64")
    x = images(2, 3, 5, 4)
    a, b = np.full((3, 1, 4), 1.5), np.full(4, -2.0)
    np.testing.assert_allclose(model(x), a / b - (x - a) / b * a * x)
    found = clearconv.gradient_check(model, x)
    assert found.ok, found


def test_it_is_saved_pickled_and_described():
    model = gated().build((3, 6, 5), seed=4)
    x = images(2, 3, 6, 5, dtype="float32")
    again = copy.deepcopy(model)
    assert again.store.fingerprint() == model.store.fingerprint()
    assert np.array_equal(again(x), model(x))
    made = clearconv.from_spec(model.spec())
    assert made.spec() == model.spec()
    rows = {row.path: row for row in model.summary().rows}
    assert rows["both"].output_shape == (16, 6, 5)
    assert rows["offset"].parameters == 8


def test_it_is_read_from_a_file(tmp_path):
    model = gated(name="net").build((3, 6, 5), seed=4)
    model.save(tmp_path / "graph.safetensors")
    again = clearconv.load(tmp_path / "graph.safetensors")
    x = images(2, 3, 6, 5, dtype="float32")
    assert np.array_equal(again(x), model(x))
    assert "net.gate.weight" in again.parameters


def test_containers_stand_in_a_graph_and_a_graph_in_containers():
    inner = Graph(
        ("a", Residual(Conv2d(3, 3, padding=1), ReLU()), "x"),
        ("b", Sequential(Conv2d(3, 1), BatchNorm2d()), "a"),
        ("y", Add(), "b", "x"),
    )
    model = Sequential(Conv2d(3, 1), inner, Flatten(), Linear(2)).build((2, 5, 5), dtype="float64")
    assert "graph1.b.conv1.weight" in model.parameters
    assert clearconv.gradient_check(model, images(3, 2, 5, 5)).ok


def test_names_may_have_dots_as_in_other_libraries():
    model = Graph(
        ("layer1.0.conv1", Conv2d(2, 1), "x"), ("layer1.0.add", Add(), "layer1.0.conv1", "x")
    )
    assert "layer1.0.conv1.weight" in model.build((2, 4, 4)).parameters


REFUSED = {
    "no nodes": (lambda: Graph(), "at least one"),
    "an unknown value": (lambda: Graph(("a", ReLU(), "z")), "reads 'z', but there is no such"),
    "a cycle": (
        lambda: Graph(("a", Add(), "x", "b"), ("b", ReLU(), "a")),
        "'a' reads 'b', which is not computed before it",
    ),
    "itself": (lambda: Graph(("a", Add(), "x", "a")), "not computed before it"),
    "one name twice": (lambda: Graph(("a", ReLU(), "x"), ("a", ReLU(), "a")), "called 'a'"),
    "the input's name": (lambda: Graph(("x", ReLU(), "x")), "called 'x'"),
    "one node twice": (
        lambda: Graph(*(lambda r: (("a", r, "x"), ("b", r, "a")))(ReLU())),
        "stands in two places",
    ),
    "a dead end": (
        lambda: Graph(("a", ReLU(), "x"), ("b", ReLU(), "a"), outputs=["a"]),
        "nothing reads b",
    ),
    "an unread input": (
        lambda: Graph(("a", ReLU(), "x"), inputs=("x", ("z", (3, 4, 4)))),
        "nothing reads z",
    ),
    "an input without a shape": (
        lambda: Graph(("a", Add(), "x", "z"), inputs=("x", "z")),
        "'z' has no shape",
    ),
    "an unknown output": (lambda: Graph(("a", ReLU(), "x"), outputs=["z"]), "output 'z'"),
    "too many inputs": (lambda: Graph(("a", ReLU(), "x", "x")), "takes one"),
    "no node": (lambda: Graph(("a", "relu", "x")), "not a layer"),
    "a class": (lambda: Graph(("a", ReLU, "x")), r"Write ReLU\(...\)"),
    "no tuple": (lambda: Graph(ReLU()), "each node is"),
    "a strange name": (lambda: Graph(("a/b", ReLU(), "x")), "letters, digits"),
    "an empty name": (lambda: Graph(("", ReLU(), "x")), "letters, digits"),
    "two names": (lambda: Graph(("a", ReLU(name="b"), "x")), "itself called 'b'"),
    "too many nodes": (
        lambda: Graph(*((f"n{i}", ReLU(), "x") for i in range(10_001))),
        "at most 10,000",
    ),
    "outside a graph": (lambda: Sequential(Add()).build((2, 3, 3)), "only stand in a"),
    "too few inputs": (lambda: Graph(("a", Add(), "x")).build((2, 3, 3)), "has 1 inputs"),
    "no image in it": (
        lambda: Graph(("c", Constant((2,))), ("a", Add(), "c", "c"), outputs=["a"], inputs="x"),
        "nothing reads x",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_run_is_refused(what):
    make, message = REFUSED[what]
    with pytest.raises(clearconv.ArgumentError, match=message):
        make()


def test_shapes_that_do_not_go_together_are_named():
    with pytest.raises(clearconv.ShapeError, match=r"Add 'b'.*\(3, 4, 4\), \(3, 5, 5\)"):
        Graph(("a", Conv2d(3, 2), "x"), ("b", Add(), "a", "x")).build((3, 5, 5))


@pytest.mark.parametrize("keep", [None, "backward", "all"])
def test_an_image_of_another_size_is_an_error_of_the_place_where_ways_meet(keep):
    ends = {"sum": (Add(), "Add 'end'"), "join": (Join(), "Join 'end'")}
    for end, label in ends.values():
        model = Graph(
            ("a", Conv2d(3, 1, stride=2), "x"),
            ("b", Conv2d(3, 2, stride=2), "x"),
            ("end", end, "a", "b"),
        ).build((3, 6, 6))
        with pytest.raises(clearconv.ShapeError, match=label):
            model.forward(np.ones((1, 3, 7, 7), "float32"), keep=keep)


def test_a_long_graph_is_built_quickly():
    names = ["x", *(f"n{i}" for i in range(2_000))]
    nodes = [(name, ReLU(), before) for before, name in zip(names, names[1:], strict=False)]
    assert Graph(*nodes).build((1, 2, 2))(np.ones((1, 1, 2, 2), "float32")).all()


def two_inputs():
    return Graph(
        ("a", Conv2d(3, 3, padding=1), "x"),
        ("b", Multiply(), "a", "mask"),
        ("flat", Flatten(), "b"),
        ("logits", Linear(2), "flat"),
        ("beside", Linear(3), "flat"),
        inputs=("x", ("mask", (1, 4, 5))),
        outputs=("logits", "beside"),
    )


def test_several_inputs_are_given_by_name():
    model = two_inputs().build((2, 4, 5), dtype="float64")
    given = {"x": images(3, 2, 4, 5), "mask": images(3, 1, 4, 5, seed=1)}
    y = model.forward(given, training=True)
    grads = model.backward(np.ones_like(y))
    for name, x in given.items():
        step = images(*x.shape, seed=2) * 1e-6
        ahead, behind = (model({**given, name: x + sign * step}).sum() for sign in (1, -1))
        assert (ahead - behind) / 2 == pytest.approx((grads[name] * step).sum(), rel=1e-6)
    assert model.predict(given, batch_size=2).shape == (3, 2)
    again = copy.deepcopy(model)
    assert np.array_equal(again(given), model(given))
    with pytest.raises(clearconv.ArgumentError, match="x is one array"):
        model(given["x"])
    with pytest.raises(clearconv.ArgumentError, match="x is mask"):
        model({"mask": given["mask"]})
    with pytest.raises(clearconv.ShapeError, match="one batch size"):
        model({**given, "mask": given["mask"][:2]})
    with pytest.raises(clearconv.ArgumentError, match="x is one array"):
        clearconv.trace(model, given["x"][0])
    with pytest.raises(clearconv.ArgumentError, match="cannot stand where one array"):
        Sequential(two_inputs()).build((2, 4, 5), dtype="float64")(given["x"])


def test_any_values_are_computed_by_name():
    model = two_inputs().build((2, 4, 5), dtype="float64")
    given = {"x": images(3, 2, 4, 5), "mask": images(3, 1, 4, 5, seed=1)}
    found = model.values(given)
    assert found.keys() == {"logits", "beside"} and found["beside"].shape == (3, 3)
    assert np.array_equal(found["logits"], model(given))
    inner = model.values(given, ["a", "b"])
    np.testing.assert_allclose(inner["b"], inner["a"] * given["mask"])
    gate = gated().build((3, 4, 4)).values(np.ones((3, 4, 4), "float32"), ["gate"])["gate"]
    assert gate.shape == (1, 8, 1, 1)
    with pytest.raises(clearconv.ArgumentError, match="computes no z"):
        model.values(given, ["z"])
