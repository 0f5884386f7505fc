"""Every chapter has its page, and every page what a learner was promised."""

import re
from pathlib import Path

import pytest

from builder import code
from clearconv import ops
from clearconv.ops import CHAPTERS

DOCS = Path(__file__).parents[2] / "docs"
NAMES = [chapter.name for chapter in CHAPTERS]


def text_of(name):
    return (DOCS / f"{name}.md").read_text("utf-8")


def blocks(text, kind):
    return re.findall(rf"^```{kind}\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("name", NAMES)
def test_a_case_is_worked_in_numbers_forward_and_backward(name):
    """The examples call the chapter's functions; that they print what they say is tested too."""
    examples = "".join(blocks(text_of(name), "pycon"))
    called = set(re.findall(r"\b(forward|forward_saving|backward\w*|sgd|adam)\(", examples))
    if name == "im2col":  # the names that everybody uses
        assert "im2col(" in examples and "col2im(" in examples
    elif name == "update":
        assert called == {"sgd", "adam"}
    else:
        assert {word.split("_")[0] for word in called} >= {"forward", "backward"}


@pytest.mark.parametrize("name", NAMES)
def test_the_three_tellings_stand_side_by_side(name):
    shown = {}
    for language in ("python", "cpp"):
        for block in blocks(text_of(name), language):
            if head := code.HEAD.match(block):
                shown.setdefault(Path(head[1]).name, []).append(head[2])
    composed = name == "conv_block"  # its loops and matrix tellings are one file
    assert shown.keys() >= ({"composed.py"} if composed else {"loops.py", "matrix.py"})
    compiled = (Path(ops.__file__).parent / name / "native").is_dir()
    assert any(file.endswith((".cpp", ".h")) for file in shown) == compiled
    for telling, functions in shown.items():
        if telling.endswith(".py"):
            assert len(functions) >= 2, "forward and backward"


@pytest.mark.parametrize("name", NAMES)
def test_there_are_formulas_and_a_link_to_the_code(name):
    text = text_of(name)
    assert text.count("$$") >= 2
    assert f"(../src/clearconv/ops/{name}/__init__.py)" in text
