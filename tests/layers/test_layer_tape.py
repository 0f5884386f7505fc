"""What a pass leaves behind, and that nothing reaches into it."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier
from weakref import ref

import numpy as np
import pytest

from clearconv import (
    BatchNorm2d,
    Concat,
    Context,
    Conv2d,
    Dropout,
    Flatten,
    Identity,
    Linear,
    MaxPool2d,
    ReLU,
    Residual,
    Sequential,
    Sigmoid,
)
from clearconv.errors import ArgumentError, DtypeError, ShapeError, TapeError

SHAPE = (2, 6, 6)


def net(dtype="float64"):
    return Sequential(
        Conv2d(3, 3, padding=1),
        ReLU(),
        BatchNorm2d(),
        Residual(Identity(), Conv2d(3, 3, padding=1), Sigmoid(), activation="relu"),
        Concat(MaxPool2d(2), Conv2d(2, 2, stride=2, activation="relu")),
        Dropout(0.2),
        Flatten(),
        Linear(4),
    ).build(SHAPE, dtype=dtype)


def images(n=3, seed=0, dtype="float64"):
    return np.random.default_rng(seed).standard_normal((n, *SHAPE)).astype(dtype)


def test_keep_none_stores_nothing():
    model = net()
    attributes = {key: id(value) for key, value in vars(model).items()}
    model.forward(images())
    assert model.tape is None
    assert {key: id(value) for key, value in vars(model).items()} == attributes


def test_a_layer_need_save_nothing_that_no_backward_will_ask_for():
    asked = []

    class Asking(Identity):
        def _forward(self, x, context):
            asked.append(context.recording)
            return super()._forward(x, context)

    model = Sequential(Residual(Asking())).build(SHAPE, dtype="float64")
    for options in ({}, {"keep": "backward"}, {"keep": "all"}, {"training": True}):
        model.forward(images(), **options)
    recorded = model.tape.context
    model.forward(images(), context=recorded)
    model.forward(images(), context=replace(recorded, training=False))  # of another pass
    model.predict(images())
    assert asked == [False, True, True, True, True, False, False]


def test_a_recorded_pass_makes_room_for_the_next(monkeypatch):
    model = net()
    model.forward(images(), training=True)
    last, run = ref(model.tape), model._run

    def see_whether_the_last_is_gone(*args):
        assert last() is None
        return run(*args)

    monkeypatch.setattr(model, "_run", see_whether_the_last_is_gone)
    model.forward(images(), training=True)
    assert model.tape is not None


def test_max_pooling_predicts_what_it_trains_on_and_keeps_no_winners():
    pool = MaxPool2d(2).build(SHAPE, dtype="float64")
    y, saved = pool._forward(images(), Context(recording=False))
    assert saved is None
    np.testing.assert_array_equal(y, pool.forward(images(), keep="backward"))


def test_a_prediction_between_forward_and_backward_does_no_harm():
    model = net()
    y = model.forward(images(), training=True)
    expected = model.backward(np.ones_like(y))
    y = model.forward(images(), context=model.tape.context)  # the same masks once more
    model.forward(images(5, 1))
    model.predict(images(5, 2))
    np.testing.assert_array_equal(model.backward(np.ones_like(y)), expected)


def test_keep_backward_in_evaluation_differentiates_evaluation():
    model = net()
    y = model.forward(images(), keep="backward")
    np.testing.assert_array_equal(y, model.forward(images()))
    assert model.tape.context.training is False
    assert model.tape.inputs == model.tape.outputs == {}
    assert model.backward(np.ones_like(y)).shape == images().shape
    assert model.tape.grads == {}


def test_keep_all_holds_what_each_layer_handed_back():
    """Where several read an array, what they hand back is added, and nothing is added into it."""
    model = Sequential(
        Conv2d(3, 1, name="first"),
        Residual(Conv2d(3, 1, name="body"), shortcut=Conv2d(3, 1, name="beside"), name="sum"),
        Concat(Conv2d(1, 1, name="one"), Conv2d(2, 1, name="two"), name="joined"),
    ).build(SHAPE, dtype="float64")
    y = model.forward(images(), keep="all")
    grad_x = model.backward(np.ones_like(y))
    back, tape = model.tape.handed_back, model.tape
    assert set(back) == {layer.path for layer in model.leaves()}
    for layer in model.leaves():
        weight = layer.value("weight")[:, :, 0, 0]
        given = np.einsum("oc,nohw->nchw", weight, tape.grads[layer.path])
        np.testing.assert_allclose(back[layer.path], given, rtol=0, atol=1e-12)
    total = back["joined.one"] + back["joined.two"]
    np.testing.assert_allclose(tape.grads["sum"], total, rtol=0, atol=1e-12)
    total = back["sum.body"] + back["sum.beside"]
    np.testing.assert_allclose(tape.grads["first"], total, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(back["first"], grad_x)


def test_keep_all_holds_what_goes_in_and_out_of_every_layer():
    model = net()
    x = images()
    y = model.forward(x, training=True, keep="all")
    grad_y = np.ones_like(y)
    grad_x = model.backward(grad_y)
    tape, paths = model.tape, [layer.path for layer in model.leaves()]
    assert "residual1.conv1" in paths and "concat1.conv1" in paths
    around = [model["residual1"], model["concat1"]]  # of a chain, the last layer has it all
    paths += [container.path for container in around]
    assert set(paths) == set(tape.inputs) == set(tape.outputs) == set(tape.grads)
    for layer in (*model.leaves(), *around):
        assert tape.inputs[layer.path].shape == (3, *layer.input_shape)
        assert tape.outputs[layer.path].shape == (3, *layer.output_shape)
        assert tape.grads[layer.path].shape == (3, *layer.output_shape)
    np.testing.assert_array_equal(tape.inputs["conv1"], x)
    np.testing.assert_array_equal(tape.outputs["linear1"], y)
    np.testing.assert_array_equal(tape.grads["linear1"], grad_y)
    np.testing.assert_array_equal(tape.inputs["relu1"], tape.outputs["conv1"])
    total = tape.outputs["residual1.sigmoid1"] + tape.inputs["residual1.identity1"]
    np.testing.assert_array_equal(tape.inputs["residual1.activation"], total)
    np.testing.assert_array_equal(tape.outputs["residual1"], tape.outputs["residual1.activation"])
    np.testing.assert_array_equal(tape.grads["residual1"], tape.grads["residual1.activation"])
    np.testing.assert_array_equal(tape.outputs["concat1"][:, :3], tape.outputs["concat1.pool1"])
    np.testing.assert_array_equal(tape.grads["concat1"][:, 3:], tape.grads["concat1.conv1"])
    # and the gradients are those of a pass that kept less
    model.forward(x, context=tape.context)
    np.testing.assert_array_equal(model.backward(grad_y), grad_x)


def test_nothing_that_was_kept_is_written_into_later():
    model = net()
    x = images()
    y = model.forward(x, training=True, keep="all")
    grad_y = np.random.default_rng(1).standard_normal(y.shape)
    given = [(array, array.copy()) for array in (x, y, grad_y)]
    grad_x = model.backward(grad_y)
    tape = model.tape
    kept = [
        (array, array.copy())
        for arrays in (tape.inputs, tape.outputs, tape.grads)
        for array in arrays.values()
    ]
    kept += [*given, (grad_x, grad_x.copy())]
    first = {path: grad.copy() for path, grad in model.gradients.items()}
    for seed in range(3):
        other = images(3, seed + 5)
        model.forward(other, training=True)
        model.backward(grad_y)
        model.store.values += 0.1 * model.store.grads  # a step up, in place
        model.predict(other)
    for array, copy in kept:
        np.testing.assert_array_equal(array, copy)
    assert not np.array_equal(first["conv1.weight"], model.gradients["conv1.weight"])


@pytest.mark.parametrize("layer", [ReLU(), Sigmoid(), Identity(), Flatten()], ids=repr)
def test_the_result_of_a_recorded_pass_cannot_be_written_into(layer):
    """ReLU's backward reads y: writing into it would spoil the gradient without a word."""
    model = Sequential(Conv2d(2, 3, padding=1), layer).build(SHAPE)
    y = model.forward(images(dtype="float32"), training=True)
    with pytest.raises(ValueError, match="read-only"):
        y -= 1
    free = model.forward(images(dtype="float32"))
    free -= 1


def test_two_threads_predict_at_once():
    model = net("float32")
    batches = [images(4, seed, "float32") for seed in range(8)]
    expected = [model.predict(batch) for batch in batches]
    start = Barrier(2)

    def work(order):
        start.wait()
        return {i: model.predict(batches[i]) for _ in range(10) for i in order}

    with ThreadPoolExecutor(2) as pool:
        futures = [pool.submit(work, order) for order in (range(8), range(7, -1, -1))]
        for future in futures:
            for i, y in future.result().items():
                np.testing.assert_array_equal(y, expected[i])
    assert model.tape is None


def test_predictions_beside_training_change_no_bit_of_it():
    """A thread that predicts must not use up the training's random numbers."""

    def train(model, beside):
        for step in range(6):
            y = model.forward(images(4, step), training=True)
            if beside:
                model.predict(images(2, 50))
            model.backward(np.ones_like(y), input_gradient=False)
            model.store.values -= 0.01 * model.store.grads
        return model.store.fingerprint()

    assert train(net(), False) == train(net(), True)


def test_every_training_pass_draws_anew_and_the_same_seed_the_same():
    first, again = net(), net()
    passes = [first.forward(images(), training=True) for _ in range(3)]
    assert not np.array_equal(passes[0], passes[1])
    for y in passes:
        np.testing.assert_array_equal(again.forward(images(), training=True), y)
    named = Context(training=True, seed=4, epoch=2, step=7)
    first.load_state_dict(again.state_dict())
    np.testing.assert_array_equal(
        first.forward(images(), context=named), again.forward(images(), context=named)
    )


def test_backward_without_forward():
    model = net()
    with pytest.raises(TapeError, match=r"forward\(x, training=True\).*keep='backward'"):
        model.backward(np.ones((3, 4)))
    model.forward(images())
    with pytest.raises(TapeError, match="no forward pass was recorded"):
        model.backward(np.ones((3, 4)))
    model.forward(images(), training=True)
    model.build(SHAPE, dtype="float64")
    with pytest.raises(TapeError, match="no forward pass was recorded"):
        model.backward(np.ones((3, 4)))


@pytest.mark.parametrize("shape", [(3, 5), (2, 4), (4,), (3, 4, 1)])
def test_a_gradient_of_another_shape(shape):
    model = net()
    model.forward(images(), training=True)
    with pytest.raises(ShapeError, match=r"y of the last recorded forward pass has \(3, 4\)"):
        model.backward(np.ones(shape))


def test_a_gradient_of_another_dtype():
    model = net()
    model.forward(images(), training=True)
    with pytest.raises(DtypeError, match="grad_y is float32.*built in float64"):
        model.backward(np.ones((3, 4), "float32"))


def test_an_unknown_keep():
    with pytest.raises(ArgumentError, match="keep='everything'"):
        net().forward(images(), keep="everything")


def test_flatten_hands_back_channels_last_memory():
    model = Flatten().build((3, 4, 5))
    x = np.arange(120, dtype="float32").reshape(2, 4, 5, 3).transpose(0, 3, 1, 2)  # (2, 3, 4, 5)
    y = model.forward(x, training=True)
    np.testing.assert_array_equal(y, np.ascontiguousarray(x).reshape(2, 60))
    grad_x = model.backward(y)
    np.testing.assert_array_equal(grad_x, x)
    assert grad_x.transpose(0, 2, 3, 1).flags.c_contiguous


def test_images_of_another_size_where_the_layers_allow_it():
    model = Sequential(Conv2d(3, 3), ReLU(), Concat(Conv2d(2, 1), MaxPool2d(1))).build(SHAPE)
    y = model.forward(np.ones((2, 2, 9, 8), "float32"), training=True)
    assert y.shape == (2, 5, 7, 6)
    assert model.backward(np.ones_like(y)).shape == (2, 2, 9, 8)
