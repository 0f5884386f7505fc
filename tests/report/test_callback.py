"""The report of runs that are started from Python: own networks, data in memory, notebooks."""

import re

import numpy as np
import pytest

import clearconv
from clearconv.errors import RunError
from clearconv.report import Report, write_report


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """Return a finished run of an own network on arrays, and its report."""
    rng = np.random.default_rng(0)
    labels = np.repeat(["dark", "light"], 40)
    images = rng.integers(0, 128, (80, 8, 8), dtype=np.uint8)
    images[labels == "light"] += 90
    model = clearconv.Sequential(
        clearconv.Conv2d(4, 3, padding=1, activation="relu"),
        clearconv.GlobalAvgPool2d(),
        clearconv.Flatten(),
        clearconv.Linear(2),
    )
    report = Report()
    assert "No run is finished" in report._repr_html_()
    out = tmp_path_factory.mktemp("runs") / "own"
    clearconv.fit(model, (images, labels), out=out, epochs=2, callbacks=[report])
    return out, report


def test_the_page_is_written_and_says_how_to_repeat(fitted):
    folder, report = fitted
    assert report.path == folder / "report.html"
    text = re.sub(r"<[^>]*>", "", report.path.read_text("utf-8"))
    assert "clearconv.fit(model, data, epochs=2)" in text
    assert "a network of your own on arrays" in text


def test_a_notebook_shows_the_page_in_a_frame(fitted):
    folder, report = fitted
    shown = report._repr_html_()
    assert shown.startswith("<iframe srcdoc=") and shown.count("<") == 2
    assert "&lt;!DOCTYPE html&gt;" in shown


def test_without_the_arrays_there_is_no_report(fitted):
    with pytest.raises(RunError, match="arrays in memory"):
        write_report(fitted[0])
