"""Runs that begin with an earlier model: what is kept, what is new, what is refused."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

import clearconv
from clearconv import BatchNorm2d, Conv2d, Flatten, GlobalAvgPool2d, Linear, Residual, Sequential
from clearconv.errors import ArgumentError, ModelFileError
from clearconv.runs.earlier import Earlier
from clearconv.runs.given import Given
from clearconv.train import Callback, Settings, resume, train

SMALL = {"epochs": 2, "batch_size": 64}


@pytest.fixture(scope="module")
def earlier(tmp_path_factory):
    """Digits 0 to 5, with batch norm, so that running statistics are there as well."""
    root = tmp_path_factory.mktemp("earlier")
    model = Sequential(
        Conv2d(8, 3, padding=1, bias=False, name="conv1"),
        BatchNorm2d(name="bn1"),
        Residual(Conv2d(8, 3, padding=1), activation="relu", name="block"),
        GlobalAvgPool2d(),
        Flatten(),
        Linear(6, name="head"),
    )
    classes = tuple("012345")
    train("digits", model=model, classes=classes, out=root / "run", epochs=3, lr=0.01)
    return root / "run"


def state(folder, name="best"):
    return clearconv.load(folder / f"{name}.safetensors").state_dict()


def test_the_same_classes_go_on_with_the_whole_model(earlier, tmp_path):
    model, preprocessing = Earlier.open(earlier).begin(tuple("012345"), None, seed=7)
    assert (
        model.store.fingerprint()
        == clearconv.load(earlier / "best.safetensors").store.fingerprint()
    )
    assert preprocessing == Earlier.open(earlier).preprocessing


def test_other_classes_get_a_new_head_that_keeps_the_rows_it_knows(earlier):
    old = state(earlier)
    model, _ = Earlier.open(earlier).begin(("9", "5", "0", "7"), None, seed=7)
    new = model.state_dict()
    for path, values in old.items():
        if not path.startswith("head."):
            assert np.array_equal(new[path], values)
    for row, was in ((1, 5), (2, 0)):
        assert np.array_equal(new["head.weight"][row], old["head.weight"][was])
        assert new["head.bias"][row] == old["head.bias"][was]
    # the others are the initial values of a model with that seed
    fresh = clearconv.from_spec(model.spec()).build(model.input_shape, seed=7).state_dict()
    for row in (0, 3):
        assert np.array_equal(new["head.weight"][row], fresh["head.weight"][row])


def test_a_run_begins_with_that_model_and_with_its_preprocessing(earlier, tmp_path):
    class Before(Callback):
        def started(self, run):
            self.state = run.model.state_dict()
            self.preprocessing, self.settings = run.preprocessing, run.settings

    before = Before()
    given = {"start": earlier, "classes": tuple("56789"), **SMALL}
    train("digits", out=tmp_path / "run", callbacks=[before], **given)
    assert np.array_equal(before.state["conv1.weight"], state(earlier)["conv1.weight"])
    # its own images would have another mean
    assert before.preprocessing == Earlier.open(earlier).preprocessing
    assert before.settings.start == str(earlier.resolve())
    assert before.settings.lr == pytest.approx(1e-3)  # a third of what digits get
    plain = Settings.for_data("photos", "x", Given(start="y", optimiser="sgd", model="own"))
    assert plain.lr == pytest.approx(0.02 / 3, rel=1e-3)
    assert Settings.for_data("photos", "x", Given(start="y", model="own", lr=0.5)).lr == 0.5


def test_a_model_file_will_do(earlier, tmp_path):
    shutil.copy(earlier / "best.safetensors", tmp_path / "model.safetensors")
    train("digits", out=tmp_path / "run", start=tmp_path / "model.safetensors", **SMALL)
    about = json.loads((tmp_path / "run" / "run.json").read_text())
    assert about["settings"]["model"] == "own"


class StopError(Exception):
    pass


@pytest.mark.parametrize("at", [(1, 1), (2, 2)])
def test_a_frozen_run_resumes_to_the_same_bits_without_the_earlier_one(earlier, tmp_path, at):
    class Stop(Callback):
        def step(self, epoch, step, steps, loss, accuracy, images_per_second):
            if (epoch, step) == at:
                raise StopError

    shutil.copytree(earlier, tmp_path / "earlier")
    given = {"classes": tuple("6789"), "freeze": "block", "weight_decay": 0.5, **SMALL}
    whole = train("digits", out=tmp_path / "whole", start=earlier, **given)
    with pytest.raises(StopError):
        train(
            "digits",
            out=tmp_path / "broken",
            start=tmp_path / "earlier",
            callbacks=[Stop()],
            **given,
        )
    shutil.rmtree(tmp_path / "earlier")
    resumed = resume(tmp_path / "broken")
    assert resumed.fingerprint == whole.fingerprint
    before, after = state(earlier), state(tmp_path / "broken", "last")
    same = {path for path in before if np.array_equal(before[path], after[path])}
    frozen = {"conv1.weight", "bn1.weight", "bn1.bias", "bn1.running_mean", "bn1.running_var"}
    assert same == frozen


def test_a_model_of_ones_own_that_is_frozen_stays_so(tmp_path):
    def model():
        own = Sequential(Conv2d(4, 3), Flatten(), Linear(10)).build((1, 8, 8), seed=3)
        return own.freeze(1)

    class Stop(Callback):
        def step(self, epoch, step, steps, loss, accuracy, images_per_second):
            raise StopError

    whole = train("digits", model=model(), out=tmp_path / "whole", **SMALL)
    with pytest.raises(StopError):
        train("digits", model=model(), out=tmp_path / "broken", callbacks=[Stop()], **SMALL)
    assert resume(tmp_path / "broken").fingerprint == whole.fingerprint
    weight = model().parameters["conv1.weight"]
    assert np.array_equal(state(tmp_path / "whole", "last")["conv1.weight"], weight)


def test_another_image_size_where_the_layers_allow_it(earlier):
    model, preprocessing = Earlier.open(earlier).begin(tuple("012345"), 12, seed=0)
    assert preprocessing.size == (12, 12) and model.input_shape == (1, 12, 12)
    assert np.array_equal(model.parameters["head.weight"], state(earlier)["head.weight"])


def test_what_does_not_fit_is_refused(earlier, tmp_path):
    flat = Sequential(Conv2d(4, 3), Flatten(), Linear(5), Linear(10)).build((1, 8, 8))
    train("digits", model=flat, out=tmp_path / "flat", epochs=1)
    ends = Sequential(Flatten(), Linear(10), BatchNorm2d(name="end")).build((1, 8, 8))
    train("digits", model=ends, out=tmp_path / "ends", epochs=1)
    for given, words in (
        ({"start": earlier, "model": "lenet"}, "`model='lenet'` does not go with the model of"),
        ({"start": earlier, "model": flat}, "A model of your own does not go with"),
        ({"start": earlier, "dropout": 0.5}, "`dropout=0.5` does not go with"),
        ({"start": tmp_path / "flat", "image_size": 12}, "linear1.weight would have the shape"),
        ({"start": tmp_path / "flat", "image_size": 1}, "cannot take images of 1 x 1"),
        ({"start": tmp_path / "ends", "classes": ("0", "1")}, "ends in BatchNorm2d 'end'"),
        ({"start": earlier, "freeze": "tail"}, "no layer or block of that name"),
        ({"freeze": 1}, "random weights of an untrained network"),
    ):
        with pytest.raises(ArgumentError, match=words):
            train("digits", out=tmp_path / "run", **given)
        assert not (tmp_path / "run").exists()
    with pytest.raises(ModelFileError, match="no such file"):
        train("digits", out=tmp_path / "run", start=tmp_path / "nowhere")


class Heard(Callback):
    def __init__(self):
        self.warnings = []

    def warned(self, message):
        self.warnings.append(message)


def test_test_images_that_the_earlier_model_has_learnt_are_counted(earlier, tmp_path):
    for given, count in (
        ({"classes": tuple("012345")}, 0),  # the same data and seed: the same split
        ({"classes": tuple("6789")}, 0),
        ({"classes": tuple("012345"), "seed": 1}, None),
    ):
        heard = Heard()
        out = tmp_path / str(len(list(tmp_path.iterdir())))
        train("digits", start=earlier, out=out, callbacks=[heard], epochs=1, **given)
        if count is None:
            new = set(json.loads((out / "split.json").read_text())["test"])
            count = len(new - set(json.loads((earlier / "split.json").read_text())["test"]))
            assert count > 50
        doubts = [text for text in heard.warnings if "has learnt from" in text]
        assert len(doubts) == (count > 0)
        assert all(f"has learnt from {count:,} of the {len(new):,} test" in text for text in doubts)


def test_photographs_are_known_by_their_bytes(tmp_path):
    rng = np.random.default_rng(0)
    for name in ("one", "two"):
        for folder in ("old", "new"):
            (tmp_path / folder / name).mkdir(parents=True)
        for number in range(5):
            pixels = rng.integers(0, 256, (32, 32, 3)).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "old" / name / f"{number}.png")
    given = {"epochs": 1, "batch_size": 4}
    train(
        str(tmp_path / "old"),
        model="simple_convnet",
        image_size=28,
        out=tmp_path / "run",
        **given,
    )
    split = json.loads((tmp_path / "run" / "split.json").read_text())
    for name in ("one", "two"):
        known = [file for file in split["train"] if file.startswith(name)][0]
        shutil.copy(tmp_path / "old" / known, tmp_path / "new" / name / "renamed.png")
        for number in range(4):
            pixels = rng.integers(0, 256, (32, 32, 3)).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "new" / name / f"{number}.png")
    files = {
        "train": [f"{name}/{k}.png" for name in ("one", "two") for k in (0, 1)],
        "validation": [f"{name}/2.png" for name in ("one", "two")],
        "test": [f"{name}/{k}.png" for name in ("one", "two") for k in (3, "renamed")],
    }
    (tmp_path / "split.json").write_text(json.dumps(files))
    heard = Heard()
    train(
        str(tmp_path / "new"),
        start=tmp_path / "run",
        split=str(tmp_path / "split.json"),
        out=tmp_path / "tuned",
        callbacks=[heard],
        **given,
    )
    assert any("has learnt from 2 of the 4 test images" in text for text in heard.warnings)


def test_grey_images_for_a_model_of_colours(tmp_path):
    """One preprocessing: what the earlier model makes of an image is what it goes on with."""
    rng = np.random.default_rng(0)
    for folder, mode in (("colour", "RGB"), ("grey", "L")):
        for name in ("one", "two"):
            (tmp_path / folder / name).mkdir(parents=True)
            for number in range(5):
                shape = (32, 32, 3) if mode == "RGB" else (32, 32)
                pixels = rng.integers(0, 256, shape).astype(np.uint8)
                Image.fromarray(pixels).save(tmp_path / folder / name / f"{number}.png")
    given = {"epochs": 1, "batch_size": 4}
    train(
        str(tmp_path / "colour"),
        model="simple_convnet",
        image_size=28,
        out=tmp_path / "run",
        **given,
    )
    result = train(str(tmp_path / "grey"), start=tmp_path / "run", out=tmp_path / "new", **given)
    model = clearconv.load(result.folder / "best.safetensors")
    assert model.input_shape == (3, 28, 28)
    assert model.info["preprocessing"]["channels"] == 3


def test_adding_a_class_takes_less_than_beginning_anew(tmp_path):
    """Who knows the digits 0 to 8 learns the 9 from seven images."""
    train("digits", out=tmp_path / "run", classes=tuple("012345678"), epochs=8)
    given = {"ratios": (4, 6, 90), "epochs": 4, "batch_size": 16}
    scratch = train("digits", out=tmp_path / "scratch", **given)
    tuned = train("digits", out=tmp_path / "tuned", start=tmp_path / "run", **given)
    assert tuned.evaluation.accuracy > scratch.evaluation.accuracy + 0.1
    assert tuned.evaluation.recall[9] > 0.5
