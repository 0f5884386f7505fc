"""`clearconv train --folds K`: what it says, how it is stopped and resumed, what it refuses."""

import json
import re

import pytest

from clearconv.cli.screen import progress as _progress

FEW = ("--classes", "0,1,7", "--epochs", 1)


@pytest.fixture(scope="module")
def folds(start, tmp_path_factory):
    folder = tmp_path_factory.mktemp("folds")
    done = start("train", "digits", *FEW, "--folds", 3, "--out", "cv", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / "cv", done.stdout


def test_a_table_ends_it_and_how_to_get_the_model_to_use_is_said(folds):
    folder, said = folds
    lines = said.splitlines()
    assert lines[:2] == ["fold-1", "539 images of 3 classes (0, 1, 7)"]
    assert [line for line in lines if line.startswith("fold-")] == ["fold-1", "fold-2", "fold-3"]
    kept = json.loads((folder / "folds.json").read_text())
    right = kept["test"]["right"]
    low, high = kept["test"]["interval"]
    assert lines[-1] == f"test accuracy {right / 539:.4f} ({right} of 539)"
    assert lines[-2] == f"95 % interval {low:.4f} to {high:.4f}"
    assert "model to use     clearconv train digits --classes 0,1,7 --epochs 1\n" in said
    assert f"mean over 3 folds {kept['mean']:.4f}, standard deviation " in said
    assert said.count("forecast about") == 1
    assert all((folder / f"fold-{k}" / "report.html").exists() for k in (1, 2, 3))
    assert max(map(len, lines)) <= 80


def test_a_fold_is_a_run_like_any_other(run, folds):
    folder, _ = folds
    for command in ("evaluate", "report"):
        done = run(command, folder / "fold-2")
        assert done.exit_code == 0, done.stderr
    whole = run("evaluate", folder)
    assert whole.exit_code == 1 and f"such as {folder / 'fold-1'}" in whole.stderr
    page = re.sub("<[^>]*>", "", (folder / "fold-2" / "report.html").read_text())
    assert "--split cv/split-2.json" in page


def test_ctrl_c_and_resume(run, folds, tmp_path, monkeypatch):
    def stop(self, epoch, step, *_):
        if self.run.folder.name == "fold-2" and step == 3:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(_progress.Training, "step", stop)
        stopped = run("train", "digits", *FEW, "--folds", 3, "--out", tmp_path / "cv")
    assert stopped.exit_code == 130
    assert f"clearconv train --resume {tmp_path / 'cv'}\n" in stopped.stderr
    other = run("train", "--resume", tmp_path / "cv", "--folds", 3)
    assert other.exit_code == 2 and "--folds cannot go with --resume" in other.stderr
    resumed = run("train", "--resume", tmp_path / "cv")
    assert resumed.exit_code == 0, resumed.stderr
    assert "continuing in epoch 1 of 1, after step 3 of 10" in resumed.stdout
    table = folds[1].partition("fold  images")[2].partition("folder")[0]
    assert table in resumed.stdout


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--folds", 1), "--folds 1, but a whole number from 2"),
        (("--folds", 200), "class 0 has 178 images"),
        (("--folds", 3, "--ratios", "6:2:2"), "--ratios 6:2:2 cannot go with --folds"),
    ],
)
def test_refusals(run, tmp_path, options, said):
    done = run("train", "digits", *options, "--out", tmp_path / "cv")
    assert done.exit_code == 2
    assert said in done.stderr and done.stderr.count("\n") == 1
    assert not (tmp_path / "cv").exists()
