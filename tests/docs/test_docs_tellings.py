"""Lines of the source that the pages show stand in the source, so they cannot go stale."""

import re
from pathlib import Path

import pytest

from builder import code

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
BLOCK = re.compile(r"^```(?:python|cpp)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def shown(page):
    """Yield (file, definition, lines) of every telling on a page."""
    for block in BLOCK.findall((DOCS / page).read_text("utf-8")):
        if head := code.HEAD.match(block):
            yield head[1], head[2], block[head.end() :].rstrip("\n").split("\n")


def runs(lines):
    """Cut lines at every ``...``, and forget indentation."""
    pieces = [[]]
    for line in map(str.strip, lines):
        if line == "...":
            pieces.append([])
        else:
            pieces[-1].append(line)
    return pieces


def is_in(lines, source):
    """Tell whether the runs of `lines` stand in `source`, each whole and in this order."""
    source, place = [line.strip() for line in source], 0
    for run in runs(lines):
        ends = (
            n + len(run)
            for n in range(place, len(source))
            if run and source[n : n + len(run)] == run
        )
        place = next(ends, None)
        if place is None:
            return False
    return True


@pytest.mark.parametrize("page", sorted(path.name for path in DOCS.glob("*.md")))
def test_what_is_shown_stands_in_the_source(page):
    for path, name, lines in shown(page):
        text = (ROOT / code.place(path)).read_text("utf-8")
        within = code.definition(path, text, name)
        assert within, f"{page}: {path} defines no {name}"
        source = text.split("\n")[within.start : within.stop]
        assert is_in(lines, source), f"{page}: {name} of {path} does not read so any more"


def test_a_stale_line_is_seen():
    source = ["def f(x):", "    y = x + 1", "    z = y * 2", "    return z"]
    assert is_in(["y = x + 1", "z = y * 2"], source)
    assert is_in(["y = x + 1", "...", "return z"], source)
    assert not is_in(["y = x + 2"], source)
    assert not is_in(["y = x + 1", "return z"], source)
    assert not is_in(["return z", "...", "y = x + 1"], source)


def test_a_definition_is_found_in_both_languages():
    python = "x = 1\n\n\nclass A:\n    def f(self):\n        return 1\n\n\ndef g():\n    pass\n"
    assert code.definition("a.py", python, "A.f") == range(4, 6)
    assert code.definition("a.py", python, "g") == range(8, 10)
    assert not code.definition("a.py", python, "h")
    cpp = "int g(int);\n\ntemplate <class T>\nint g(int x) {\n  return f(x);\n}\n\nstruct S {\n};\n"
    assert code.definition("a.cpp", cpp, "g") == range(3, 5)
    assert code.definition("a.cpp", cpp, "S") == range(7, 8)
    assert not code.definition("a.cpp", cpp, "f")
