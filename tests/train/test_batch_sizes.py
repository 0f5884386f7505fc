"""Batches of a run: a last one that batch norm could not normalise joins the one before it."""

import json
import math

import numpy as np
import pytest

import clearconv
from clearconv import BatchNorm2d, Conv2d, Flatten, GlobalAvgPool2d, GroupNorm, Linear, ReLU
from clearconv.data import from_arrays
from clearconv.errors import ArgumentError, DataError, RunError, ShapeError
from clearconv.planning import plan
from clearconv.train import Callback, EpochLines, prepare, resume, train


def data(count, side=4):
    """Return `count` images to train with, two to validate and two to test."""
    rng = np.random.default_rng(count)
    images = rng.integers(0, 256, (count + 4, side, side), dtype=np.uint8)
    labels = np.arange(count + 4) % 2
    parts = [(images[i:j], labels[i:j]) for i, j in ((0, count), (-4, -2), (-2, None))]
    return from_arrays(*parts[0], validation=parts[1], test=parts[2])


def one_by_one():
    """Return a network whose last batch norm sees maps of 1x1 in images of 4x4."""
    return clearconv.Sequential(
        Conv2d(4, 3, padding=1), BatchNorm2d(), ReLU(), Conv2d(4, 4), BatchNorm2d(), ReLU(),
        Flatten(), Linear(2),
    )  # fmt: skip


def features():
    return clearconv.Sequential(Flatten(), Linear(5), BatchNorm2d(), ReLU(), Linear(2))


def large_maps():
    return clearconv.Sequential(
        Conv2d(4, 3), BatchNorm2d(), ReLU(), GlobalAvgPool2d(), Flatten(), Linear(2)
    )


def group_norm():
    return clearconv.Sequential(Conv2d(4, 4), GroupNorm(1), ReLU(), Flatten(), Linear(2))


class Steps(Callback):
    """Notes the steps."""

    def __init__(self):
        self.steps = []

    def step(self, epoch, step, steps, loss, accuracy, images_per_second):
        self.steps.append((epoch, step, steps))


class Break(Steps):
    """Breaks off after a step, as a kill does."""

    def __init__(self, *at):
        super().__init__()
        self.at = at

    def step(self, epoch, step, *rest):
        if (epoch, step) == self.at:
            raise OSError("killed")


@pytest.mark.parametrize("make", [one_by_one, features])
@pytest.mark.parametrize(("count", "batch_size"), [(9, 4), (33, 16), (3, 2), (5, 4)])
def test_a_last_batch_of_one_joins_the_one_before(make, count, batch_size, tmp_path):
    heard = Steps()
    given = {"epochs": 2, "batch_size": batch_size}
    train(data(count), model=make(), out=tmp_path / "run", callbacks=[heard], **given)
    steps = count // batch_size
    assert heard.steps == [(e, s, steps) for e in (1, 2) for s in range(1, steps + 1)]
    about = json.loads((tmp_path / "run" / "run.json").read_text())
    assert about["smallest_batch"] == 2
    run = prepare(data(count), model=make(), **given)
    assert run.steps == steps
    assert run.joined == (
        f"the last batch of each epoch has {batch_size + 1} images: a batch of 1 would be too "
        "small for batch norm"
    )


@pytest.mark.parametrize("make", [large_maps, group_norm])
def test_what_can_be_normalised_stays_as_it_was(make):
    """A batch of one image is enough where its maps have several numbers."""
    run = prepare(data(33), model=make(), batch_size=16)
    assert (run.smallest_batch, run.steps, run.joined) == (1, 3, None)
    assert prepare(data(5), model=make(), batch_size=1).steps == 5


def test_a_last_batch_of_two_stays_by_itself():
    run = prepare(data(34), model=one_by_one(), batch_size=16)
    assert (run.smallest_batch, run.steps, run.joined) == (2, 3, None)


def test_the_size_of_the_maps_decides_not_the_network():
    """The bundled network, whose maps before the head are 1x1 or 4x4."""
    small, large = (
        prepare(data(9, side), model="clearnet", batch_size=4, image_size=side) for side in (32, 64)
    )
    assert (small.smallest_batch, small.steps) == (2, 2)
    assert (large.smallest_batch, large.steps) == (1, 3)


def test_frozen_batch_norm_takes_any_batch():
    """It runs as in evaluation, so it needs no batch."""
    net = one_by_one().build((1, 4, 4))
    assert net.smallest_batch == 2
    assert net.freeze(5).smallest_batch == 1
    assert net.freeze(4).smallest_batch == 2
    net.freeze(5).forward(np.zeros((1, 1, 4, 4), np.float32), training=True)
    with pytest.raises(ShapeError, match="no variance"):
        net.freeze(4).forward(np.zeros((1, 1, 4, 4), np.float32), training=True)


@pytest.mark.parametrize("at", [(1, 1), (1, 2), (2, 1)])
def test_a_run_that_is_broken_off_ends_in_the_same_weights(at, tmp_path):
    given = {"model": one_by_one(), "epochs": 2, "batch_size": 4, "save_every": 0.0}
    whole = train(data(9), out=tmp_path / "whole", **given)
    given["model"] = one_by_one()
    with pytest.raises(OSError, match="killed"):
        train(data(9), out=tmp_path / "run", callbacks=[Break(*at)], **given)
    assert resume(tmp_path / "run", data=data(9)).fingerprint == whole.fingerprint


def test_a_run_of_an_earlier_version_goes_on(tmp_path):
    """Its ``run.json`` does not say how small a batch may be; it died at the end of epoch 1."""
    given = {"epochs": 2, "batch_size": 4}
    whole = train(data(9), model=one_by_one(), out=tmp_path / "whole", **given)
    with pytest.raises(OSError, match="killed"):
        train(data(9), model=one_by_one(), out=tmp_path / "run", callbacks=[Break(1, 1)], **given)
    path = tmp_path / "run" / "run.json"
    about = json.loads(path.read_text())
    del about["smallest_batch"]
    path.write_text(json.dumps(about))
    assert resume(tmp_path / "run", data=data(9)).fingerprint == whole.fingerprint


def test_a_smallest_batch_that_is_not_the_networks_is_damage(tmp_path):
    train(data(9), model=one_by_one(), out=tmp_path / "run", epochs=1, batch_size=4)
    path = tmp_path / "run" / "run.json"
    about = json.loads(path.read_text())
    path.write_text(json.dumps(about | {"smallest_batch": 1_000_000}))
    said = r"run\.json is damaged: smallest_batch is 1000000, but its network's is 2\."
    with pytest.raises(RunError, match=said):
        resume(tmp_path / "run", data=data(9))


def test_the_search_for_a_learning_rate_has_the_same_batches(tmp_path):
    given = {"model": features(), "epochs": 1, "batch_size": 16}
    result = train(data(33), lr="auto", out=tmp_path / "run", **given)
    assert (result.folder / "lr_finder.json").exists()


def test_the_plan_says_it_and_measures_it():
    found = plan(data(33), model=one_by_one(), batch_size=16)
    assert "the last batch of each epoch has 17 images" in str(found)
    assert found.to_dict()["joined"] == found.joined
    assert found.forecast.steps >= 1
    assert plan(data(32), model=one_by_one(), batch_size=16).joined is None


def test_epoch_lines_say_it(tmp_path, capsys):
    given = {"epochs": 1, "batch_size": 4, "out": tmp_path / "run", "callbacks": [EpochLines()]}
    train(data(9), model=one_by_one(), **given)
    said = "the last batch of each epoch has 5 images: a batch of 1 would be too small"
    assert capsys.readouterr().out.count(said) == 1


@pytest.mark.parametrize("make", [one_by_one, features])
def test_batches_of_one_are_refused_before_training(make, tmp_path):
    with pytest.raises(ArgumentError, match="`batch_size=1`, but BatchNorm2d 'norm.' gets one num"):
        train(data(4), model=make(), batch_size=1, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_training_part_of_one_image_is_refused_before_training(tmp_path):
    source = data(2)
    parts = {"train": [0], "validation": [1, 2], "test": [3]}
    path = tmp_path / "split.json"
    path.write_text(json.dumps({k: [source.files[i] for i in v] for k, v in parts.items()}))
    for make in (one_by_one, large_maps):
        with pytest.raises(DataError, match="There is no training image of class 1"):
            prepare(source, model=make(), split=str(path))


def test_steps_of_the_schedule(tmp_path):
    """Nine images in batches of four are two steps, so the last epoch ends at the cosine's end."""
    given = {"epochs": 2, "batch_size": 4, "lr": 0.1, "warmup": 0.0, "schedule": "cosine"}
    train(data(9), model=one_by_one(), out=tmp_path / "run", **given)
    lines = (tmp_path / "run" / "history.jsonl").read_text().splitlines()
    last = [json.loads(line)["lr"] for line in lines]
    assert last == pytest.approx([0.05 * (1 + math.cos(math.pi * t / 4)) for t in (1, 3)])
