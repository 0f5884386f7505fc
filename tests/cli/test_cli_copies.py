"""Copies of one picture: what `train`, `evaluate` and `plan` say of them."""

import json
from unicodedata import normalize

import pytest
from click.testing import CliRunner
from PIL import Image

from clearconv.cli import main

SMALL = ("--epochs", 1, "--image-size", 64, "--model", "seed_cnn")


@pytest.fixture
def call():
    """Run a command in this process."""

    def call(*args):
        return CliRunner().invoke(main, [str(arg) for arg in args])

    return call


@pytest.fixture
def camera(photos):
    """Add a class of six pictures of one place, each a little brighter."""
    picture = Image.open(photos / "red" / "0.png").rotate(90, expand=True)
    (photos / "place").mkdir()
    for number in range(6):
        brighter = picture.point(lambda v, by=number: min(255, v + 2 * by))
        brighter.save(photos / "place" / f"{number}.png")
    return photos


def test_a_class_that_is_not_tested_is_in_the_last_line(call, camera, tmp_path):
    done = call("train", camera, "--out", tmp_path / "run", *SMALL)
    assert done.exit_code == 0, done.output
    warning = next(line for line in done.stderr.splitlines() if line.startswith("Warning"))
    assert "place has no images to validate on or to test on: its 6 images are one picture" in (
        warning
    )
    assert "--allow-twins-apart" in warning
    assert done.stdout.splitlines()[-1].endswith("; not tested: place")
    assert "; not tested: place</h1>" in (tmp_path / "run" / "report.html").read_text()
    again = call("evaluate", tmp_path / "run")
    assert again.stdout.splitlines()[-1] == done.stdout.splitlines()[-1]
    plain = json.loads(call("evaluate", tmp_path / "run", "--json").stdout)
    assert plain["untested"] == ["place"]
    apart = call("train", camera, "--out", tmp_path / "apart", *SMALL, "--allow-twins-apart")
    assert "not tested" not in apart.stdout and "copies are kept in one part" not in apart.stdout
    assert "in two parts of the split" in apart.stderr or "in 3 parts" in apart.stderr


def test_where_all_are_copies_train_says_so_and_plan_shows_the_survey(call, photos):
    for name in ("green", "red"):
        for number in range(1, 5):
            (photos / name / f"{number}.png").write_bytes((photos / name / "0.png").read_bytes())
    done = call("train", photos, *SMALL)
    assert done.exit_code == 2
    assert "copies of one picture" in done.stderr and "ratios" not in done.stderr
    assert "the 5 images of green show one picture; the 5 images of red show" in done.stderr
    planned = call("plan", photos, *SMALL)
    assert planned.exit_code == 0, planned.output
    assert "Warning: The validation part has no images, because copies" in planned.stdout
    assert "8 images are copies of another" in planned.stdout
    assert "forecast    none: nothing can be trained" in planned.stdout
    assert json.loads(call("plan", photos, *SMALL, "--json").stdout)["forecast"] is None


def test_twins_apart_goes_with_no_split_that_is_given(call, photos, tmp_path):
    (tmp_path / "split.json").write_text("{}")
    done = call("train", photos, "--split", tmp_path / "split.json", "--allow-twins-apart")
    assert done.exit_code == 2 and "--allow-twins-apart has no effect" in done.stderr


def test_a_class_is_known_again_however_its_accents_are_written(call, photos, tmp_path):
    one, other = (normalize(form, "café") for form in ("NFD", "NFC"))
    (photos / "red").rename(photos / one)
    done = call("train", photos, "--out", tmp_path / "run", *SMALL, "--classes", f"green,{other}")
    assert done.exit_code == 0, done.output
    (photos / one).rename(photos / other)
    again = call("evaluate", tmp_path / "run", photos)
    assert again.exit_code == 0 and "(10 of 10)" in again.stdout or "of 10)" in again.stdout
    assert "not know it" not in again.stderr
    explained = call("explain", tmp_path / "run", photos / "green" / "0.png", "--class", one)
    assert "is not known to the model" not in explained.output
