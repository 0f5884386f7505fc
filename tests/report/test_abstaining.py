"""The report on abstaining: the table repeats what the model file's rule gives."""

import re
import shutil

import numpy as np
from test_report import Page, percent

from clearconv import load
from clearconv.data import open_data
from clearconv.report import calibration, write_report
from clearconv.report.abstaining import tiles_shuffled
from clearconv.runs.open import open_run
from clearconv.train import evaluate, predict


def table(folder):
    """Return the table's rows by their first cell, as numbers."""
    rows = Page(folder / "report.html").tables["abstain"][0][1:]
    return {row[0]: [int(cell) for cell in row[1:5]] for row in rows}


def test_the_table_counts_what_predict_refuses(digits):
    source, opened = open_data("digits"), open_run(digits)
    test = opened.split(source).test
    said = predict(digits, [source.image(int(i))[..., 0] for i in test], abstain=True)
    right = np.array(
        [s.best[0] == source.classes[source.labels[i]] for s, i in zip(said, test, strict=True)]
    )
    found = table(digits)
    assert set(found) == {
        "test images classified correctly",
        "test images misclassified",
        "the same, cut into 16 tiles in random order",
    }
    for name, which in (("classified correctly", right), ("misclassified", ~right)):
        reasons = [one.refused for one, mine in zip(said, which, strict=True) if mine]
        unsure, unlike = (
            sum(r is not None and r.startswith(w) for r in reasons) for w in ("unsure", "unlike")
        )
        assert found[f"test images {name}"] == [
            len(reasons),
            unsure,
            unlike,
            len(reasons) - unsure - unlike,
        ]
    tiles = found["the same, cut into 16 tiles in random order"]
    assert tiles[0] == 179 and tiles[1] + tiles[2] > 40  # digits in pieces are no digits
    assert "abstain=True" in Page(digits / "report.html").text("abstain")


def test_the_calibration_before_and_after(digits):
    text = Page(digits / "report.html").text("calibration")
    T = open_run(digits).trained.abstainer.temperature
    assert f"the temperature {T:.2f}" in text
    said = evaluate(digits)
    powers = said.probabilities.astype(np.float64) ** (1 / T)
    after = calibration(powers / powers.sum(axis=1, keepdims=True), said.labels)
    before = calibration(said.probabilities, said.labels)
    assert f"off by {percent(before.error)} on average" in text
    assert f"off by {percent(after.error)} ." in text or f"off by {percent(after.error)}." in text


def test_photographs_are_told_from_digits_too(photos):
    assert table(photos)["handwritten digits"][0] == 100


def test_a_model_file_of_before_has_no_such_section(digits, tmp_path):
    folder = shutil.copytree(digits, tmp_path / "old")
    load(folder / "best.safetensors").save(folder / "best.safetensors")
    page = Page(write_report(folder))
    assert "abstain" not in page.sections
    assert not re.search("temperature", page.text("calibration"))


def test_tiles():
    image = np.arange(9 * 8 * 3, dtype=np.uint8).reshape(9, 8, 3)
    mixed = tiles_shuffled(image, np.random.default_rng(0))
    assert not np.array_equal(mixed, image)
    np.testing.assert_array_equal(mixed[8:], image[8:])  # a row is left over
    tiles = [
        {x[i : i + 2, j : j + 2].tobytes() for i in range(0, 8, 2) for j in range(0, 8, 2)}
        for x in (image, mixed)
    ]
    assert tiles[0] == tiles[1]
