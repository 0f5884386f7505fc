"""The command that a report prints makes the very settings of its run."""

import shlex
from dataclasses import fields

import pytest

from clearconv.cli._options import variations
from clearconv.cli.train import train
from clearconv.report.command import repeating
from clearconv.train import Settings


def parsed(line, kind):
    """Return the settings that a command line makes, read as the command reads it."""
    words = shlex.split(line)
    assert words[:2] == ["clearconv", "train"]
    given = dict(train.make_context("train", words[2:]).params)
    augmentation = variations(given, given.pop("no_augmentation"))
    given = {item.name: given[item.name] for item in fields(Settings) if item.name in given}
    return Settings.for_data(kind, given.pop("data"), augmentation=augmentation, **given)


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
    settings = Settings.for_data(kind, "my photos/x", **given)
    line = repeating(kind, settings)
    assert parsed(line, kind).to_dict() == settings.to_dict(), line


@pytest.mark.parametrize("more", [{}, {"freeze": 3}, {"freeze": "layer 3", "lr": 0.5}])
@pytest.mark.parametrize("model", ["resnet20", "own"])
def test_an_earlier_model_brings_its_layers(tmp_path, model, more):
    settings = Settings.for_data("photos", "x", model=model, start=str(tmp_path), **more)
    line = repeating("photos", settings)
    assert f"--from {tmp_path}" in line and "--model" not in line
    again = parsed(line, "photos").to_dict()
    again = {**again, "start": str(again["start"]), "model": model}
    assert again == settings.to_dict(), line
    assert ("--lr" in line) == ("lr" in more)


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        ("digits", {"model": "own", "epochs": 3}),
        ("arrays", {"model": "own", "optimiser": "sgd", "lr": 0.5, "ratios": (6, 2, 2)}),
        ("arrays", {"model": "lenet", "image_size": 28, "augmentation": {"flip": 0.5}}),
    ],
)
def test_what_no_command_line_can_hold_is_a_call(kind, given):
    settings = Settings.for_data(kind, "my/data", **given)
    line = repeating(kind, settings)

    class Stub:
        @staticmethod
        def fit(model, data, **given):
            return Settings.for_data(kind, data, model=model, **given)

    made = eval(line, {"clearconv": Stub, "model": "own", "data": "my/data"})
    assert made.to_dict() == settings.to_dict(), line
    assert ("(model, " in line) == (settings.model == "own")


def test_what_is_the_default_is_not_said():
    assert repeating("digits", Settings.for_data("digits", "digits")) == "clearconv train digits"
    line = repeating("photos", Settings.for_data("photos", "a b", epochs=2))
    assert line == "clearconv train 'a b' --epochs 2"
    none = Settings.for_data("photos", "p", augmentation=Settings("p", "lenet").augmentation)
    assert repeating("photos", none) == "clearconv train p --no-augmentation"


def test_every_setting_has_an_option():
    """Else a run with it could not be repeated from the command that its report prints."""
    options = {parameter.name for parameter in train.params}
    assert {item.name for item in fields(Settings)} - {"augmentation"} <= options
