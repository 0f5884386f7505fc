"""Cross-validation: ordinary runs, one a fold, that go on to the same bits; and their table."""

import json
from statistics import mean, stdev

import numpy as np
import pytest

from clearconv.errors import ArgumentError, DataError, RunError
from clearconv.layers import Conv2d, Flatten, Linear, Sequential
from clearconv.train import (
    Callback,
    cross_validate,
    evaluate,
    fit,
    predict,
    resume,
    resume_folds,
    train,
)

FEW = {"classes": ("0", "1", "7"), "epochs": 1, "batch_size": 64}


class StopIn(Callback):
    """Presses Ctrl-C in the second step of a fold."""

    def __init__(self, fold):
        self.fold = fold

    def started(self, run):
        self.here = run.folder.name == self.fold

    def step(self, epoch, step, *_):
        if self.here and step == 2:
            raise KeyboardInterrupt


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return cross_validate("digits", folds=3, out=tmp_path_factory.mktemp("folds") / "a", **FEW)


def test_the_table_is_of_the_tests(whole):
    tests = [
        json.loads((whole.folder / f"fold-{k}" / "result.json").read_text())["test"]
        for k in (1, 2, 3)
    ]
    shares = [test["right"] / test["total"] for test in tests]
    assert whole.accuracies == tuple(shares)
    assert whole.mean == pytest.approx(mean(shares))
    assert whole.deviation == pytest.approx(stdev(shares))
    assert whole.error == pytest.approx(stdev(shares) / 3**0.5)
    pooled = whole.evaluation
    assert (pooled.right, pooled.total) == (sum(test["right"] for test in tests), 539)
    assert pooled.confusion.tolist() == sum(np.array(t["confusion"]) for t in tests).tolist()
    assert len(set(pooled.files)) == 539
    lines = str(whole).splitlines()
    assert lines[2].split() == ["1", "180", str(tests[0]["right"]), f"{shares[0]:.4f}"]
    assert lines[5].split() == ["all", "539", str(pooled.right), f"{pooled.accuracy:.4f}"]
    assert lines[7].startswith(f"mean over 3 folds {whole.mean:.4f}, standard deviation ")
    kept = json.loads((whole.folder / "folds.json").read_text())
    assert kept["folds"] == 3 and kept["accuracies"] == shares
    assert kept["test"]["total"] == 539


def test_a_fold_is_an_ordinary_run_on_its_split_file(whole, tmp_path):
    alone = train("digits", out=tmp_path / "b", split=str(whole.folder / "split-2.json"), **FEW)
    assert alone.fingerprint == whole.results[1].fingerprint
    assert evaluate(whole.folder / "fold-2").right == whole.results[1].evaluation.right


@pytest.mark.parametrize("fold", ["fold-1", "fold-3"])
def test_a_stopped_one_goes_on_to_the_same_bits(whole, tmp_path, fold):
    with pytest.raises(KeyboardInterrupt):
        cross_validate("digits", folds=3, out=tmp_path / "b", callbacks=[StopIn(fold)], **FEW)
    assert not (tmp_path / "b" / fold / "result.json").exists()
    found = resume_folds(tmp_path / "b")
    assert [r.fingerprint for r in found.results] == [r.fingerprint for r in whole.results]
    assert str(found) == str(whole)


def test_what_stops_before_all_folds_are_begun_leaves_nothing(tmp_path, monkeypatch):
    from clearconv.train import folds

    def prepared(data, given, *rest):
        if given.split.endswith("split-2.json"):
            raise KeyboardInterrupt
        return original(data, given, *rest)

    original = folds.prepared
    monkeypatch.setattr(folds, "prepared", prepared)
    with pytest.raises(KeyboardInterrupt):
        cross_validate("digits", folds=3, out=tmp_path / "b", **FEW)
    assert not (tmp_path / "b").exists()


def test_a_network_of_ones_own_stays_as_it_is_and_arrays_are_given_again(tmp_path):
    rng = np.random.default_rng(0)
    data = (rng.integers(0, 256, (24, 12, 12), dtype=np.uint8), np.repeat([0, 1], 12))
    model = Sequential(Conv2d(2, 3), Flatten(), Linear(2))
    given = {"model": model, "epochs": 1}
    found = cross_validate(data, folds=2, out=tmp_path / "a", **given)
    assert not model.input_shape
    with pytest.raises(KeyboardInterrupt):
        cross_validate(
            data, folds=2, out=tmp_path / "b", callbacks=[StopIn("fold-2")], batch_size=4, **given
        )
    with pytest.raises(RunError, match="arrays in memory"):
        resume_folds(tmp_path / "b")
    assert len(resume_folds(tmp_path / "b", data=data).results) == 2
    model.build((1, 12, 12), seed=5)
    before = model.store.fingerprint()
    built = cross_validate(data, folds=2, out=tmp_path / "c", **given)
    assert model.store.fingerprint() == before
    assert built.results[0].fingerprint != found.results[0].fingerprint


@pytest.mark.parametrize(
    ("given", "error", "said"),
    [
        ({"folds": 1}, ArgumentError, "a whole number from 2 on"),
        ({"folds": 2, "split": "x.json"}, ArgumentError, "`split='x.json'` cannot go with `folds`"),
        ({"folds": 2, "ratios": (6, 2, 2)}, ArgumentError, "ratios=.* cannot go with `folds`"),
        ({"folds": 400}, DataError, "class 0 has 178 images"),
        ({"folds": 2, "epochs": 0}, ArgumentError, "epochs=0"),
    ],
)
def test_refusals_leave_nothing(tmp_path, given, error, said):
    with pytest.raises(error, match=said):
        cross_validate("digits", out=tmp_path / "a", **{**FEW, **given})
    assert not (tmp_path / "a").exists()


def test_the_folder_of_the_folds_is_no_run(whole):
    for use in (resume, evaluate, lambda folder: predict(folder, [])):
        with pytest.raises(RunError, match="holds the folds of a cross-validation.*fold-1"):
            use(whole.folder)
    with pytest.raises(RunError, match="does not hold a cross-validation"):
        resume_folds(whole.folder / "fold-1")
    with pytest.raises(ArgumentError, match="already holds a run"):
        train("digits", out=whole.folder)
    with pytest.raises(ArgumentError, match=r"cross_validate\(data, folds=5"):
        fit("digits_cnn", "digits", folds=5)
