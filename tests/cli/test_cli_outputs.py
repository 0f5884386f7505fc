"""What a command writes replaces only what clearconv wrote as the same thing."""

import shutil

import numpy as np
import pytest
from PIL import Image

from clearconv.errors import RunError
from clearconv.pages import check_replaceable, page


@pytest.fixture
def mine(digits, tmp_path):
    """Return a copy of a finished run."""
    return shutil.copytree(digits[0], tmp_path / "run")


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "x.png"
    Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8)).save(path)
    return path


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_no_file_of_a_run_is_taken_for_a_page(run, mine, image):
    (mine / "notes.html").write_text("<!DOCTYPE html><title>mine</title>")
    before = contents(mine)
    for name in sorted(file.name for file in mine.iterdir() if file.is_file()):
        if not (mine / name).read_bytes():
            continue
        for words in (("example",), (mine, image)):
            done = run("glassbox", *words, "--out", mine / name)
            assert done.exit_code == 1
            assert (
                f"{name} already exists and is not a glass box that clearconv wrote" in done.output
            )
            assert "--out" in done.output and done.output.count("\n") == 1
    assert contents(mine) == before


def test_a_page_replaces_a_page_of_its_kind(run, mine, image, tmp_path):
    place = tmp_path / "page.html"
    assert run("glassbox", mine, image, "--out", place).exit_code == 0
    assert run("glassbox", "example", "--out", place).exit_code == 0
    place = mine / "report.html"
    assert run("report", mine).exit_code == 0
    mark = '<meta name="generator" content="clearconv report">\n'
    older = place.read_text("utf-8").replace(mark, "")
    assert len(older) + len(mark) == len(place.read_text("utf-8"))
    place.write_text(older, "utf-8")
    assert run("report", mine).exit_code == 0
    place.write_bytes(b"")  # made by mktemp, say
    assert run("glassbox", "example", "--out", place).exit_code == 0


def test_a_report_of_someone_else_stays(run, mine):
    (mine / "report.html").write_text("my own words")
    done = run("report", mine)
    assert done.exit_code == 1 and "report.html already exists" in done.output
    assert "is kept as it is. Move it away." in done.output and "out" not in done.output
    assert (mine / "report.html").read_text() == "my own words"


def test_a_picture_replaces_only_a_picture_of_an_explanation(run, mine, image, tmp_path):
    out = tmp_path / "why"
    assert run("explain", mine, image, "--out", out).exit_code == 0
    (made,) = out.iterdir()
    assert run("explain", mine, image, "--out", out).exit_code == 0
    for content in (image.read_bytes(), b"Software\0clearconv", b"words"):
        made.write_bytes(content)
        done = run("explain", mine, image, "--out", out)
        assert done.exit_code == 1
        assert f"{made} already exists and is not a picture that clearconv wrote" in done.output
        assert made.read_bytes() == content


def test_what_is_no_file_is_not_replaced(tmp_path):
    with pytest.raises(RunError, match="already exists"):
        check_replaceable(tmp_path, "page")
    (tmp_path / "page.html").write_text(page("A title", "<p>x</p>"))
    check_replaceable(tmp_path / "page.html", "page")
    with pytest.raises(RunError, match="not a picture"):
        check_replaceable(tmp_path / "page.html", "picture")
    check_replaceable(tmp_path / "none.html", "page")
