"""A trace holds what the passes computed, and leaves the model as it was."""

import json
from pathlib import Path

import numpy as np
import pytest

import clearconv
from clearconv import (
    SGD,
    ArgumentError,
    BatchNorm2d,
    Context,
    Conv2d,
    CrossEntropy,
    Dropout,
    DtypeError,
    Flatten,
    Linear,
    MaxPool2d,
    ReLU,
    Sequential,
    ShapeError,
    SquaredError,
    trace,
)

SHAPE = (2, 7, 6)


def images(n=None, seed=0, shape=SHAPE, dtype="float64"):
    size = shape if n is None else (n, *shape)
    return np.random.default_rng(seed).standard_normal(size).astype(dtype)


def reference(example):
    """Return the printed numbers of one of the article's examples."""
    file = Path(__file__).parents[1] / "reference" / "worked_example.json"
    given = json.loads(file.read_text())[example]
    return {name: np.array(value, float) for name, value in given.items()}


def small(dtype="float64"):
    return Sequential(
        Conv2d(4, (3, 2), stride=(2, 1), padding=((1, 0), (0, 2)), activation="relu"),
        Conv2d(6, 2, groups=2, dilation=(1, 2)),
        ReLU(),
        Flatten(),
        Linear(5, activation="tanh"),
        Linear(3, bias=False),
    ).build(SHAPE, seed=1, dtype=dtype)


def test_arrays_are_those_of_the_passes():
    model, x = small(), images()
    recorded = trace(model, x, 2)
    y = model.forward(x, keep="backward")
    loss, grad = CrossEntropy()(y[np.newaxis], np.array([2]))
    grad_x = model.backward(grad[0])
    assert [layer.path for layer in recorded.layers] == [
        "input", "conv1", "conv2", "relu1", "flatten1", "linear1", "linear2",
    ]  # fmt: skip
    np.testing.assert_array_equal(recorded["linear2"].y[0], y)
    np.testing.assert_array_equal(recorded["input"].y[0], x)
    np.testing.assert_array_equal(recorded["input"].grad_y[0], grad_x)
    assert recorded.loss.value == loss and recorded.loss.label == 2 and recorded.loss.given
    np.testing.assert_array_equal(recorded.loss.grad, grad)
    for layer in recorded.layers[1:]:
        assert layer.x is recorded[layer.sources[0]].y
        np.testing.assert_array_equal(layer.grad_x, recorded[layer.sources[0]].grad_y)
        assert recorded[layer.sources[0]].consumers == (layer.path,)
    for path, gradient in model.gradients.items():
        layer, _, name = path.rpartition(".")
        np.testing.assert_array_equal(recorded[layer].parameters[name].gradient, gradient)
        np.testing.assert_array_equal(
            recorded[layer].parameters[name].value, model.parameters[path]
        )
        assert recorded[layer].parameters[name].path == path
    conv = recorded["conv1"]
    np.testing.assert_array_equal(np.maximum(conv.net, 0), conv.y)
    np.testing.assert_array_equal(conv.grad_net, np.where(conv.net > 0, conv.grad_y, 0))
    assert recorded["conv2"].net is None and recorded["conv2"].grad_net is None


def test_it_does_not_follow_later_changes():
    model, x = small(), images()
    recorded = trace(model, x, 0)
    before = recorded["conv1"].parameters["weight"].value.copy()
    y = recorded["input"].y.copy()
    model.store.values[...] = 0
    x[...] = 0
    np.testing.assert_array_equal(recorded["conv1"].parameters["weight"].value, before)
    np.testing.assert_array_equal(recorded["input"].y, y)
    assert recorded["conv1"].net.any()  # computed only now


def test_the_model_is_left_as_it_was():
    model = Sequential(Conv2d(3, 3), BatchNorm2d(), Dropout(0.5), Flatten(), Linear(3))
    model.build(SHAPE, dtype="float64")
    y = model.forward(images(4), training=True)
    expected = model.backward(np.ones_like(y))
    grads, state, tape = model.store.grads.copy(), model.state_dict(), model.tape
    optimiser = SGD(model, lr=0.1, momentum=0.9)
    for options in ({}, {"training": True, "batch": (images(2, 1), [0, 1])}):
        trace(model, images(), 1, optimiser=optimiser, **options)
    with pytest.raises(ShapeError):
        trace(model, images(), training=True, grad_y=np.ones(4))
    assert optimiser.steps == 0 and not optimiser._memory["velocity"].any()
    assert model.tape is tape
    np.testing.assert_array_equal(model.store.grads, grads)
    for path, array in model.state_dict().items():
        np.testing.assert_array_equal(array, state[path])
    np.testing.assert_array_equal(model.backward(np.ones_like(y)), expected)


def test_training_traces_the_step_that_would_come_next():
    def make():
        model = Sequential(Conv2d(3, 3), BatchNorm2d(), Dropout(0.5), Flatten(), Linear(3))
        return model.build(SHAPE, dtype="float64")

    x, others, labels = images(), images(3, 1), [0, 2, 1]
    recorded = trace(make(), x, 1, training=True, batch=(others, labels))
    model = make()
    y = model.forward(np.concatenate([x[None], others]), training=True)
    loss, grad = CrossEntropy()(y, np.array([1, *labels]))
    model.backward(grad)
    # a training pass is fused, a trace is not: equal but for rounding
    assert recorded.context.training and recorded.loss.value == pytest.approx(loss, abs=1e-14)
    assert recorded.loss.labels == (1, 0, 2, 1)
    np.testing.assert_allclose(recorded["linear1"].y, y, rtol=0, atol=1e-13)
    gradient = recorded["conv1"].parameters["weight"].gradient
    np.testing.assert_allclose(gradient, model.gradients["conv1.weight"], rtol=0, atol=1e-13)
    other = trace(make(), x, 1, training=True, context=Context(training=True, step=7))
    assert (other["dropout1"].saved["mask"] != recorded["dropout1"].saved["mask"][:1]).any()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_element_adds_up(adds_up, dtype):
    assert adds_up(trace(small(dtype), images(dtype=dtype), 1)) > 1000


def test_labels(adds_up):
    model, x = small(), images()
    best = int(model.forward(x).argmax())
    recorded = trace(model, x)
    assert recorded.loss.label == recorded.loss.predicted == best and not recorded.loss.given
    model.info["classes"] = ["cat", "dog", "panda"]
    assert trace(model, x, "dog").loss.label == 1
    assert trace(model, x, np.int64(2)).loss.classes == ("cat", "dog", "panda")
    batch = trace(model, x, "dog", batch=(images(2), ["cat", 2]))
    assert batch.loss.labels == (1, 0, 2)
    assert len(trace(model, x, batch=images(2)).loss.labels) == 3


@pytest.mark.parametrize(
    ("label", "message"),
    [
        ("dgo", "label='dgo', but the classes are cat, dog, panda. Did you mean 'dog'?"),
        (3, "label=3, but a class is needed: a number from 0 to 2, or a name."),
        (-1, "label=-1, but"),
        (1.0, "label=1.0, but"),
        (True, "label=True, but"),
        (np.array([1]), "label=array"),
    ],
)
def test_a_label_that_is_no_class(label, message):
    model = small()
    model.info["classes"] = ["cat", "dog", "panda"]
    with pytest.raises(ArgumentError) as error:
        trace(model, images(), label)
    assert message in str(error.value)
    with pytest.raises(ArgumentError, match="has no class names"):
        trace(small(), images(), "dog")


def test_bad_input_is_answered():
    model, x = small(), images()
    for wrong, error, message in (
        ({"x": images(2)}, ShapeError, "Give the others as batch="),
        ({"x": x.astype("float32")}, DtypeError, "the model was built in float64"),
        ({"x": x[0]}, ShapeError, "3 or 4 are needed"),
        ({"batch": x}, ShapeError, "batch is of shape (2, 7, 6)"),
        ({"batch": [x]}, ShapeError, "batch is a list"),
        ({"batch": images(2, shape=(2, 7, 7))}, ShapeError, "images of a batch have the same size"),
        ({"batch": (images(2), [1])}, ArgumentError, "2 images and 1 labels"),
        ({"batch": (images(2), 1)}, ArgumentError, "2 images and 1 labels"),
        ({"lr": 0.1}, ArgumentError, "lr=0.1 needs an optimiser, but none was given"),
        ({"optimiser": 0.1}, ArgumentError, "(float) updates the parameters of another model"),
        ({"grad_y": np.ones(3)}, ArgumentError, "replaces the loss"),
        ({"label": None, "grad_y": np.ones(4)}, ShapeError, "grad_y has shape"),
        ({"loss": abs}, ArgumentError, "only CrossEntropy and SquaredError"),
        ({"optimiser": SGD(small())}, ArgumentError, "another model"),
    ):
        given = {"x": x, "label": 1, **wrong}
        with pytest.raises(error) as caught:
            trace(model, given.pop("x"), **given)
        assert message in str(caught.value), wrong
    with pytest.raises(ShapeError, match="not built"):
        trace(Sequential(Linear(2)), x)
    maps = Sequential(Conv2d(2, 3)).build(SHAPE, dtype="float64")
    with pytest.raises(ShapeError, match="Give grad_y"):
        trace(maps, x, 1)


def test_bad_questions_are_answered():
    recorded = trace(small(), images(), 1)
    for asked, message in (
        (("cnv1", "y", (0, 0, 0)), "no layer 'cnv1'; there are input, conv1"),
        (("cnv1", "y", (0, 0, 0)), "Did you mean 'conv1'?"),
        (("conv1", "z", (0, 0, 0)), "no quantity 'z'; it has y, net, grad_y"),
        (("conv1", "weight.update", (0, 0, 0)), "no optimiser was given"),
        (("conv1", "y", (0, 0, 9)), "index=(0, 0, 9), but y of 'conv1' has shape (1, 4, 3, 7)"),
        (("conv1", "y", (0, 0)), "index=(0, 0), but"),
        (("conv1", "y", "a"), "index='a', but"),
        (("conv1", "weight", (0, 0, 0)), "has shape (4, 2, 3, 2)"),
        (("loss", "y", ()), "'loss' has no quantity 'y'; it has value"),
    ):
        with pytest.raises(ArgumentError) as caught:
            recorded.explain(*asked)
        assert message in str(caught.value), asked
    with pytest.raises(ArgumentError, match="largest"):
        recorded.explain("conv1", "y", (0, 0, 0), largest=-1)


def test_an_image_number_may_be_left_out_and_indices_count_from_behind():
    recorded = trace(small(), images(), 1, batch=images(2, 1))
    assert recorded.explain("conv1", "y", (1, -1, 2)).index == (0, 1, 2, 2)
    assert recorded.explain("conv1", "y", (2, 1, 2, 2)).index == (2, 1, 2, 2)
    assert recorded.explain("linear1", "bias", -1).index == (4,)


def test_the_largest_terms_and_the_rest():
    recorded = trace(small(), images(), 1)
    whole = recorded.explain("linear1", "net", (2,))
    few = recorded.explain("linear1", "net", (2,), largest=5)
    assert len(few.terms) == 5 and few.left_out == len(whole.terms) - 5
    sizes = sorted((abs(term.value) for term in whole.terms), reverse=True)
    assert [abs(term.value) for term in few.terms] == sizes[:5]
    assert few.total == pytest.approx(whole.total, abs=1e-12)
    assert f"{few.left_out} more terms, together" in str(few)
    assert recorded.explain("linear1", "net", (2,), largest=1000) == whole
    assert recorded.explain("linear1", "net", (2,), largest=0).rest == pytest.approx(whole.total)


def test_factors_lead_back_to_the_image():
    """Follow the first factor of each explanation that was computed: it ends at a pixel."""
    recorded = trace(small(), images(), 1)
    path, quantity, index = "loss", "value", ()
    seen = []
    while path != "input":
        one = recorded.explain(path, quantity, index)
        seen.append((path, quantity))
        parts = [term.factors for term in one.terms] or [step.factors for step in one.steps]
        asked = [recorded.origin(factor) for factors in parts for factor in factors]
        path, quantity, index = next(filter(None, asked))
    assert seen == [
        ("loss", "value"), ("loss", "probabilities"), ("linear2", "y"), ("linear1", "y"),
        ("linear1", "net"), ("flatten1", "y"), ("relu1", "y"), ("conv2", "y"), ("conv1", "y"),
        ("conv1", "net"),
    ]  # fmt: skip
    assert quantity == "y" and "not computed" in recorded.explain("input", "y", index).note


def test_a_squared_error():
    model = small()
    target = np.array([0.5, 0.25, -1.0])
    recorded = trace(model, images(), target, loss=SquaredError("half_sum"))
    assert recorded.loss.probabilities is None and recorded.loss.labels == ()
    assert recorded.explain("loss", "value").total == pytest.approx(recorded.loss.value)
    np.testing.assert_allclose(recorded.loss.grad[0], recorded["linear2"].y[0] - target)
    with pytest.raises(ArgumentError, match="needs a target for each image"):
        trace(model, images(), loss=SquaredError())
    with pytest.raises(ShapeError, match="must agree"):
        trace(model, images(), np.ones(2), loss=SquaredError())


def test_names_that_are_taken():
    model = Sequential(Linear(4, name="loss"), Linear(2, name="input")).build((3,), dtype="float64")
    recorded = trace(model, np.ones(3), 0)
    assert [layer.path for layer in recorded.layers] == ["input.images", "loss", "input"]
    assert recorded.loss.path == "loss_"


def test_it_says_what_it_is_in_a_line():
    recorded = trace(small(), images(), 1)
    assert repr(recorded).startswith("<Trace of 6 layers, one image, evaluation, ")
    assert repr(recorded["conv1"]) == "<LayerTrace 'conv1': Conv2d, y (1, 4, 3, 7)>"
    arrays = {
        id(a): a.nbytes for layer in recorded.layers for a in (layer.x, layer.y) if a is not None
    }
    assert recorded.nbytes >= sum(arrays.values())


def test_the_article_by_hand(adds_up):
    """The worked example's printed numbers, every one explained."""
    arrays = reference("conv")
    model = Conv2d(2, 3, stride=2, padding=1, name="conv").build((3, 5, 5), dtype="float64")
    model.load_state_dict({"conv.weight": arrays["weight"], "conv.bias": arrays["bias"]})
    recorded = trace(model, arrays["x"], grad_y=arrays["grad_y"])
    assert recorded.loss is None
    for quantity, expected in (
        ("y", arrays["y"]),
        ("grad_x", arrays["grad_x"]),
        ("weight", arrays["grad_weight"]),
        ("bias", arrays["grad_bias"]),
    ):
        for place in np.ndindex(expected.shape):
            one = recorded.explain("conv", quantity, place)
            assert one.value == one.total == expected[place]
    first = recorded.explain("conv", "y", (0, 0, 0))
    assert first.note == "5 of 9 kernel elements are on padding and add 0."
    assert len(first.terms) == 3 * 4 + 1
    assert adds_up(recorded) > 100


def test_the_articles_update_by_hand():
    given = reference("conv")
    model = Conv2d(2, 3, stride=2, padding=1, name="conv").build((3, 5, 5), dtype="float64")
    model.load_state_dict({"conv.weight": given["weight"], "conv.bias": given["bias"]})
    optimiser = SGD(model, lr=float(given["learning_rate"]))
    recorded = trace(model, given["x"], grad_y=given["grad_y"], optimiser=optimiser)
    for name in ("weight", "bias"):
        after = given[f"updated_{name}"]
        for place in np.ndindex(after.shape):
            one = recorded.explain("conv", f"{name}.update", place)
            assert one.total == pytest.approx(after[place], abs=1e-12)
    one = recorded.explain("conv", "weight.update", (0, 0, 0, 0))
    assert one.steps[0].expression == "-1 - 0.001 * 8" and one.value == -1.008


def test_the_articles_first_figure_by_hand():
    """One map, two filters, ReLU, and a maximum under windows that overlap."""
    given = reference("small")
    model = Sequential(
        Conv2d(2, 2, bias=False, activation="relu", name="conv"), MaxPool2d(2, 1, name="pool")
    ).build((1, 4, 4), dtype="float64")
    model.load_state_dict({"conv.weight": given["weight"][:, np.newaxis]})
    recorded = trace(model, given["x"][np.newaxis], grad_y=np.ones((2, 2, 2)))
    for path, quantity, expected in (
        ("conv", "net", given["y"]),
        ("conv", "y", given["relu"]),
        ("pool", "y", given["pool_2_stride_1"]),
    ):
        for place in np.ndindex(expected.shape):
            one = recorded.explain(path, quantity, place)
            assert one.value == one.total == expected[place]
    middle = recorded.explain("pool", "grad_x", (0, 1, 2))  # it stood under two windows and won one
    assert middle.value == middle.total == 1
    assert middle.note == "It was in 2 windows, and won in 1."
    tied = recorded.explain("pool", "y", (0, 1, 1))
    assert tied.note == "The winner is x[0, 0, 1, 2], the first of 2 equally large numbers."


def test_the_articles_pooling_by_hand():
    given = reference("pool")
    model = MaxPool2d(2, name="pool").build((2, 4, 4), dtype="float64")
    recorded = trace(model, given["x"], grad_y=given["grad_y"])
    for quantity in ("y", "grad_x"):
        for place in np.ndindex(given[quantity].shape):
            one = recorded.explain("pool", quantity, place)
            assert one.value == one.total == given[quantity][place]
    assert recorded.explain("pool", "y", (0, 0, 0)).steps[0].expression == "max(1, 1, 5, 6)"


def test_code_and_formula_are_read_where_they_stand():
    explanation = trace(small(), images(), 1).explain("conv2", "weight", (0, 0, 0, 0))
    assert explanation.function.name == "clearconv.ops.conv2d.loops.backward_weight"
    assert explanation.function.file == "clearconv/ops/conv2d/loops.py"
    lines = (
        (Path(clearconv.__file__).parents[1] / explanation.function.file).read_text().splitlines()
    )
    assert lines[explanation.function.line - 1] == "@by_shards(2)"  # and below it the formula
    assert explanation.function.source.startswith("@by_shards(2)\ndef backward_weight(")
    assert explanation.formula.startswith(r"dw_{o,c,i,j} = \sum_{n,p,q}")
    assert "formula 14" in explanation.reference
