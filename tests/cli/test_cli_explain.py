"""`clearconv explain`: pictures of what speaks for a class."""

import re

import numpy as np
import pytest
from PIL import Image

from clearconv.data import load_image, open_data
from clearconv.explain import grad_cam, rank_correlation
from clearconv.explain.occlusion_maps import occlusion
from clearconv.runs.open import open_run
from clearconv.train import predict


@pytest.fixture
def digit(tmp_path):
    path = tmp_path / "three.png"
    Image.fromarray(open_data("digits").image(3)[..., 0]).save(path)
    return path


def test_the_table_says_what_the_library_says(run, digits, digit):
    folder, _ = digits
    result = run("explain", folder, digit)
    assert result.exit_code == 0, result.stderr
    (line,) = [line for line in result.stdout.splitlines() if line.startswith(str(digit))]
    _, name, probability, agreement, picture = line.split()
    (said,) = predict(folder, [digit])
    assert (name, probability) == (said.best[0], f"{said.best[1]:.3f}")
    opened = open_run(folder)
    model, classes, preprocessing = opened.model, opened.classes, opened.preprocessing
    x, target = preprocessing(load_image(digit)), classes.index(name)
    heat, drop = grad_cam(model, x, target), occlusion(model, x, target)
    expected = f"{rank_correlation(heat, drop):.2f}" if heat.any() else "-"
    assert agreement == expected
    assert picture == f"three-explained-{name}.png"
    assert f"pictures in {folder / 'explanations'}\n" in result.stdout
    assert (folder / "explanations" / picture).is_file()
    assert "Grad-CAM at pool1, input 8 x 8" in result.stdout


def test_the_picture_shows_the_image_as_the_model_sees_it(run, digits, digit, tmp_path):
    run("explain", digits[0], digit, "--out", tmp_path / "why", "--class", 3)
    sheet = Image.open(tmp_path / "why" / "three-explained-3.png")
    side = sheet.height - 46  # a title above, a margin below
    assert sheet.width == 3 * (side + 10) + 10 and side % 8 == 0
    panel = np.asarray(sheet.crop((10, 36, 10 + side, 36 + side)).convert("L"))
    assert np.array_equal(panel[:: side // 8, :: side // 8], load_image(digit)[..., 0])


def test_any_class_and_any_layer(run, digits, digit):
    result = run("explain", digits[0], digit, "--class", "8", "--layer", "conv1")
    assert result.exit_code == 0, result.stderr
    assert "three-explained-8.png" in result.stdout and "Grad-CAM at conv1" in result.stdout


@pytest.mark.parametrize(
    ("option", "value", "known"), [("--class", "cat", "0, 1, 2"), ("--layer", "no", "conv1, conv2")]
)
def test_unknown_names_are_answered_with_those_there_are(run, digits, digit, option, value, known):
    result = run("explain", digits[0], digit, option, value)
    assert result.exit_code == 2
    assert repr(value) in result.stderr and known in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_place_that_cannot_be_written_is_named_with_the_way_out(run, digits, digit, tmp_path):
    (tmp_path / "file").touch()
    result = run("explain", digits[0], digit, "--out", tmp_path / "file" / "why")
    assert result.exit_code == 1
    place = re.escape(str(tmp_path / "file" / "why" / "three-explained-"))
    ending = r" cannot be written \(Not a directory\). Choose another place with --out."
    assert re.fullmatch(rf"Error: {place}\d\.png{ending}\n", result.stderr)


def test_what_cannot_be_read_is_named_and_the_rest_is_done(run, digits, digit, tmp_path):
    bad, twin = tmp_path / "bad.png", tmp_path / "other" / "three.png"
    bad.write_bytes(b"none")
    twin.parent.mkdir()
    twin.write_bytes(digit.read_bytes())
    result = run("explain", digits[0], bad, digit, twin, "--out", tmp_path / "why")
    assert result.exit_code == 1
    assert "bad.png cannot be read" in result.stderr and "1 of 3 images" in result.stderr
    assert len(list((tmp_path / "why").iterdir())) == 2  # one name, two pictures
