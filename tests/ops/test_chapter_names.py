"""Chapters are found by their folders, in reading order, and loaded only when asked for."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from clearconv import ops
from clearconv.ops.discovery import in_reading_order

NAMES = [chapter.name for chapter in ops.CHAPTERS]
FIRST = ops.CHAPTERS[0]


def order(*given):
    """Return the reading order of (name, part, after)."""
    made = [replace(FIRST, name=name, part=part, after=after) for name, part, after in given]
    return [chapter.name for chapter in in_reading_order(made)]


def test_a_folder_with_cases_is_a_chapter():
    folders = {file.parent.name for file in Path(ops.__file__).parent.glob("*/cases.py")}
    assert set(NAMES) == folders and len(NAMES) == len(folders)
    assert {*NAMES, "CHAPTERS"} <= set(dir(ops))
    with pytest.raises(AttributeError, match="no attribute 'conv3d'"):
        _ = ops.conv3d


def test_each_chapter_comes_behind_the_one_it_follows():
    for chapter in ops.CHAPTERS:
        if chapter.after is not None:
            assert NAMES.index(chapter.after) < NAMES.index(chapter.name)
    parts = [chapter.part for chapter in ops.CHAPTERS]
    begins = [part for k, part in enumerate(parts) if k == 0 or part != parts[k - 1]]
    assert len(begins) == len(set(begins)), "a part's chapters are read one after another"


def test_a_new_chapter_stands_with_its_part():
    known = ("a", "One", None), ("b", "One", "a"), ("c", "Two", "b"), ("d", "Two", "c")
    assert order(*reversed(known)) == ["a", "b", "c", "d"]
    assert order(*known, ("new", "One", "a")) == ["a", "b", "new", "c", "d"]
    assert order(*known, ("new", "One", "d")) == ["a", "b", "new", "c", "d"]
    assert order(*known, ("new", "Three", "d")) == ["a", "b", "c", "d", "new"]


@pytest.mark.parametrize("given", [(("a", "One", "b"),), (("a", "One", "b"), ("b", "One", "a"))])
def test_an_order_that_cannot_be(given):
    with pytest.raises(ValueError, match="after='b' is|after='a' is"):
        order(*given)


def test_a_chapter_is_there_without_an_import_of_its_own():
    code = (
        "import sys, clearconv; ops = clearconv.ops; "
        "assert 'clearconv.ops.softmax' not in sys.modules; "
        f"assert all(getattr(ops, name).__name__ == 'clearconv.ops.' + name for name in {NAMES})"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    code = "import clearconv; clearconv.ops.conv2d.forward"
    subprocess.run([sys.executable, "-c", code], check=True)
