"""Every chapter has an exercise: its solution is right, and a typical mistake in it is named."""

import ast
import json
import re
import runpy
from pathlib import Path

import pytest

from clearconv.doctor import examine, record
from clearconv.ops import CHAPTERS

DOCS = Path(__file__).parents[2] / "docs"
pytestmark = pytest.mark.usefixtures("forked")


def slip(name):
    """Return what is often written wrong in a page's exercise: right, wrong, the doctor's name.

    The page has it in a comment below the heading. The name is None where the doctor does not know
    the chapter.
    """
    text = (DOCS / f"{name}.md").read_text("utf-8")
    (found,) = re.findall(r"^## Exercise\n\n<!-- often wrong: (.*) -->$", text, re.MULTILINE)
    slips = json.loads(found)
    return slips["right"], slips["wrong"], slips.get("mistake")


NAMES = [chapter.name for chapter in CHAPTERS]
EXAMINED = [name for name in NAMES if slip(name)[2]]
#: Chapters that the doctor does not know.
CHECKED = [name for name in NAMES if not slip(name)[2]]


def parts(name):
    """Return starter, solution and command of a page's exercise."""
    section = (DOCS / f"{name}.md").read_text("utf-8").split("## Exercise\n")[1]
    blocks = re.findall(r"^```(\w+)\n(.*?)^```", section, flags=re.MULTILINE | re.DOTALL)
    starter, solution = (text for kind, text in blocks if kind == "python")
    (command,) = (text for kind, text in blocks if kind == "sh")
    assert "<details>" in section.split(solution)[0]
    return starter, solution, command.strip()


def missing(starter):
    """Return the functions that a learner is to write."""
    return [
        node
        for node in ast.parse(starter).body
        if isinstance(node, ast.FunctionDef) and "NotImplementedError" in ast.unparse(node)
    ]


def solved(starter, solution):
    """Put the solution where functions are missing."""
    lines = starter.split("\n")
    for number, node in enumerate(reversed(missing(starter))):
        last = number == len(missing(starter)) - 1
        lines[node.lineno - 1 : node.end_lineno] = [solution] if last else []
    return "\n".join(lines)


def keys(layers):
    """Return the mistakes that every explanation of the layers has."""
    return {key for layer in layers for key in layer["sure"]}


@pytest.fixture
def doctor(tmp_path):
    """Examine a program as the page says; returns whether it is right, and its mistakes."""

    def run(program, command):
        assert command == "clearconv doctor mine.py"
        (tmp_path / "mine.py").write_text(program)
        found = examine(tmp_path / "mine.py")
        return found.right, keys(record(found)["layers"])

    return run


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.ci
def test_the_solution_is_what_was_asked_for(name):
    starter, solution, _ = parts(name)
    asked = {node.name: ast.unparse(node.args) for node in missing(starter)}
    given = {node.name: ast.unparse(node.args) for node in ast.parse(solution).body}
    assert given == asked != {}


@pytest.mark.parametrize("name", EXAMINED)
@pytest.mark.ci
def test_the_doctor_finds_the_solution_right(name, doctor):
    starter, solution, command = parts(name)
    right, mistakes = doctor(solved(starter, solution), command)
    assert right, mistakes


@pytest.mark.parametrize("name", EXAMINED)
@pytest.mark.slow
def test_an_exercise_that_is_not_done_is_not_right(name, doctor):
    starter, _, command = parts(name)
    assert not doctor(starter, command)[0]


@pytest.mark.parametrize("name", EXAMINED)
@pytest.mark.slow
def test_the_doctor_names_a_typical_mistake(name, doctor):
    starter, solution, command = parts(name)
    old, new, key = slip(name)
    assert solution.count(old) == 1
    right, mistakes = doctor(solved(starter, solution.replace(old, new)), command)
    assert not right
    assert mistakes == {key}


@pytest.mark.parametrize("name", CHECKED)
@pytest.mark.ci
def test_the_numeric_check_tells_right_from_wrong(name, tmp_path, capsys):
    starter, solution, command = parts(name)
    assert command == "python mine.py"
    old, new, _ = slip(name)
    assert solution.count(old) == 1
    printed = []
    for written in (solution, solution.replace(old, new)):
        (tmp_path / "mine.py").write_text(solved(starter, written))
        runpy.run_path(str(tmp_path / "mine.py"))
        printed.append(capsys.readouterr().out)
    assert "right" in printed[0] and not re.search(r"WRONG|off by", printed[0])
    assert re.search(r"WRONG|off by", printed[1])
