"""What the pages show in numbers is what comes out, whichever telling computes it."""

import doctest
import re
from pathlib import Path

import pytest

import clearconv
from clearconv.ops import tellings as _backend

DOCS = Path(__file__).parents[2] / "docs"


def examples(page):
    """Return a page's text with all but its ``pycon`` blocks blanked, so that line numbers stay."""
    lines, inside = [], False
    for line in page.read_text("utf-8").split("\n"):
        if line.startswith("```"):
            inside, line = line == "```pycon", "```"
        lines.append(line if inside and line != "```" else "")
    return "\n".join(lines)


PAGES = [page for page in sorted(DOCS.glob("*.md")) if ">>>" in examples(page)]


@pytest.mark.parametrize("telling", _backend.available("conv2d"))
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_examples_print_what_the_page_says(page, telling):
    test = doctest.DocTestParser().get_doctest(examples(page), {}, page.name, str(page), 0)
    report = []
    with clearconv.backend(telling):
        result = doctest.DocTestRunner().run(test, out=report.append)
    assert result.attempted > 0
    assert result.failed == 0, "".join(report)


def test_no_example_is_left_out():
    """A prompt in a block of another kind would not be run."""
    for page in DOCS.glob("*.md"):
        for kind, block in re.findall(r"^```(.*)\n(.*?)^```", page.read_text("utf-8"), re.M | re.S):
            assert kind == "pycon" or ">>> " not in block, f"{page.name}: write ```pycon"
