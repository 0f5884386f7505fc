"""Warnings about data: the gravest first, each kind with its count."""

import copy
import json

from clearconv.data import Problem, by_gravity, open_data


def test_a_label_conflict_is_named_however_many_files_are_left_out(folder, picture):
    files = {f"cat/{i:02}.txt": b"no image" for i in range(30)}
    for k, c in enumerate(("cat", "dog")):
        files |= {f"{c}/{i}.png": picture(10 * k + i) for i in range(4)}
    files |= {"cat/same.png": picture(50), "dog/same.png": picture(50)}
    source = open_data(folder(files))
    shown = by_gravity(source.problems)
    assert shown[0].startswith("cat/same.png and dog/same.png are the same picture under two")
    assert shown[1].startswith("cat/00.txt is left out")
    assert shown[-1] == "... and 20 more of 30 files that are left out"
    assert len(shown) == 12


def test_kinds_are_in_order_and_each_is_counted():
    problems = [Problem(f"file {i}", "left out") for i in range(12)]
    problems += ["plain"] + [Problem(f"pair {i}", "labels") for i in range(25)]
    problems += [Problem("cat has no test image", "missing")]
    shown = by_gravity(problems)
    assert shown[0] == "cat has no test image"
    assert shown[1:21] == [f"pair {i}" for i in range(20)]
    assert shown[21:23] == ["... and 5 more of 25 pictures under more than one class", "plain"]
    assert shown[-1] == "... and 2 more of 12 files that are left out"
    assert by_gravity([]) == []


def test_a_problem_is_a_text():
    problem = Problem("a line", "labels")
    assert problem == "a line" and json.dumps([problem]) == '["a line"]'
    assert copy.deepcopy(problem).kind == "labels"
