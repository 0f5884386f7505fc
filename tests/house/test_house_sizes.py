"""Rule 8: files and folders stay small, and no name of a package hides one of its files.

Besides: chapters are alike, and each test file has a name of its own.
"""

import ast
import io
import os
import re
import subprocess
import sys
import tokenize
from pathlib import Path

import pytest
from sources import ROOT, SOURCES, SRC, is_package, parsed

LINES = 300  # of code in one file; docstrings, comments and blank lines are not counted
FILES = 15  # in one folder

#: Folders that may hold more: the doctor's files are still to be put into rooms of their own.
FULL = ("doctor", "doctor/kinds")


def lines_of_code(source):
    """Count the lines of a Python file that hold anything but comments and docstrings."""
    skipped = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT}
    lines = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in skipped and token.type != tokenize.ENDMARKER:
            lines.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(parsed(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            if isinstance(node.value.value, str):
                lines.difference_update(range(node.lineno, node.end_lineno + 1))
    return len(lines)


def lines_of_cpp(source):
    """Count the lines of a C++ file that hold anything but comments."""
    source = re.sub(r"/\*.*?\*/", "", source, flags=re.DOTALL)
    return sum(bool(re.sub(r"//.*", "", line).strip()) for line in source.splitlines())


def long_files(root):
    """Return the files that are too long, with their lines of code."""
    return {
        str(file.relative_to(root)): count
        for file in sorted(root.rglob("*"))
        if file.suffix in (".py", ".cpp", ".h", ".js")
        for count in [(lines_of_code if file.suffix == ".py" else lines_of_cpp)(file.read_text())]
        if count > LINES
    }


def full_folders(root):
    """Return the folders with too many files; what is compiled is not counted."""
    counts = {
        str(folder.relative_to(root)): sum(
            file.is_file() and file.suffix not in (".so", ".pyd") for file in folder.iterdir()
        )
        for folder in (root, *root.rglob("*"))
        if folder.is_dir() and folder.name != "__pycache__"
    }
    return {folder: count for folder, count in sorted(counts.items()) if count > FILES}


_HIDDEN = """
import importlib, pkgutil, sys
package = importlib.import_module(sys.argv[1])
names = [m.name for m in pkgutil.walk_packages(package.__path__, package.__name__ + ".")]
names = [name for name in names if not name.endswith(".__main__")]
for name in list(names):
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name.split(".")[0] not in ("sklearn",):  # an extra, which may be missing
            raise
        names.remove(name)
for name in names:
    above, _, last = name.rpartition(".")
    if getattr(sys.modules[above], last) is not sys.modules[name]:
        print(name)
"""


def hidden(package, path):
    """List the modules that cannot be had as attributes: their package has another such name."""
    done = subprocess.run(
        [sys.executable, "-c", _HIDDEN, package],
        env={**os.environ, "PYTHONPATH": str(path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_files_stay_short():
    assert long_files(SRC) == {}, "a file is one idea: split it"


def test_folders_stay_small():
    full = {name: n for name, n in full_folders(SRC).items() if name not in FULL}
    assert full == {}, "a folder is one idea, too"


def hiding(sources):
    """List the names that a package makes, or hands on, and one of its files has too.

    Where names are loaded on demand, a package's attributes do not show it until both are used.
    """
    wrong = []
    for module, source in sources.items():
        if is_package(module, sources):
            for node in ast.walk(parsed(source)):
                if isinstance(node, ast.ImportFrom):
                    names = {alias.asname or alias.name for alias in node.names}
                    names = names if node.module != module else set()  # the file itself
                elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                    names = {node.name}
                else:
                    continue
                wrong += [f"{module}.{name}" for name in names if f"{module}.{name}" in sources]
    return sorted(wrong)


def test_no_name_hides_a_file():
    assert hidden("clearconv", SRC.parent) == []
    assert hiding(SOURCES) == []


def chapters():
    return sorted(file.parent.name for file in (SRC / "ops").glob("*/cases.py"))


@pytest.mark.parametrize("chapter", chapters())
def test_whoever_has_read_one_chapter_can_read_all(chapter):
    for name in ("__init__.py", "loops.py", "matrix.py", "cases.py"):
        assert (SRC / "ops" / chapter / name).is_file(), f"ops/{chapter}/{name} is missing"


def test_every_chapter_is_listed():
    from clearconv.ops import CHAPTERS

    assert sorted(chapter.name for chapter in CHAPTERS) == chapters()


def test_each_test_file_has_a_name_of_its_own():
    names = sorted(file.name for file in (ROOT / "tests").rglob("test_*.py"))
    assert [name for name in names if names.count(name) > 1] == []  # pytest takes only the first


# -- the rules themselves can be broken


def test_lines_of_code():
    source = '"""Doc\n\nstring."""\n\nx = 1  # one\n# none\ny = """two\nlines"""\n'
    assert lines_of_code(source) == 3
    assert lines_of_cpp("/* a\n b */\nint x; // y\n\n// z\n}\n") == 2


def test_a_long_file_and_a_full_folder_are_seen(tmp_path):
    room = tmp_path / "room"
    room.mkdir()
    (room / "long.py").write_text('"""Doc."""\n' + "x = 1\n" * (LINES + 1))
    (room / "tile.h").write_text("int x;\n" * (LINES + 1))
    (room / "enough.py").write_text("x = 1\n" * LINES)
    assert long_files(tmp_path) == {"room/long.py": LINES + 1, "room/tile.h": LINES + 1}

    for number in range(FILES - 3):
        (room / f"{number}.css").touch()
    (room / "_native.abi3.so").touch()
    assert full_folders(tmp_path) == {}
    (room / "one_more.html").touch()
    assert full_folders(tmp_path) == {"room": FILES + 1}


def test_a_hidden_file_is_seen(tmp_path):
    package = tmp_path / "room_with_a_veil"
    package.mkdir()
    for name in ("match", "record"):
        Path(package / f"{name}.py").write_text(f"def {name}(): ...\n")
    (package / "__init__.py").write_text("from room_with_a_veil.match import match\n")
    assert hidden(package.name, tmp_path) == ["room_with_a_veil.match"]


@pytest.mark.parametrize(
    "line",
    [
        "from clearconv.doctor.match import match",
        "if TYPE_CHECKING:\n    from clearconv.doctor.match import match as match",
        "from clearconv.doctor.verdict import found as match",
        "def match(): ...",
    ],
)
def test_a_name_that_hides_a_file_is_seen(line):
    files = {"clearconv.doctor.match": "", "clearconv.doctor.verdict": ""}
    assert hiding({"clearconv.doctor": line, **files}) == ["clearconv.doctor.match"]
    allowed = "from clearconv.doctor import match\nfrom clearconv.doctor.match import Match"
    assert hiding({"clearconv.doctor": allowed, **files}) == []
