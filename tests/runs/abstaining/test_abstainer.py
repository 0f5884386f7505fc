"""Distances and thresholds by hand; what a model file holds; what a run writes."""

import numpy as np
import pytest

import clearconv as cc
from clearconv.errors import ModelFileError
from clearconv.runs.abstaining.abstainer import UNLIKE, UNSURE, Abstainer
from clearconv.runs.abstaining.abstention import Abstention
from clearconv.runs.abstaining.distance import directions, distances, kept, number_of_features, seen
from clearconv.runs.open import open_run


def test_distances_by_hand():
    np.testing.assert_allclose(directions(np.array([[3.0, 4.0], [0, 0]])), [[0.6, 0.8], [0, 0]])
    known = directions(np.array([[5.0, 0], [4, 3], [3, 4], [0, 2], [-1, 0], [0, -7]]))
    # along (1, 0) the cosines are 1, 0.8, 0.6, 0, -1, 0: the fifth largest is 0
    # along (0, 1) they are 0, 0.6, 0.8, 1, 0, -1: the fifth largest is 0
    # along (-1, 0) they are -1, -0.8, -0.6, 0, 1, 0: the fifth largest is -0.8
    far = distances(np.array([[9.0, 0], [0, 0.1], [-2, 0]]), known)
    np.testing.assert_allclose(far, np.sqrt([2.0, 2.0, 3.6]), rtol=1e-6)
    # of fewer than five the furthest counts
    np.testing.assert_allclose(
        distances(np.array([[1.0, 0]]), known[:2]), np.sqrt([0.4]), rtol=1e-6
    )


def test_the_same_number_of_each_class_is_kept():
    labels = np.repeat([0, 1, 2], [2000, 10, 700])
    places = kept(labels, features=256)
    assert np.bincount(labels[places]).tolist() == [133, 10, 133]
    assert len(np.unique(places)) == len(places)
    assert len(kept(labels, features=2**20)) == 3  # large features: one of each class


def test_thresholds_refuse_at_most_one_in_forty_each():
    rng = np.random.default_rng(0)
    train = rng.normal(size=(30, 4)) + [9, 0, 0, 0]
    features = rng.normal(size=(80, 4)) + [9, 0, 0, 0]
    logits = rng.normal(size=(80, 2)) * 3
    labels = logits.argmax(axis=1)
    abstainer = Abstainer.fit(train, (features, logits, labels))
    judged = abstainer.judge(features, logits)
    assert judged.unsure.sum() == judged.unlike.sum() == 2  # 80 / 40
    assert judged.refused.sum() <= 4
    # of fewer than 40 none is refused
    few = Abstainer.fit(train, (features[:39], logits[:39], labels[:39]))
    assert not few.judge(features[:39], logits[:39]).refused.any()

    strange = abstainer.judge(np.array([[-9.0, 0, 0, 0]] * 2), np.array([[50.0, 0], [0.1, 0]]))
    assert strange.reasons() == [UNLIKE, UNLIKE]  # sure or not
    usual = abstainer.judge(np.array([[9.0, 0, 0, 0]] * 2), np.array([[50.0, 0], [0.001, 0]]))
    assert usual.reasons() == [None, UNSURE]

    counts = Abstention.of(usual, np.array([0, 1]), [("strange", strange)])
    assert [(g.images, g.unsure, g.unlike, g.accepted) for g in counts.groups] == [
        (1, 0, 0, 1),  # right
        (1, 1, 0, 0),  # wrong, and not said
        (2, 0, 2, 0),
    ]
    assert counts.accuracy == 1.0


@pytest.mark.parametrize(
    ("layers", "D"),
    [
        ((cc.Conv2d(4, 3, activation="relu"), cc.Flatten(), cc.Linear(2)), 64),
        ((cc.Conv2d(4, 3), cc.GlobalAvgPool2d(), cc.Flatten(), cc.Dropout(0.5), cc.Linear(2)), 4),
        ((cc.Conv2d(4, 3), cc.Conv2d(2, 1), cc.GlobalAvgPool2d()), 4),  # maps, averaged
        ((cc.Flatten(), cc.Linear(2)), 36),
        (
            (
                cc.Residual(cc.Conv2d(1, 3, padding=1)),
                cc.GlobalAvgPool2d(),
                cc.Flatten(),
                cc.Linear(2),
            ),
            1,
        ),
    ],
)
def test_what_the_last_layer_sees(layers, D):
    model = cc.Sequential(*layers).build((1, 6, 6))
    x = np.random.default_rng(1).normal(size=(3, 1, 6, 6)).astype(np.float32)
    features, logits = seen(model, x)
    assert features.shape == (3, D) == (3, number_of_features(model))
    np.testing.assert_allclose(logits, model.forward(x), rtol=1e-5, atol=1e-6)
    if "linear1.weight" in model.parameters:  # the logits follow from the features
        W, b = model.parameters["linear1.weight"], model.parameters["linear1.bias"]
        np.testing.assert_allclose(features @ W.T + b, logits, rtol=1e-4, atol=1e-5)


def stripes(count, seed):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, count)
    images = rng.integers(0, 100, (count, 8, 8), dtype=np.uint8)
    images[labels == 0, :, :4] += 100
    images[labels == 1, :, 4:] += 100
    return images, np.array(["left", "right"])[labels]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("abstaining") / "run"
    cc.fit("digits_cnn", stripes(400, 0), epochs=2, out=folder, progress=False)
    return folder


def test_a_finished_run_may_abstain(run):
    images, names = stripes(60, 1)
    plain = cc.train.predict(run, images)
    asked = cc.train.predict(run, images, abstain=True)
    assert [one.best[0] for one in plain] == [one.best[0] for one in asked] == list(names)
    assert all(one.refused is None for one in plain)
    assert np.mean([one.refused is None for one in asked]) > 0.8
    upright = np.rot90(images, axes=(1, 2)).copy()  # top and bottom instead of left and right
    refused = [one for one in cc.train.predict(run, upright, abstain=True) if one.refused]
    assert len(refused) > 0.8 * 60
    assert all(one.answer is None and one.best[0] in ("left", "right") for one in refused)


def test_it_is_in_the_model_file_and_the_same_each_time(run, tmp_path):
    best = run / "best.safetensors"
    before = best.read_bytes()
    cc.train.resume(run, data=stripes(400, 0))
    assert best.read_bytes() == before
    (tmp_path / "alone.safetensors").write_bytes(before)
    images, _ = stripes(20, 2)
    alone = cc.train.predict(tmp_path / "alone.safetensors", images, abstain=True)
    here = cc.train.predict(run, images, abstain=True)
    assert [one.refused for one in alone] == [one.refused for one in here]
    for one, other in zip(alone, here, strict=True):
        np.testing.assert_array_equal(one.probabilities, other.probabilities)


def test_a_file_without_it_predicts_but_cannot_abstain(run, tmp_path):
    cc.load(run / "best.safetensors").save(tmp_path / "old.safetensors")
    images, _ = stripes(5, 2)
    assert len(cc.train.predict(tmp_path / "old.safetensors", images)) == 5
    with pytest.raises(ModelFileError, match="resume"):
        cc.train.predict(tmp_path / "old.safetensors", images, abstain=True)


@pytest.mark.parametrize("name", ["temperature", "least", "most", "known"])
@pytest.mark.parametrize("value", [np.nan, "shape", "missing", "kind"])
def test_what_is_damaged_is_an_error(run, tmp_path, name, value):
    model = cc.load(run / "best.safetensors")
    arrays = open_run(run).trained.abstainer.arrays()
    key = f"abstain/{name}"
    if value == "missing":
        del arrays[key]
    elif value == "shape":
        arrays[key] = arrays[key][:, :1] if name == "known" else np.ones((1, 1))
    elif value == "kind":
        arrays[key] = np.ones(arrays[key].shape, np.int64)
    else:
        arrays[key] = np.full_like(arrays[key], value)
    (tmp_path / "odd.safetensors").write_bytes(model.to_bytes(arrays))
    with pytest.raises(ModelFileError, match="abstaining .* is damaged"):
        _ = open_run(tmp_path / "odd.safetensors").trained


def test_classes_that_the_model_does_not_know_are_foreign(run):
    images, names = stripes(60, 1)
    turned = np.rot90(images[:30], axes=(1, 2))
    data = np.concatenate([images, turned]), np.concatenate([names, ["turned"] * 30])
    found = cc.train.evaluate(run, data, abstain=True)
    assert found.total == 60
    assert not found.problems
    counts = found.abstention
    assert counts.right.images + counts.wrong.images == 60
    (turned_away,) = counts.foreign
    assert (turned_away.name, turned_away.images, turned_away.foreign) == ("turned", 30, True)
    assert turned_away.unlike + turned_away.unsure > 20
    assert counts.right.accepted > 50
    assert found.to_dict()["abstention"]["groups"][2]["accepted"] == turned_away.accepted

    plain = cc.train.evaluate(run, data)
    assert plain.abstention is None
    assert "turned" in plain.problems[0]
    assert "abstention" not in plain.to_dict()
