"""The command that a report prints makes the very settings of its run."""

import json
import shlex
from dataclasses import fields

import pytest
from hypothesis import given, reject
from hypothesis import settings as settings_of_hypothesis
from hypothesis import strategies as st

from clearconv.cli.flags.options import variations
from clearconv.cli.flags.repeating import repeating
from clearconv.cli.train import train
from clearconv.data import Augmentation
from clearconv.errors import ArgumentError
from clearconv.models import MODELS
from clearconv.runs.given import Given
from clearconv.train import Settings


def parsed(line, kind):
    """Return the settings that a command line makes, read as the command reads it."""
    words = shlex.split(line)
    assert words[:2] == ["clearconv", "train"]
    given = dict(train.make_context("train", words[2:]).params)
    augmentation = variations(given, given.pop("no_augmentation"))
    given = {item.name: given[item.name] for item in fields(Settings) if item.name in given}
    return Settings.for_data(
        kind, given.pop("data"), Given.of({**given, "augmentation": augmentation})
    )


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        ("digits", {}),
        ("photos", {"classes": ("dog", "panda bear"), "epochs": 3, "lr": 0.00123456789}),
        ("photos", {"optimiser": "sgd"}),
        ("photos", {"optimiser": "sgd", "lr": 0.1, "momentum": 0.8, "nesterov": True}),
        ("photos", {"optimiser": "adam", "weight_decay": 0.05}),
        ("photos", {"schedule": "one_cycle"}),
        ("idx", {"schedule": "constant", "warmup": 0.0, "class_weights": True, "seed": 3}),
        ("idx", {"ratios": (7, 2, 1), "patience": 4, "threads": 1, "backend": "matrix"}),
        ("photos", {"model": "resnet20", "image_size": 64, "label_smoothing": 0.0}),
        ("photos", {"augmentation": {"flip": 0.0, "vertical_flip": 0.5, "crop": None}}),
        ("photos", {"augmentation": {"crop": [0.5, 1.0], "rotate": 15.0, "contrast": 0.0}}),
        ("digits", {"augmentation": {"flip": 0.5}, "batch_norm": True, "dropout": 0.25}),
    ],
)
def test_round_trip(kind, given):
    settings = Settings.for_data(kind, "my photos/x", Given.of(given))
    line = repeating(kind, settings)
    assert parsed(line, kind).to_dict() == settings.to_dict(), line


@pytest.mark.parametrize("more", [{}, {"freeze": 3}, {"freeze": "layer 3", "lr": 0.5}])
@pytest.mark.parametrize("model", ["resnet20", "own"])
def test_an_earlier_model_brings_its_layers(tmp_path, model, more):
    settings = Settings.for_data("photos", "x", Given(model=model, start=str(tmp_path), **more))
    line = repeating("photos", settings)
    assert f"--from {tmp_path}" in line and "--model" not in line
    again = parsed(line, "photos").to_dict()
    again = {**again, "start": str(again["start"]), "model": model}
    assert again == settings.to_dict(), line
    assert ("--lr" in line) == ("lr" in more)


class Stub:
    """Stands for clearconv: `fit` returns the settings that it would train with."""

    def __init__(self, kind):
        self.kind = kind

    def fit(self, model, data, **given):
        return Settings.for_data(self.kind, data, Given.of({**given, "model": model}))


def repeated(kind, settings):
    """Return the settings that the printed line makes, whether it is a command or a call."""
    line = repeating(kind, settings)
    if line.startswith("clearconv train "):
        return parsed(line, kind)
    names = {"clearconv": Stub(kind), "model": settings.model, "data": settings.data}
    return eval(line, names)


shares = st.floats(0, 1)
names = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=8)
variations_of_images = st.fixed_dictionaries(
    {},
    optional={
        "flip": st.sampled_from([0, 0.5]) | shares,
        "vertical_flip": st.sampled_from([0.0, 0.5]) | shares,
        "crop": st.none()
        | st.tuples(st.floats(0.01, 1), st.just(1.0) | st.floats(0.01, 1)).map(sorted),
        "rotate": st.floats(0, 180) | st.integers(0, 180),
        "brightness": shares,
        "contrast": shares,
        "colour": shares,
    },
)
any_settings = st.fixed_dictionaries(
    {},
    optional={
        "model": st.sampled_from([*MODELS, "own"]),
        "classes": st.lists(names, min_size=1, max_size=3, unique=True).map(tuple),
        "batch_norm": st.booleans(),
        "dropout": st.floats(0, 0.99),
        "image_size": st.integers(1, 999),
        "epochs": st.integers(1, 999),
        "batch_size": st.integers(1, 999),
        "optimiser": st.sampled_from(["sgd", "adam", "adamw"]),
        "lr": st.floats(1e-9, 10),
        "momentum": st.floats(0, 0.99),
        "nesterov": st.booleans(),
        "weight_decay": st.floats(0, 10),
        "schedule": st.sampled_from(["constant", "step", "cosine", "one_cycle"]),
        "warmup": st.floats(0, 0.99),
        "label_smoothing": st.floats(0, 0.99),
        "class_weights": st.booleans(),
        "augmentation": variations_of_images,
        "seed": st.integers(-(2**70), 2**70),
        "patience": st.integers(1, 99),
        "ratios": st.tuples(*[st.integers(0, 9)] * 3) | st.tuples(shares, shares, shares),
        "save_every": st.floats(0, 1e6),
        "backend": st.sampled_from(["loops", "matrix", "native"]),
        "threads": st.integers(1, 99),
    },
)


@settings_of_hypothesis(deadline=None, max_examples=100)
@given(st.sampled_from(["photos", "idx", "digits", "arrays"]), names, any_settings)
def test_any_settings_come_back(kind, data, asked):
    if data == "digits":
        return
    try:
        wanted = Settings.for_data(kind, data, Given.of(asked))
    except ArgumentError:
        reject()
    made = json.loads(json.dumps(repeated(kind, wanted).to_dict()))
    assert made == json.loads(json.dumps(wanted.to_dict())), repeating(kind, wanted)


@pytest.mark.parametrize(
    "given",
    [
        {"augmentation": {"flip": 0.3}},
        {"augmentation": {"vertical_flip": 1.0}},
        {"augmentation": {"crop": [0.2, 0.8]}},
        {"augmentation": {"crop": [1.0, 1.0]}},
        {"ratios": (0.8, 0.1, 0.1)},
    ],
)
def test_what_no_option_can_say_is_a_call(given):
    settings = Settings.for_data("photos", "my photos", Given.of(given))
    line = repeating("photos", settings)
    (name,) = given
    assert line.startswith(f"clearconv.fit('clearnet', 'my photos', {name}=")
    assert repeated("photos", settings) == settings


def test_a_folder_named_as_the_bundled_digits():
    settings = Settings.for_data("photos", "digits", Given(epochs=3))
    assert repeating("photos", settings) == "clearconv train ./digits --epochs 3"


def test_data_that_look_like_an_option():
    settings = Settings.for_data("photos", "--epochs", Given(seed=-3))
    assert repeating("photos", settings) == "clearconv train --seed -3 -- --epochs"
    assert parsed(repeating("photos", settings), "photos") == settings


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        ("digits", {"model": "own", "epochs": 3}),
        ("arrays", {"model": "own", "optimiser": "sgd", "lr": 0.5, "ratios": (6, 2, 2)}),
        ("arrays", {"model": "lenet", "image_size": 28, "augmentation": {"flip": 0.5}}),
    ],
)
def test_what_no_command_line_can_hold_is_a_call(kind, given):
    settings = Settings.for_data(kind, "my/data", Given.of(given))
    line = repeating(kind, settings)

    made = repeated(kind, settings)
    assert made.to_dict() == settings.to_dict(), line
    assert ("(model, " in line) == (settings.model == "own")


def test_what_is_the_default_is_not_said():
    assert (
        repeating("digits", Settings.for_data("digits", "digits", Given()))
        == "clearconv train digits"
    )
    line = repeating("photos", Settings.for_data("photos", "a b", Given(epochs=2)))
    assert line == "clearconv train 'a b' --epochs 2"
    none = Settings.for_data("photos", "p", Given(augmentation=Augmentation.none()))
    assert repeating("photos", none) == "clearconv train p --no-augmentation"


def test_every_setting_has_an_option():
    """Else a run with it could not be repeated from the command that its report prints."""
    options = {parameter.name for parameter in train.params}
    assert {item.name for item in fields(Settings)} - {"augmentation"} <= options


@pytest.mark.parametrize(
    ("classes", "said"),
    [
        (("dog", "two words"), "'dog,two words'"),
        (("dog, small", "cat"), "'\"dog, small\",cat'"),
        ((" dog", "cat "), '\'" dog","cat "\''),
        (('"odd"', 'a "b"'), '\'"""odd""",a "b"\''),
        (('",', " "), '\'""","," "\''),
    ],
)
def test_classes_of_any_name(classes, said):
    """Commas, quotes and blanks at the edge, as in CSV."""
    settings = Settings.for_data("photos", "my photos", Given(classes=classes))
    line = repeating("photos", settings)
    assert line == f"clearconv train 'my photos' --classes {said}"
    assert parsed(line, "photos") == settings
