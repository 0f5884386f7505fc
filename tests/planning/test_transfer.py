"""Pretrained weights or from scratch: the criterion, and what `plan` says."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import clearconv
from clearconv import Conv2d, Flatten, GlobalAvgPool2d, Linear, Sequential
from clearconv.data import Preprocessing
from clearconv.exchange import WEIGHTS
from clearconv.exchange.pretrained import cache
from clearconv.planning import transfer
from clearconv.runs.earlier import Earlier
from clearconv.runs.given import Given
from clearconv.train import prepare


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Make thirty small pictures of two colours."""
    root, rng = tmp_path_factory.mktemp("plan") / "photos", np.random.default_rng(0)
    for channel, label in ((1, "green"), (0, "red")):
        (root / label).mkdir(parents=True)
        for number in range(15):
            pixels = rng.integers(0, 90, (20, 20, 3), dtype=np.uint8)
            pixels[..., channel] += 40
            Image.fromarray(pixels).save(root / label / f"{number}.png")
    return root


def earlier(name):
    """Return a tiny model that stands for pretrained weights."""
    model = Sequential(
        Conv2d(8, 3, activation="relu", name="conv"),
        GlobalAvgPool2d(),
        Flatten(),
        Linear(5, name="classifier"),
    ).build((3, 16, 16), seed=2)
    return Earlier(
        path=Path("tiny.safetensors").resolve(),
        model=model,
        input_shape=(3, 16, 16),
        state=model.state_dict(),
        settings=Given(model="own"),
        classes=tuple("abcde"),
        preprocessing=Preprocessing(size=(16, 16)),
        head="classifier",
    )


def test_cross_validated_accuracy():
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(3), 20)
    parts = np.tile(np.arange(5), 12)
    telling = np.eye(3)[labels] + 0.1 * rng.standard_normal((60, 3))
    assert transfer.accuracy(np.tile(telling, 40), labels, parts) == 1.0
    nothing = transfer.accuracy(rng.standard_normal((60, 300)), labels, parts)
    assert 0.1 < nothing < 0.6  # a third is chance: what is tested is never learnt from


def test_copies_of_a_picture_share_a_part():
    labels, groups = np.repeat([0, 1], 20), np.arange(40) // 2
    parts = transfer._parts(labels, groups)
    assert all(len(set(parts[groups == group])) == 1 for group in groups)
    for label in (0, 1):
        assert np.bincount(parts[labels == label]).tolist() == [4] * 5


@pytest.mark.parametrize(
    ("untrained", "classes", "trained"),
    [(0.769, 10, 0.877), (0.36, 5, 0.312), (0.531, 4, 0.58)],
)
def test_what_is_expected_of_training_from_scratch(untrained, classes, trained):
    """The accuracies that were measured: digits, emoji and animals, 20 to 25 of each class."""
    assert transfer.expected(untrained, classes) == pytest.approx(trained, abs=0.02)


def test_expectations_at_the_ends():
    assert transfer.expected(1.0, 4) == 1.0
    assert transfer.expected(0.25, 4) == transfer.expected(0.1, 4) == 0.25  # not below chance


def test_weights_are_looked_at_only_where_they_could_be_used(photos):
    run = prepare(photos)
    assert transfer.available(run) is None  # nothing is in the cache
    path = cache.place(WEIGHTS["efficientnet_lite0"])
    path.parent.mkdir(parents=True)
    path.touch()
    assert transfer.available(run) == "efficientnet_lite0"
    assert transfer.available(prepare("digits")) is None
    assert transfer.available(prepare(photos, model="resnet20")) is None


def test_the_plan_compares_both_and_changes_nothing(photos, monkeypatch):
    monkeypatch.setattr("clearconv.planning.planner.available", lambda run: "mobilenet_v2")
    monkeypatch.setattr(transfer, "pretrained", earlier)
    run = prepare(photos, epochs=2)
    before = run.model.store.fingerprint()
    found = transfer.transfer(run, "mobilenet_v2")
    assert run.model.store.fingerprint() == before and run.model.frozen == 0
    assert found.images == len(run.split.train) == 24
    assert found.features > 0.9
    assert found.forecast.epochs == 20 and found.forecast.preparing_seconds > 0
    plan = clearconv.plan(photos, epochs=2)
    assert plan.transfer.features == found.features
    assert "pretrained  mobilenet_v2: about" in str(plan)
    advice = "start from these weights" if plan.transfer.advised else "train from scratch"
    assert f"Advice: {advice}" in str(plan) and "`start='mobilenet_v2'`" in str(plan)
    assert plan.to_dict()["transfer"]["forecast"]["epochs"] == 20
