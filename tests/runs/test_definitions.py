"""Runs of definition 1 keep it; new ones use 2; the ways of resizing go through every command."""

import json

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import clearconv
from clearconv.cli import main
from clearconv.data import Batches, Preprocessing, load_image, open_data
from clearconv.errors import DataError
from clearconv.explain import explain_images
from clearconv.layers import Conv2d, Flatten, GlobalAvgPool2d, Linear, Sequential
from clearconv.layers.loading import load_with_extra
from clearconv.report import write_report
from clearconv.runs import files
from clearconv.runs.open import open_run
from clearconv.train import Callback, evaluate, predict, resume, train

_NEW = ("definition", "fill", "side")


class StopAfter(Callback):
    def epoch(self, record, best):
        raise KeyboardInterrupt


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Write twelve tall pictures with hard edges, larger than they are kept."""
    root = tmp_path_factory.mktemp("tall") / "photos"
    rng = np.random.default_rng(0)
    for label in ("a", "b"):
        (root / label).mkdir(parents=True)
        for number in range(6):
            blocks = (rng.integers(0, 2, (107, 53, 3)) * 255).astype(np.uint8)
            Image.fromarray(blocks.repeat(6, 0).repeat(6, 1)).save(root / label / f"{number}.png")
    return root


def network():
    return Sequential(Conv2d(4, 5, stride=5), GlobalAvgPool2d(), Flatten(), Linear(2))


def settings(**given):
    return {"model": network(), "image_size": 40, "batch_size": 4, "threads": 1} | given


def as_before(folder):
    """Take from a run's files what earlier versions did not write."""
    for file in (files.BEST, files.LAST):
        model, extra = load_with_extra(folder / file)
        for name in _NEW:
            del model.info["preprocessing"][name]
        (folder / file).write_bytes(model.to_bytes(extra))
    about = json.loads((folder / files.RUN).read_text())
    assert about["data"].pop("definition") == 1
    (folder / files.RUN).write_text(json.dumps(about))


def command(*args):
    return CliRunner().invoke(main, [str(arg) for arg in args], prog_name="clearconv")


@pytest.fixture(scope="module")
def old(photos, tmp_path_factory):
    """Stop a run of definition 1 after its first epoch, as an earlier version left it."""
    place = tmp_path_factory.mktemp("old")
    source = open_data(photos, definition=1)
    train(source, out=place / "whole", **settings(epochs=2))
    with pytest.raises(KeyboardInterrupt):
        train(source, out=place / "run", callbacks=[StopAfter()], **settings(epochs=2))
    as_before(place / "run")
    return place


@pytest.fixture(scope="module")
def boxed(photos, tmp_path_factory):
    """Train a letterbox on the command line's settings."""
    out = tmp_path_factory.mktemp("boxed") / "run"
    train(str(photos), out=out, **settings(epochs=1, resize="letterbox"))
    return out


def test_a_run_of_definition_1_says_so_and_predicts_as_before(old, photos):
    how = open_run(old / "run").preprocessing
    assert (how.definition, how.side) == (1, 256)
    file = photos / "a" / "0.png"
    result = command("predict", old / "run", file, "--json")
    assert result.stderr == (
        "Note: the model sees pixels by definition 1, as when it was trained; those of new runs "
        "are by definition 2\n"
    )
    assert "Note: the model sees pixels by definition 1" in command("evaluate", old / "run").stderr
    assert "crop to 40 x 40, pixels by definition 1" in command("summary", old / "run").stdout

    # as earlier versions did it, in Pillow's words
    picture = Image.open(file)  # 318 x 642
    kept = picture.resize((256, round(642 * 256 / 318)), Image.Resampling.HAMMING)
    top = (kept.height - 256) / 2
    seen = kept.resize((40, 40), Image.Resampling.BILINEAR, box=(0, top, 256, top + 256))
    model = clearconv.load(old / "run" / files.BEST)
    x = how.normalised(np.asarray(seen)).transpose(2, 0, 1)
    logits = model.forward(model.as_input(x)[np.newaxis])[0]
    expected = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
    (found,) = predict(old / "run", file)
    np.testing.assert_allclose(found.probabilities, expected, rtol=1e-6)
    (again,) = predict(old / "run", picture)
    np.testing.assert_array_equal(again.probabilities, found.probabilities)
    tested = evaluate(old / "run")
    alone = predict(old / "run", [photos / name for name in tested.files])
    np.testing.assert_allclose(tested.probabilities, [p.probabilities for p in alone], rtol=1e-6)


def test_a_run_of_definition_1_is_resumed_by_it(old, tmp_path):
    resume(old / "run")
    a, b = (clearconv.load(old / name / files.LAST) for name in ("run", "whole"))
    assert a.store.fingerprint() == b.store.fingerprint()
    assert Preprocessing.from_dict(a.info["preprocessing"]).definition == 1
    assert clearconv.load(old / "run" / files.LAST).info["preprocessing"]["definition"] == 1


def test_a_new_run_from_an_old_model_is_of_definition_2(old, photos, tmp_path):
    start = old / "whole" / files.BEST
    out = tmp_path / "run"
    result = command("train", photos, "--from", start, "--epochs", 1, "--out", out)
    assert result.exit_code == 0, result.stderr
    assert "pixels by definition 2; the earlier model saw definition 1" in result.output
    assert open_run(out).preprocessing.definition == 2
    assert "Note" not in command("predict", out, photos / "a" / "0.png").stderr


def test_data_of_another_definition_are_refused(old, photos):
    with pytest.raises(
        DataError, match=r"definition 2 of a resized.*open_data\(folder, definition=1\)"
    ):
        evaluate(old / "run", open_data(photos))
    how = Preprocessing((40, 40))
    with pytest.raises(DataError, match="definition=2"):
        Batches(open_data(photos, definition=1), np.arange(3), how, 3)


def test_one_setting_for_a_letterbox(boxed, photos, tmp_path):
    """Training, test, prediction, explanation and report show all of a picture, in proportion."""
    how = open_run(boxed).preprocessing
    file = photos / "b" / "1.png"
    assert (how.resize, how.definition, how.side) == ("letterbox", 2, 256)
    assert how.window((642, 318)) == (10, 0, 30, 40)
    tested = evaluate(boxed)
    alone = predict(boxed, [photos / name for name in tested.files])
    np.testing.assert_allclose(tested.probabilities, [p.probabilities for p in alone], rtol=1e-6)
    as_array = predict(boxed, load_image(file, None))
    np.testing.assert_array_equal(as_array[0].probabilities, predict(boxed, file)[0].probabilities)
    (why,) = explain_images(boxed, [file])
    assert why.part == (0, 0, 1, 1) and why.size == (40, 40)
    assert why.pixels.shape == (40, 20, 3) and why.heat.shape == why.drop.shape == (40, 20)
    np.testing.assert_array_equal(why.pixels, how.resized(load_image(file))[:, 10:30])
    write_report(boxed)
    line = command("summary", boxed).stdout.splitlines()[0]
    assert line.startswith("Images: letterbox to 40 x 40 (filled with 1")


def test_the_flag_of_a_letterbox(photos):
    given = "--model", "digits_cnn", "--image-size", 8, "--epochs", 1
    result = command("plan", photos, "--resize", "letterbox", *given)
    assert result.exit_code == 0, result.stderr
    assert "proposed: --resize squash" in result.stdout  # all are of one shape
    wrong = command("plan", photos, "--resize", "box", *given)
    assert wrong.exit_code == 2 and "letterbox" in wrong.stderr


def test_an_explanation_says_which_part_of_the_picture_it_shows(old, photos):
    (why,) = explain_images(old / "whole", [photos / "a" / "0.png"])
    left, top, right, bottom = why.part
    assert (left, right) == (0, 1)
    assert top + bottom == pytest.approx(1)
    assert bottom - top == pytest.approx(256 / 517)
