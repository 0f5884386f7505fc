"""`docs/commands.md` shows what the commands really print."""

import re
import shlex
from pathlib import Path

import click
import pytest

from clearconv.cli import main

COMMANDS = tuple(main.about)  # test_cli_frame.py says which there must be
PAGE = Path(__file__).parents[2] / "docs" / "commands.md"
REPRODUCIBLE = ("--help", "summary", "doctor", "show")


def examples():
    """Yield (command line, output) of every example that needs no training."""
    for block in re.findall(r"```console\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL):
        for example in re.split(r"^\$ clearconv ", block, flags=re.MULTILINE)[1:]:
            line, _, output = example.partition("\n")
            if line.split()[0] in REPRODUCIBLE:
                slow = line.startswith("doctor ") and "--" not in line  # ten seconds
                yield pytest.param(line, output, id=line, marks=[pytest.mark.ci] * slow)


@pytest.mark.parametrize(("line", "expected"), tuple(examples()))
def test_example(start, line, expected):
    done = start(*shlex.split(line), cwd=PAGE.parents[1])
    # What is not compiled here is not shown here; an installed copy lies elsewhere.
    shown = re.sub(r"== \S*clearconv/ops", "== src/clearconv/ops", done.stdout + done.stderr)
    shown, expected = (re.sub(r" = native|, native(?=\n)", "", text) for text in (shown, expected))
    start_, end = (part.strip("\n") for part in (expected + "[...]").split("[...]")[:2])
    assert shown.strip("\n").startswith(start_)
    assert end in shown
    if "[...]" not in expected:
        assert shown.strip("\n") == start_


def test_the_page_has_examples_of_every_command():
    text = PAGE.read_text("utf-8")
    assert [name for name in COMMANDS if f"$ clearconv {name}" not in text] == []
    assert len(list(examples())) >= 5


@pytest.mark.parametrize("name", COMMANDS)
def test_a_page_explains_every_option(name):
    text = "".join(path.read_text("utf-8") for path in PAGE.parent.glob("*.md"))
    command = main.get_command(click.Context(main), name)
    options = [option.opts[-1] for option in command.params if isinstance(option, click.Option)]
    assert options
    unknown = [word for word in options if not re.search(rf"(?<![\w-]){word}(?![\w-])", text)]
    assert unknown == []
