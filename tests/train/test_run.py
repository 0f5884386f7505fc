"""A whole run on small data: its folder, resuming, early stopping, refusing changed data."""

import json
import re
import shutil
from dataclasses import fields, replace

import numpy as np
import pytest
from PIL import Image

import clearconv
from clearconv.data import Augmentation
from clearconv.errors import ArgumentError, DataError, ModelFileError, RunError
from clearconv.runs.best import best_epoch
from clearconv.runs.given import Given
from clearconv.runs.records.epoch import read_history
from clearconv.train import Callback, Settings, evaluate, predict, resume, train


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Two classes that differ in colour, ten images each, of several sizes."""
    root = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    for name, colour in (("red", (200, 40, 40)), ("blue", (40, 40, 200))):
        (root / name).mkdir()
        for number in range(10):
            pixels = rng.normal(colour, 40, (48 + number, 64, 3)).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(root / name / f"{number}.png")
    return root


SMALL = {"model": "simple_convnet", "image_size": 28, "epochs": 3, "batch_size": 4}


class Stop(Exception):
    pass


class StopAfter(Callback):
    """Breaks off like a kill: in the middle of an epoch, or just after one."""

    def __init__(self, epoch, step=None):
        self.at = (epoch, step)

    def step(self, epoch, step, steps, loss, accuracy, images_per_second):
        if (epoch, step) == self.at:
            raise Stop

    def epoch(self, record, best):
        if (record["epoch"], None) == self.at:
            raise Stop


def test_run_folder_holds_what_the_run_was(photos, tmp_path):
    result = train(str(photos), out=tmp_path / "run", **SMALL)
    about = json.loads((tmp_path / "run" / "run.json").read_text())
    assert about["settings"]["epochs"] == 3
    assert about["data"]["images"] == 20 and len(about["data"]["sha256"]) == 20
    assert about["cpu_variant"]
    split = json.loads((tmp_path / "run" / "split.json").read_text())
    files = split["train"] + split["validation"] + split["test"]
    assert sorted(files) == sorted(set(files)) and len(files) == 20
    lines = (tmp_path / "run" / "history.jsonl").read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in lines] == [1, 2, 3]
    best = clearconv.load(tmp_path / "run" / "best.safetensors")
    assert best.info["classes"] == ["blue", "red"]
    assert best.store.fingerprint() == result.fingerprint
    last = clearconv.load(tmp_path / "run" / "last.safetensors")
    assert last.store.fingerprint() == json.loads(lines[-1])["weights_sha256"]
    test = json.loads((tmp_path / "run" / "result.json").read_text())["test"]
    assert test["right"] == result.evaluation.right


def test_the_model_of_the_best_epoch_is_kept(photos, tmp_path):
    result = train(str(photos), out=tmp_path / "run", **SMALL)
    history = read_history(tmp_path / "run")
    assert history[result.best_epoch - 1].weights_sha256 == result.fingerprint
    assert result.best_epoch == best_epoch(history)


@pytest.mark.parametrize("at", [(1, 2), (1, None), (2, 1), (3, None)])
def test_resumed_run_ends_in_the_same_bits(photos, tmp_path, at):
    options = {**SMALL, "dropout": 0.0, "augmentation": {"rotate": 10}, "optimiser": "adamw"}
    whole = train(str(photos), out=tmp_path / "whole", **options)
    with pytest.raises(Stop):
        train(str(photos), out=tmp_path / "broken", callbacks=[StopAfter(*at)], **options)
    resumed = resume(tmp_path / "broken")
    fingerprints = []
    for name in ("whole", "broken"):
        lines = (tmp_path / name / "history.jsonl").read_text().splitlines()
        fingerprints.append([json.loads(line)["weights_sha256"] for line in lines])
    assert fingerprints[0] == fingerprints[1]
    assert resumed.fingerprint == whole.fingerprint


@pytest.mark.parametrize("change", ["edit", "add", "remove"])
def test_resume_refuses_changed_data(photos, tmp_path, change):
    data = tmp_path / "data"
    shutil.copytree(photos, data)
    with pytest.raises(Stop):
        train(str(data), out=tmp_path / "run", callbacks=[StopAfter(1)], **SMALL)
    image = data / "red" / "3.png"
    if change == "edit":
        Image.new("RGB", (50, 50)).save(image)
    elif change == "add":
        shutil.copy(image, data / "red" / "new.png")
    else:
        image.unlink()
    words = {"edit": "changed", "add": "new", "remove": "missing"}[change]
    with pytest.raises(RunError, match=f"1 {words}"):
        resume(tmp_path / "run")


def test_same_seed_same_weights_other_seed_others(photos, tmp_path):
    runs = [
        train(str(photos), out=tmp_path / str(number), **{**SMALL, "epochs": 1, "seed": seed})
        for number, seed in enumerate((5, 5, 6))
    ]
    assert runs[0].fingerprint == runs[1].fingerprint != runs[2].fingerprint


def test_patience_stops_early(photos, tmp_path):
    # A learning rate of next to nothing: no epoch is better than the first.
    result = train(
        str(photos), out=tmp_path / "run", **{**SMALL, "epochs": 9, "lr": 1e-30, "patience": 2}
    )
    assert result.stopped_early
    lines = (tmp_path / "run" / "history.jsonl").read_text().splitlines()
    assert len(lines) == 3


def test_run_folder_is_never_inside_the_data_nor_over_another_run(photos, tmp_path):
    with pytest.raises(ArgumentError, match="inside the data"):
        train(str(photos), out=photos / "run", **SMALL)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").write_text("keep me")
    with pytest.raises(ArgumentError, match="not an empty folder"):
        train(str(photos), out=tmp_path / "full", **SMALL)
    place = tmp_path / "my run"
    train(str(photos), out=place, **{**SMALL, "epochs": 1})
    with pytest.raises(ArgumentError, match=re.escape(f"`resume({str(place)!r})`")):
        train(str(photos), out=place, **SMALL)


def test_default_folder_counts_up(photos, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = [train(str(photos), **{**SMALL, "epochs": 1}).folder.as_posix() for _ in range(2)]
    assert names == [f"runs/{photos.name}-1", f"runs/{photos.name}-2"]


def test_evaluate_and_predict_use_the_runs_own_preprocessing(photos, tmp_path):
    result = train(str(photos), out=tmp_path / "run", **SMALL)
    again = evaluate(tmp_path / "run")
    np.testing.assert_allclose(again.probabilities, result.evaluation.probabilities, atol=1e-6)
    assert evaluate(tmp_path / "run", str(photos)).files == again.files  # its own data: the test
    everything = evaluate(tmp_path / "run" / "best.safetensors", str(photos))
    assert everything.total == 20
    paths = [photos / name for name in everything.files[:3]]
    for number, prediction in enumerate(predict(tmp_path / "run", paths)):
        np.testing.assert_allclose(
            prediction.probabilities, everything.probabilities[number], atol=1e-5
        )


def test_predict_names_what_it_cannot_read(photos, tmp_path):
    train(str(photos), out=tmp_path / "run", **{**SMALL, "epochs": 1})
    (tmp_path / "note.txt").write_text("no image")
    good, bad = predict(tmp_path / "run", [photos / "red" / "1.png", tmp_path / "note.txt"])
    assert good.error is None and bad.probabilities is None and "note.txt" in (bad.error or "")


def test_evaluate_says_which_classes_are_unknown(photos, tmp_path):
    train(str(photos), out=tmp_path / "run", **{**SMALL, "epochs": 1})
    with pytest.raises(DataError, match="classes 0, 1, .* the model knows blue, red"):
        evaluate(tmp_path / "run", "digits")


def test_evaluate_on_other_data(photos, tmp_path):
    """Unknown classes are left out, and images that were learnt from are counted."""
    train(str(photos), out=tmp_path / "run", **{**SMALL, "epochs": 1})
    trained = json.loads((tmp_path / "run" / "split.json").read_text())["train"]
    for name in ("blue", "green"):
        (tmp_path / "other" / name).mkdir(parents=True)
    (old,) = [file for file in trained if file.startswith("blue")][:1]
    shutil.copy(photos / old, tmp_path / "other" / "blue" / "known.png")
    Image.new("RGB", (50, 50), "blue").save(tmp_path / "other" / "blue" / "new.png")
    Image.new("RGB", (50, 50), "green").save(tmp_path / "other" / "green" / "new.png")
    evaluation = evaluate(tmp_path / "run", str(tmp_path / "other"))
    assert evaluation.files == ("blue/known.png", "blue/new.png")
    assert any("does not know it: green" in problem for problem in evaluation.problems)
    assert any("learnt from 1 of these 2" in problem for problem in evaluation.problems)


def test_classes_that_a_run_left_out_are_no_surprise_in_its_own_test(photos, tmp_path):
    shutil.copytree(photos, tmp_path / "data")
    shutil.copytree(photos / "red", tmp_path / "data" / "other")
    few = {**SMALL, "epochs": 1, "classes": ("blue", "red")}
    train(str(tmp_path / "data"), out=tmp_path / "run", **few)
    assert evaluate(tmp_path / "run").problems == ()


def test_data_that_moved(photos, tmp_path):
    shutil.copytree(photos, tmp_path / "here")
    result = train(str(tmp_path / "here"), out=tmp_path / "run", **{**SMALL, "epochs": 1})
    (tmp_path / "here").rename(tmp_path / "there")
    with pytest.raises(RunError, match="no longer at .*here. Say where"):
        evaluate(tmp_path / "run")
    moved = evaluate(tmp_path / "run", str(tmp_path / "there"))
    assert moved.files == result.evaluation.files
    again = resume(tmp_path / "run", data=str(tmp_path / "there"))
    assert again.fingerprint == result.fingerprint


def test_inside_the_data_the_default_folder_is_beside_them(photos, tmp_path, monkeypatch):
    shutil.copytree(photos, tmp_path / "pictures")
    monkeypatch.chdir(tmp_path / "pictures")
    result = train(".", **{**SMALL, "epochs": 1})
    assert result.folder.resolve() == tmp_path / "runs" / "pictures-1"


def test_a_run_without_a_finished_epoch_has_no_model_yet(photos, tmp_path):
    with pytest.raises(Stop):
        train(str(photos), out=tmp_path / "run", callbacks=[StopAfter(1, 1)], **SMALL)
    with pytest.raises(ModelFileError, match="no epoch of this run is finished"):
        predict(tmp_path / "run", [])


def test_diverging_says_what_to_try(photos, tmp_path):
    with np.errstate(all="ignore"), pytest.raises(RunError, match="lower learning rate"):
        train(
            str(photos),
            out=tmp_path / "run",
            **{**SMALL, "optimiser": "sgd", "lr": 1e30, "epochs": 9},
        )


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"model": "resnet"}, "seed_cnn"),
        ({"optimiser": "rmsprop"}, "sgd, adam, adamw"),
        ({"epochs": 0}, "at least 1"),
        ({"lr": -1}, "more than 0"),
        ({"warmup": 1.0}, "share of the run"),
        ({"backend": "gpu"}, "loops, matrix"),
        ({"lr": float("inf")}, "finite"),
        ({"nesterov": True}, "`nesterov` is sgd's"),
        ({"momentum": 0.5, "optimiser": "adam"}, "`momentum` is sgd's"),
        ({"schedule": "one_cycle", "warmup": 0.1}, "has a warm-up of its own"),
        ({"split": "x.json", "ratios": (1, 1, 1)}, "no effect"),
        ({"epoch": 2}, "epoch is not a setting. Did you mean 'epochs'"),
        ({"epochs": 1.5}, "a whole number"),
        ({"threads": "2"}, "a whole number"),
        ({"lr": "fast"}, "`lr='fast'`, but it must be a number"),
        ({"augmentation": "none"}, "a dictionary"),
    ],
)
def test_impossible_settings(given, words):
    with pytest.raises(ArgumentError, match=words):
        Settings.for_data("digits", "digits", Given.of(given))


def test_numbers_of_numpy_are_taken():
    given = {"epochs": np.int64(3), "lr": np.float32(0.5)}
    settings = Settings.for_data("digits", "digits", Given.of(given))
    assert json.loads(json.dumps(settings.to_dict()))["epochs"] == 3
    assert settings.lr == 0.5


def test_every_setting_but_the_data_can_be_given():
    names = [item.name for item in fields(Given)]
    assert [item.name for item in fields(Settings)] == ["data", *names]


def test_an_augmentation_is_given_as_a_whole_or_in_part():
    photos = Augmentation.photos()
    part = Settings.for_data("photos", "x", Given(augmentation={"rotate": 5.0}))
    assert part.augmentation == replace(photos, rotate=5.0)
    whole = Settings.for_data("photos", "x", Given(augmentation=Augmentation(rotate=5.0)))
    assert whole.augmentation == Augmentation(rotate=5.0)
    with pytest.raises(ArgumentError, match="a dictionary, such as"):
        Settings.from_dict({**part.to_dict(), "augmentation": "none"})


def test_settings_survive_json():
    settings = Settings.for_data(
        "photos", "x", Given(classes=("b", "a"), augmentation={"rotate": 5.0})
    )
    assert Settings.from_dict(json.loads(json.dumps(settings.to_dict()))) == settings
    with pytest.raises(RunError, match="newer version"):
        Settings.from_dict({**settings.to_dict(), "teleport": 1})


def test_what_cannot_work_is_refused_before_a_folder_is_made(photos, tmp_path):
    for given in ({"ratios": (9, 1, 0)}, {"ratios": (9, 0, 1)}, {"image_size": 2}):
        with pytest.raises((DataError, ArgumentError)):
            train(str(photos), out=tmp_path / "run", **{**SMALL, **given})
        assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"classes": ["blue", "red", "green"]}, r"names 3 classes, .* gives \(2,\)"),
        ({"preprocessing": {"size": [10**6, 10**6]}}, r"gives \(3, 1000000, 1000000\)"),
        ({"classes": None}, "without usable classes"),
        ({"classes": ["red", "red"]}, r"names a class twice \(red, red\)"),
    ],
)
def test_a_model_file_whose_parts_do_not_agree(photos, tmp_path, change, words):
    train(str(photos), out=tmp_path / "run", **{**SMALL, "epochs": 1})
    model = clearconv.load(tmp_path / "run" / "best.safetensors")
    for name, value in change.items():
        old = model.info[name]
        model.info[name] = {**old, **value} if isinstance(value, dict) else value
    model.save(tmp_path / "other.safetensors")
    with pytest.raises(ModelFileError, match=words):
        predict(tmp_path / "other.safetensors", [])
