"""Features of frozen layers: computed once, and every number of the run stays the same."""

import json

import numpy as np
import pytest

import clearconv
from clearconv import BatchNorm2d, Conv2d, Dropout, Flatten, GlobalAvgPool2d, Linear, Sequential
from clearconv.data import Augmentation
from clearconv.errors import ArgumentError
from clearconv.layers import Context
from clearconv.runs import files
from clearconv.train import Callback, prepare, resume, train
from clearconv.train.transfer import features


def network():
    """Return a network with batch norm and ReLU below the boundary, and dropout above it."""
    layers = [
        Conv2d(8, 3, bias=False, name="conv"),
        BatchNorm2d(name="norm"),
        clearconv.ReLU(name="relu"),
        Conv2d(8, 3, padding=1, activation="relu", name="middle"),
        GlobalAvgPool2d(),
        Flatten(),
        Dropout(0.2, name="dropout"),
        Linear(3, name="head"),
    ]
    return Sequential(*layers).build((1, 8, 8), seed=1)


GIVEN = {"classes": ("0", "1", "2"), "epochs": 3, "batch_size": 48, "freeze": "dropout"}


def records(folder):
    lines = (folder / files.HISTORY).read_text().splitlines()
    plain = [json.loads(line) for line in lines]
    return [
        {name: value for name, value in one.items() if name not in ("seconds", "images_per_second")}
        for one in plain
    ]


@pytest.mark.parametrize("flips", [{}, {"flip": 0.5}, {"flip": 1.0, "vertical_flip": 0.5}])
def test_kept_features_give_the_bits_of_features_computed_anew(tmp_path, monkeypatch, flips):
    given = {**GIVEN, "augmentation": flips}
    kept = train("digits", model=network(), out=tmp_path / "kept", **given)
    monkeypatch.setattr(features, "worth_keeping", lambda run: False)
    anew = train("digits", model=network(), out=tmp_path / "anew", **given)
    assert kept.fingerprint == anew.fingerprint
    assert records(tmp_path / "kept") == records(tmp_path / "anew")


def test_a_stopped_run_with_kept_features_resumes_to_the_same_bits(tmp_path):
    class StopError(Exception):
        pass

    class Stop(Callback):
        def step(self, epoch, step, *rest):
            if (epoch, step) == (2, 3):
                raise StopError

    given = {**GIVEN, "augmentation": {"flip": 0.5}}
    whole = train("digits", model=network(), out=tmp_path / "whole", **given)
    with pytest.raises(StopError):
        train("digits", model=network(), out=tmp_path / "run", callbacks=[Stop()], **given)
    assert resume(tmp_path / "run").fingerprint == whole.fingerprint


def test_the_frozen_layers_run_once_for_each_image(tmp_path, monkeypatch):
    run = prepare("digits", model=network(), **GIVEN)
    seen = []
    found = features.Features.of(run, lambda done, total: seen.append((done, total)))
    images = len(run.split.train) + len(run.split.validation)
    assert seen[-1] == (images, images)
    assert {flips: len(one) for flips, one in found.kept.items()} == {(False, False): images}
    twice = prepare("digits", model=network(), **GIVEN, augmentation={"flip": 0.5})
    found = features.Features.of(twice, lambda done, total: None)
    assert [len(one) for one in found.kept.values()] == [images, len(run.split.train)]


@pytest.mark.parametrize(
    "given",
    [
        {"augmentation": {"crop": (0.5, 1.0)}},  # no two epochs see the same image
        {"augmentation": {"flip": 0.5}, "epochs": 1},  # each image is seen once
        {"freeze": "norm"},  # convolution and batch norm run as one in evaluation
        {"freeze": 0},
    ],
)
def test_where_features_are_not_kept(given):
    run = prepare("digits", model=network(), **{**GIVEN, **given})
    assert not features.worth_keeping(run)


def test_features_that_do_not_fit_are_not_kept(monkeypatch):
    run = prepare("digits", model=network(), **GIVEN)
    assert features.worth_keeping(run)
    monkeypatch.setattr(features, "MOST_BYTES", 1000)
    assert not features.worth_keeping(run)


def test_variants_are_the_flips_that_can_occur():
    assert features.variants(Augmentation()) == ((False, False),)
    assert features.variants(Augmentation(flip=1.0)) == ((True, False),)
    assert set(features.variants(Augmentation(flip=0.5))) == {(False, False), (True, False)}
    assert len(features.variants(Augmentation(flip=0.5, vertical_flip=0.1))) == 4
    assert features.variants(Augmentation(flip=0.5, brightness=0.1)) == ()


def test_the_two_parts_of_a_model_are_the_model():
    model = network()
    with pytest.raises(ArgumentError, match="no layer of the model is frozen"):
        model.parted()
    model.freeze("dropout")
    below, above = model.parted()
    x = np.random.default_rng(0).standard_normal((5, 1, 8, 8), dtype=np.float32)
    assert np.array_equal(above.forward(below.forward(x)), model.forward(x))
    context, grad = Context(training=True, seed=3), np.ones((5, 3), np.float32)
    model.forward(x, context=context)
    model.backward(grad, input_gradient=False)
    wanted = model.store.grads.copy()
    model.store.grads[...] = 0
    above.forward(below.forward(x), context=context)
    above.backward(grad, input_gradient=False)
    assert np.array_equal(model.store.grads, wanted)
    assert [layer.path for layer in above.leaves()] == ["dropout", "head"]
    assert model.parts_between_stages
    model.freeze("norm")
    assert not model.parts_between_stages


def test_short_epochs_are_saved_together_and_the_best_model_is_kept(tmp_path, monkeypatch):
    """Saving would take longer than training; no file of the finished run may differ."""
    given = {**GIVEN, "epochs": 12, "lr": 0.02}
    monkeypatch.setattr("clearconv.runs.run.monotonic", lambda: 0.0)
    saved = []
    write = clearconv.runs.run.write

    def noted(path, *rest, **more):
        saved.append(path.name)
        write(path, *rest, **more)

    monkeypatch.setattr("clearconv.runs.run.write", noted)
    train("digits", model=network(), out=tmp_path / "often", save_every=0.0, **given)
    often, saved[:] = list(saved), []
    monkeypatch.setattr(
        clearconv.runs.run.Run,
        "_note_saved",
        lambda run, seconds: (
            setattr(run, "saved", (run.epochs_done, run.so_far.step))
            or setattr(run, "_spared", 1.0)
            or setattr(run, "_due", 1.0)
        ),
    )
    rarely = train("digits", model=network(), out=tmp_path / "rarely", **given)
    assert often.count(files.LAST) > 12 and saved.count(files.LAST) == 2
    assert saved.count(files.BEST) == 1
    assert records(tmp_path / "often") == records(tmp_path / "rarely")
    best = [(tmp_path / name / files.BEST).read_bytes() for name in ("often", "rarely")]
    assert best[0] == best[1]
    assert rarely.best_epoch <= 12 and resume(rarely.folder).fingerprint == rarely.fingerprint
