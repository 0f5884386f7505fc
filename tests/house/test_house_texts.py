"""Rule 7: facts that are spelled in one place alone; and the length of a line in C++.

Flags in the command line, a run's file names in ``runs/files.py``, lists of chapters in ``ops/``.
"""

import ast
import re

import pytest
from sources import ROOT, SOURCES, SRC, parsed, part

CHAPTERS = sorted(file.parent.name for file in (SRC / "ops").glob("*/cases.py"))


def texts(source):
    """Yield the strings of a source text, docstrings left out, with their lines."""
    tree = parsed(source)
    docs = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
            yield node.lineno, node.value


def flags(sources):
    """List the strings that hold a flag of the command line, outside the command line.

    Those of other programs (``pip install --upgrade``) and properties of a stylesheet
    (``--share:``) do not count.
    """
    return [
        f"{module}:{line} {found}"
        for module, source in sources.items()
        if part(module) != "cli"
        for line, text in texts(source)
        for found in re.findall(r"(?<![\w-])--[a-z][a-z-]*(?![\w:-])", _ours(text))
    ]


def _ours(text):
    return re.sub(r"(pip install|jupyter nbconvert)( -[\w-]+)+|var\(--[\w-]+\)", "", text)


def file_names(source):
    """Return the names of files that a source text spells."""
    return {text for _, text in texts(source) if re.fullmatch(r"[\w-]*\.[a-z][a-z0-9]+", text)}


def run_files(sources):
    """List the strings that spell a name of a run's files, outside ``runs/files.py``."""
    names = sorted(file_names(sources["clearconv.runs.files"]))
    any_of_them = re.compile(rf"(?<![\w.-])({'|'.join(map(re.escape, names))})(?![\w-])")
    return [
        f"{module}:{line} {found}"
        for module, source in sources.items()
        if module != "clearconv.runs.files"
        for line, text in texts(source)
        for found in any_of_them.findall(text)
    ]


def lists_of_chapters(sources, chapters):
    """List the files outside ``ops/`` that name more than half of the chapters."""
    wrong = []
    for module, source in sources.items():
        words = {word for _, text in texts(source) for word in re.findall(r"\w+", text)}
        for node in ast.walk(parsed(source)):
            if isinstance(node, ast.ImportFrom):
                words |= {*node.module.split("."), *(alias.name for alias in node.names)}
            elif isinstance(node, ast.Import):
                words |= {word for alias in node.names for word in alias.name.split(".")}
        named = words & {*chapters}
        if part(module) != "ops" and len(named) > len(chapters) / 2:
            wrong.append(f"{module} names {', '.join(sorted(named))}")
    return wrong


def test_flags_are_spelled_in_the_command_line_alone():
    assert flags(SOURCES) == [], "say which setting is meant; the command line makes a flag of it"


def test_the_files_of_a_run_are_named_in_one_place():
    assert run_files(SOURCES) == []


def test_chapters_are_listed_in_ops_alone():
    assert lists_of_chapters(SOURCES, CHAPTERS) == []


#: The rules by which the glass box computes in the browser stand in one file, for all chapters.
IN_THE_BROWSER = "src/clearconv/glassbox/page/meet.js"


def lists_in_other_files(files, chapters):
    """List the files in other languages that name more than half of the chapters."""
    wrong = []
    for name, text in files.items():
        text = re.sub(r"/\*.*?\*/|//[^\n]*|(?m:^\s*#(?!include)[^\n]*)", "", text, flags=re.DOTALL)
        named = {*re.findall(r"\w+", text)} & {*chapters}
        if len(named) > len(chapters) / 2:
            wrong.append(f"{name} names {', '.join(sorted(named))}")
    return wrong


def test_chapters_are_listed_nowhere_in_other_languages():
    paths = [ROOT / "CMakeLists.txt", ROOT / "pyproject.toml"]
    paths += [path for path in SRC.rglob("*") if path.suffix in (".h", ".cpp", ".js", ".toml")]
    files = {str(path.relative_to(ROOT)): path.read_text() for path in paths}
    assert [one.split()[0] for one in lists_in_other_files(files, CHAPTERS)] == [IN_THE_BROWSER]


#: As for Python, where ruff checks it.
WIDTH = 100


def long_lines(files):
    """List the lines that are longer than `WIDTH` characters."""
    return [
        f"{name}:{number} has {len(line)} characters"
        for name, text in files.items()
        for number, line in enumerate(text.split("\n"), start=1)
        if len(line) > WIDTH
    ]


def test_lines_of_cpp_are_as_short_as_those_of_python():
    places = SRC, ROOT / "tests"
    paths = [path for place in places for kind in ("*.h", "*.cpp") for path in place.rglob(kind)]
    files = {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in paths}
    assert files and long_lines(files) == []


# -- the rules themselves can be broken


def test_a_long_line_is_seen():
    assert long_lines({"a.h": "// short\n// " + "x" * WIDTH}) == ["a.h:2 has 103 characters"]
    assert long_lines({"a.h": "// " + "√" * (WIDTH - 3)}) == []  # characters, not bytes


def test_a_list_in_another_language_is_seen():
    chapters = ("conv2d", "linear", "softmax")
    for text in (
        "add(conv2d)\nadd(linear)",
        '#include "ops/conv2d/x.h"\n#include "ops/linear/x.h"',
    ):
        assert lists_in_other_files({"a": text}, chapters)
    for text in ("add(conv2d)", "add(conv2d) // linear", "# linear\nadd(conv2d)"):
        assert lists_in_other_files({"a": text}, chapters) == []


@pytest.mark.parametrize(
    "line",
    [
        'raise RunError("Choose another with --out.")',
        'f"Go on with it (--resume {folder})"',
        'x = ["--batch-size", 32]',
        '"""Doc."""\ndef f():\n    return "--lr"',
    ],
)
def test_a_flag_in_a_message_is_seen(line):
    assert flags({"clearconv.train.loop": line})
    assert flags({"clearconv.cli.train": line}) == []


@pytest.mark.parametrize(
    "line",
    [
        'x = "run pip install --upgrade pillow"',
        "x = \"style='--share: 3%'\"",
        'x = "fill: var(--ink)"',
        'x = "a -- b --- c"',
        '"""What --lr is."""',
    ],
)
def test_what_is_not_a_flag_is_allowed(line):
    assert flags({"clearconv.pages.bars": line}) == []


def test_a_run_file_that_is_named_elsewhere_is_seen():
    home = {"clearconv.runs.files": '"""Doc."""\nBEST = "best.safetensors"\nLOCK = ".lock"\n'}
    assert file_names(home["clearconv.runs.files"]) == {"best.safetensors", ".lock"}
    for line in (
        'path = folder / "best.safetensors"',
        'f"{folder} holds no best.safetensors."',
        'path = f"{folder}/best.safetensors"',
    ):
        assert run_files({**home, "clearconv.train.loop": line})
    for line in (
        'x = "my-best.safetensors"',
        'x = "best.safetensors-old"',
        '"""best.safetensors"""',
    ):
        assert run_files({**home, "clearconv.train.loop": line}) == []


@pytest.mark.parametrize(
    "line",
    [
        'NAMES = ["conv2d", "linear"]',
        'NAMES = "conv2d linear".split()',
        "from clearconv.ops import conv2d, linear",
        "import clearconv.ops.conv2d\nimport clearconv.ops.linear",
        "from clearconv.ops.conv2d import forward\nfrom clearconv.ops.linear import forward",
    ],
)
def test_a_list_of_chapters_is_seen(line):
    chapters = ("conv2d", "linear", "softmax")
    assert lists_of_chapters({"clearconv.tracing.kinds": line}, chapters)
    assert lists_of_chapters({"clearconv.ops.discovery": line}, chapters) == []
    assert lists_of_chapters({"clearconv.tracing.kinds": 'x = "conv2d"'}, chapters) == []
