"""What is said of a run that goes wrong, and that nothing is said of one that goes well."""

import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

import clearconv
from clearconv import (
    BatchNorm2d,
    Context,
    Conv2d,
    CrossEntropy,
    Dropout,
    Flatten,
    Linear,
    MaxPool2d,
    ReLU,
    Residual,
    Sequential,
)
from clearconv.arrays import finite
from clearconv.data import Augmentation
from clearconv.errors import RunError
from clearconv.train import Callback, train
from clearconv.train.divergence import Moment, check_gradients, check_loss
from clearconv.train.health import hidden, parted, stuck, warnings
from clearconv.train.probe import DeadUnits, dead_units, first_not_finite
from epochs import record


def net():
    return Sequential(
        Conv2d(4, 3, name="a"),
        BatchNorm2d(name="b"),
        ReLU(name="c"),
        Residual(Conv2d(4, 1, name="d"), activation="relu", name="e"),
        MaxPool2d(2, name="f"),
        Flatten(name="g"),
        Dropout(0.5, name="h"),
        Linear(6, activation="relu", name="i"),
        Linear(3, name="j"),
    ).build((2, 8, 8), dtype="float64")


def images(n=5):
    return np.random.default_rng(0).standard_normal((n, 2, 8, 8))


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(
    ("path", "value", "where"),
    [
        ("a.weight", np.nan, "the weight of Conv2d 'a'"),
        ("e.d.bias", np.inf, "the bias of Conv2d 'e.d'"),
        ("j.bias", -np.inf, "the bias of Linear 'j'"),
        ("a.weight", 1e308, "the output of Conv2d 'a'"),  # finite, but not twice itself
        ("e.d.weight", 1e308, "the output of Conv2d 'e.d'"),
    ],
)
def test_the_first_place_that_is_not_finite(path, value, where, training):
    model = net()
    model.parameters[path].flat[:] = value
    model.parameters["j.weight"][...] = np.nan  # comes after: not the cause
    before = model.state_dict()
    found = first_not_finite(model, images(), Context(training=training))
    assert found == (where if path != "j.bias" else "the weight of Linear 'j'")
    after = model.state_dict()
    assert all(np.array_equal(before[key], after[key], equal_nan=True) for key in before)


def test_images_and_healthy_models():
    x = images()
    assert first_not_finite(net(), x, Context(training=True)) is None
    x[1, 0, 3, 3] = np.inf
    assert first_not_finite(net(), x, Context()) == "the images of the batch"


def test_finite_is_not_deceived_by_a_sum_that_overflows():
    assert finite(np.full(9, 3e38, np.float32))
    assert finite(np.zeros(0))
    for bad in (np.nan, np.inf, -np.inf):
        assert not finite(np.array([1.0, bad, 2.0]))
    assert not finite(np.array([np.inf, -np.inf]))


def test_a_gradient_is_named_where_it_arose():
    model, x = net(), images()
    _, grad = CrossEntropy()(model.forward(x, training=True), np.array([0, 1, 2, 0, 1]))
    model.backward(grad, input_gradient=False)
    moment = Moment(3, 17, 0.02)
    check_gradients(model, moment)
    # backward goes from j to a: what went wrong in e.d is wrong below it too
    for path in ("a.weight", "b.bias", "e.d.bias"):
        model.gradients[path].flat[0] = np.nan
    with pytest.raises(RunError, match=r"epoch 3, step 17.*gradient of the bias of Conv2d 'e.d'"):
        check_gradients(model, moment)


def test_the_loss_says_step_layer_and_remedy():
    model, x = net(), images()
    model.parameters["e.d.weight"][...] = np.nan
    with pytest.raises(RunError) as error:
        check_loss(model, x, Context(training=True), float("nan"), Moment(2, 7, 0.03))
    text = str(error.value)
    assert text.startswith("The loss became nan at epoch 2, step 7: ")
    assert "first in the weight of Conv2d 'e.d'. Try a lower learning rate (`lr=0.003`)" in text
    check_loss(model, x, Context(), 1.5, Moment(2, 7, 0.03))  # what is finite is not looked into


def test_dead_channels_are_counted_where_a_relu_is():
    model, x = net(), images(40)
    model.parameters["b.bias"][1:] = -1e3  # three of four channels, before the ReLU
    model.parameters["i.bias"][2] = -1e3
    found = {unit.path: unit for unit in dead_units(model, [x[:30], x[30:]])}
    assert (found["c"].layer, found["c"].dead, found["c"].channels) == ("ReLU 'c'", 3, 4)
    assert (found["i"].dead, found["i"].channels) == (1, 6)
    assert {"c", "i"} < set(found) and not {"a", "b", "d", "j"} & set(found)
    x[:39] = 0  # one image is enough to fire
    assert {u.path: u.dead for u in dead_units(net(), [x])}["c"] == 0


def history(train, validation, train_accuracy=0.99, validation_accuracy=0.8, **more):
    return [
        record(
            number,
            train_loss=loss,
            validation_loss=other,
            train_accuracy=train_accuracy,
            validation_accuracy=validation_accuracy,
            **more,
        )
        for number, (loss, other) in enumerate(zip(train, validation, strict=True), start=1)
    ]


EPOCHS = np.arange(30)
FALLING = 1.1 * 0.9**EPOCHS
NOISE = 0.05 * np.random.default_rng(3).standard_normal(30)
VALLEY = 0.6 + 0.5 * np.abs(EPOCHS - 10) / 10  # lowest in epoch 11


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        (history(FALLING, 0.2 + FALLING), None),
        (history(FALLING, 0.5 + NOISE), None),  # a plateau
        (history(FALLING, VALLEY, validation_accuracy=0.98), None),  # surer, not worse
        (history(0.3 + 0 * FALLING, VALLEY), None),  # nothing is learnt by heart
        (history(FALLING, 1 + 0.4 * np.sin(2 * EPOCHS)), None),  # up and down
        (history(FALLING[:7], VALLEY[:7]), None),
        (history(FALLING, VALLEY), 18),
        (history(FALLING, VALLEY + NOISE), 18),
    ],
)
def test_when_training_and_validation_part(records, expected):
    found = [end for end in range(1, len(records) + 1) if parted(records[:end])]
    assert (found[0] if found else None) == pytest.approx(expected, abs=2)


@pytest.mark.parametrize(
    ("losses", "right", "expected"),
    [
        ((1.39, 1.39), 0.26, True),  # four classes: log 4 = 1.386
        ((8.0, 3.0), 0.25, True),  # falls, but knows less than nothing
        ((1.39, 1.30), 0.26, False),
        ((1.39, 1.39), 0.40, False),
        ((1.39,), 0.25, False),
    ],
)
def test_when_nothing_is_learnt(losses, right, expected):
    records = history(losses, losses, right, right)
    assert stuck(records, 0.25, np.log(4), 1000, 1000) is expected


def test_each_warning_is_said_once_and_again_only_when_it_is_worse():
    dead = [0, 32, 40, 48, 50, 64]
    records = history(FALLING[:6], FALLING[:6])
    said = []
    for end in range(1, 7):
        dying = {"conv1": dead[end - 1]} if dead[end - 1] else {}
        records[end - 1] = replace(records[end - 1], dead=dying)
        found = [DeadUnits("Conv2d 'conv1'", "conv1", dead[end - 1], 64)] * (dead[end - 1] > 0)
        said.append(warnings(records[:end], found, np.array([10, 10]), 10))
    assert [len(part) for part in said] == [0, 1, 0, 1, 0, 0]
    assert said[1][0].startswith("Conv2d 'conv1': 32 of 64 channels never fire.")
    unlearnt = history([0.7] * 6, [0.7] * 6, 0.5, 0.5)
    for end in range(1, 7):
        text = warnings(unlearnt[:end], [], np.array([10, 10]), 10)
        assert [("learnt nothing" in line) for line in text] == [True] * (end == 2)
    overfit = history(FALLING, VALLEY)
    times = [len(warnings(overfit[:end], [], np.array([10, 10]), 10)) for end in range(1, 31)]
    assert sum(times) == 1


class Heard(Callback):
    def __init__(self):
        self.warnings, self.steps = [], []

    def step(self, epoch, step, steps, loss, accuracy, images_per_second):
        self.steps.append((epoch, step, loss, accuracy))

    def warned(self, message):
        self.warnings.append(message)


def records(folder):
    return [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]


def test_a_healthy_run_is_silent(tmp_path):
    heard = Heard()
    train("digits", out=tmp_path / "run", epochs=10, callbacks=[heard])
    history = records(tmp_path / "run")
    assert heard.warnings == [] and all(record["warnings"] == [] for record in history)
    last = [step for step in heard.steps if step[0] == 10][-1]  # means over the whole epoch
    assert last[2:] == (history[-1]["train_loss"], history[-1]["train_accuracy"])


@pytest.mark.ci
def test_a_run_that_learns_noise_by_heart(tmp_path):
    rng = np.random.default_rng(0)
    for name in ("one", "two"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(40):
            pixels = rng.integers(0, 256, (28, 28, 3)).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "photos" / name / f"{number}.png")
    heard = Heard()
    given = {"model": "simple_convnet", "image_size": 28, "epochs": 24, "lr": 2e-4}
    still = {"flip": 0.0, "crop": None, "brightness": 0.0, "contrast": 0.0, "colour": 0.0}
    train(
        str(tmp_path / "photos"),
        out=tmp_path / "run",
        callbacks=[heard],
        augmentation=still,
        label_smoothing=0.0,
        **given,
    )
    (message,) = heard.warnings
    assert message.startswith("training and validation part: since epoch ")
    said = [record["epoch"] for record in records(tmp_path / "run") if record["warnings"]]
    assert len(said) == 1


def test_dead_layers_and_a_hopeless_learning_rate_are_named(tmp_path):
    heard = Heard()
    with np.errstate(all="ignore"):
        train("digits", out=tmp_path / "run", epochs=2, lr=3.0, callbacks=[heard])
    assert any("Conv2d 'conv2': 32 of 32 channels" in text for text in heard.warnings)
    assert "learning rate is probably too high; `lr='auto'`" in heard.warnings[-1]
    assert records(tmp_path / "run")[-1]["dead"]["conv2"] == 32


def test_what_became_nan_stops_the_run_and_spoils_nothing(tmp_path):
    class Spoil(Callback):
        def started(self, run):
            self.run = run

        def step(self, epoch, step, steps, loss, accuracy, images_per_second):
            if (epoch, step) == (2, 3):
                self.run.model.parameters["conv2.weight"][0, 0, 0, 0] = np.nan

    with pytest.raises(RunError, match="epoch 2, step 4.*first in the weight of Conv2d 'conv2'"):
        train("digits", out=tmp_path / "run", epochs=3, callbacks=[Spoil()])
    last = clearconv.load(tmp_path / "run" / "last.safetensors")
    assert last.info["epoch"] == 1
    assert last.store.fingerprint() == records(tmp_path / "run")[0]["weights_sha256"]


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("linear1.bias", np.inf, "validation loss.*first in the bias of Linear 'linear1'"),
        ("conv1.bias", -np.inf, "A parameter became infinite.*first in the bias of Conv2d 'conv1'"),
    ],
)
def test_what_becomes_nan_in_the_last_step_of_an_epoch_is_not_saved(tmp_path, path, value, said):
    class Spoil(Callback):
        def started(self, run):
            self.run = run

        def step(self, epoch, step, steps, loss, accuracy, images_per_second):
            if epoch == 2 and step == steps:
                self.run.model.parameters[path][3] = value

    with pytest.raises(RunError, match=said):
        train("digits", out=tmp_path / "run", epochs=3, callbacks=[Spoil()])
    assert clearconv.load(tmp_path / "run" / "last.safetensors").info["epoch"] == 1


def test_what_random_variations_may_hide_is_named_with_the_way_out():
    assert hidden(Augmentation.none(), 0.0) == ""
    said = hidden(Augmentation(flip=0.5, vertical_flip=0.5, crop=(0.2, 1.0)), 0.5)
    for remedy in ("'flip': 0", "'vertical_flip': 0", "'crop': None", "resize='squash'"):
        assert remedy in said


def test_where_the_loss_says_that_nothing_was_found_the_variations_come_first():
    """They may show a left arrow as a right one; a learning rate is not to blame for that."""
    for losses, order in (((0.9, 0.7), True), ((9.0, 4.0), False), ((0.7, 0.7), False)):
        (said,) = warnings(history(losses, losses, 0.5, 0.5), [], np.array([10, 10]), 10, "try X")
        assert (said.index("ry X") < said.index("earning rate")) is order


def test_luck_with_a_few_validation_images_is_not_learning():
    lucky = history([0.7] * 6, [0.7] * 6, 0.5, 0.67)
    assert stuck(lucky, 0.5, np.log(2), 100, 12)
    assert not stuck(lucky, 0.5, np.log(2), 100, 1000)
    assert not stuck(lucky[:4], 0.5, np.log(2), 100, 12)


def test_under_class_weights_the_mean_recall_tells_what_was_learnt():
    """Of 400 and 10 images, naming all by the first class is right for 98 %."""
    records = history([1.3, 0.74], [1.3, 0.74], 0.83, 0.9)
    for recall, expected in ((0.51, True), (0.9, False)):
        records[-1] = replace(records[-1], validation_mean_recall=recall)
        assert stuck(records, 400 / 410, np.log(2), 328, 41) is expected
