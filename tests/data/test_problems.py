"""Warnings about data: the gravest first, each kind with its count."""

import copy
import json
import os

import pytest

from clearconv.data import Problem, by_gravity, open_data
from clearconv.errors import DataError


def test_a_label_conflict_is_named_however_many_files_are_left_out(folder, picture):
    files = {f"cat/{i:02}.txt": b"no image" for i in range(30)}
    for k, c in enumerate(("cat", "dog")):
        files |= {f"{c}/{i}.png": picture(10 * k + i) for i in range(4)}
    files |= {"cat/same.png": picture(50), "dog/same.png": picture(50)}
    source = open_data(folder(files))
    shown = by_gravity(source.problems)
    assert shown[0].startswith("cat/same.png and dog/same.png are the same picture under two")
    assert shown[1].startswith("cat/00.txt is left out")
    assert shown[-1] == "... and 20 more of 30 files that are not images"
    assert len(shown) == 12


def test_damaged_and_special_files_are_named_before_texts(folder, picture):
    files = {f"cat/{i:02}.txt": b"no image" for i in range(67)}
    files |= {f"{c}/{i}.png": picture(10 * k + i) for k, c in enumerate("ab") for i in range(2)}
    files |= {"cat/zz.png": picture(60), "cat/empty.png": b"", "cat/page.jpg": b"<html>"}
    files |= {
        "cat/zcut.png": b"\x89PNG\r\n\x1a\n" + bytes(9),
        "cat/photo.jxl": b"\xff\x0a" + bytes(20),
    }
    files |= {"loose.png": picture(80), "cat/empty.txt": b""}
    root = folder(files)
    os.mkfifo(root / "cat" / "zpipe")
    source = open_data(root)
    shown = by_gravity(source.problems)
    assert shown[0] == (
        "74 files are left out: 3 damaged or unreadable images, 1 image outside every class "
        "folder, 1 special file, 1 image of a foreign format, 68 files that are not images"
    )
    starts = ["cat/empty.png is", "cat/page.jpg is", "cat/zcut.png is", "loose.png is outside"]
    starts += ["cat/zpipe is left out: a pipe", "cat/photo.jxl is left out: JPEG XL", "cat/00.txt"]
    assert [line[: len(start)] for line, start in zip(shown[1:], starts, strict=False)] == starts
    assert shown[-1] == "... and 58 more of 68 files that are not images"
    assert len(shown) == 1 + 6 + 10 + 1


def test_a_class_without_images_names_the_most_serious_reason(folder, picture):
    root = folder(
        {"b/0.png": picture(1), "a/0.txt": b"words", "a/1.png": b"\xff\xd8\xff\xe0" + bytes(9)}
    )
    with pytest.raises(DataError, match=r"2 files tried; a/1\.png is left out: the image is dam"):
        open_data(root)


def test_kinds_are_in_order_and_each_is_counted():
    problems = [Problem(f"file {i}", "left out") for i in range(12)]
    problems += ["plain"] + [Problem(f"pair {i}", "labels") for i in range(25)]
    problems += [Problem("cat has no test image", "missing")]
    shown = by_gravity(problems)
    assert shown[0] == "cat has no test image"
    assert shown[1:21] == [f"pair {i}" for i in range(20)]
    assert shown[21:23] == ["... and 5 more of 25 pictures under more than one class", "plain"]
    assert shown[-1] == "... and 2 more of 12 files that are not images"
    assert by_gravity([]) == []


def test_a_problem_is_a_text():
    problem = Problem("a line", "labels")
    assert problem == "a line" and json.dumps([problem]) == '["a line"]'
    assert copy.deepcopy(problem).kind == "labels"
