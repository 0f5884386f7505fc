"""The rules of the house: imports point down and make no circle, files stay short, chapters alike.

The rules are read off the source text, so a file need not be importable to be judged.
"""

import ast
import io
import re
import tokenize
from pathlib import Path

import pytest

SRC = Path(__file__).parents[1] / "src" / "clearconv"

#: Imports only ever point down this list, or stay within one entry of it.
ORDER = (
    "cli", "article", "doctor", "glassbox", "report", "planning", "explain", "train", "tracing",
    "pages", "models", "data", "optim", "losses", "layers", "ops", "native", "random", "errors",
    "_docstring", "_files", "_text",
)  # fmt: skip

LIMIT = 300  # lines of code of one file, docstrings, comments and blank lines not counted


def modules():
    """Return every module's name and file."""
    found = {}
    for file in sorted(SRC.rglob("*.py")):
        parts = ("clearconv", *file.relative_to(SRC).with_suffix("").parts)
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return found


def part(module):
    """Return the entry of ORDER that a module belongs to; None for the package itself."""
    names = module.split(".")
    if len(names) == 1 or names[1] == "__version__":
        return None
    return "cli" if names[1] == "__main__" else names[1]


def imports(tree, known, inside_functions):
    """Yield (line, module) for each module of the house that a tree imports at run time."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: imports are written out in full"
            whole = f"{node.module}."
            known_or_version = {*known, "clearconv.__version__"}
            names = [
                whole + a.name if whole + a.name in known_or_version else node.module
                for a in node.names
            ]
        elif _is_type_checking(node):
            yield from imports(ast.Module(node.orelse, []), known, inside_functions)
            continue
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and not inside_functions:
            continue
        else:
            yield from imports(node, known, inside_functions)
            continue
        for name in names:
            if name.split(".")[0] == "clearconv":
                yield node.lineno, name


def _is_type_checking(node):
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def upward(sources):
    """List the imports that point up, given module -> source text."""
    wrong = []
    for module, source in sources.items():
        here = part(module)
        for line, target in imports(ast.parse(source), sources, inside_functions=True):
            there = part(target)
            if here is None:  # the package itself: it names what is public, all on demand
                bad = False
            elif there is None:  # through the package everything could be reached
                bad = here != "cli" and target != "clearconv.__version__"
            else:
                bad = ORDER.index(there) < ORDER.index(here)
            if bad:
                wrong.append(f"{module}:{line} imports {target}")
    return wrong


def circle(sources):
    """Return one circle of module-level imports, or an empty list."""
    graph = {
        module: {t for _, t in imports(ast.parse(source), sources, inside_functions=False)}
        for module, source in sources.items()
    }
    done, path = set(), []

    def visit(module):
        if module in path:
            return [*path[path.index(module) :], module]
        if module in done or module not in graph:
            return []
        path.append(module)
        for target in sorted(graph[module] - {module}):
            if found := visit(target):
                return found
        done.add(path.pop())
        return []

    return next((found for module in graph if (found := visit(module))), [])


def lines_of_code(source):
    """Count the lines of a Python file that hold anything but comments and docstrings."""
    skipped = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT}
    lines = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in skipped and token.type != tokenize.ENDMARKER:
            lines.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            if isinstance(node.value.value, str):
                lines.difference_update(range(node.lineno, node.end_lineno + 1))
    return len(lines)


def lines_of_cpp(source):
    """Count the lines of a C++ file that hold anything but comments."""
    source = re.sub(r"/\*.*?\*/", "", source, flags=re.DOTALL)
    return sum(bool(re.sub(r"//.*", "", line).strip()) for line in source.splitlines())


SOURCES = {module: file.read_text() for module, file in modules().items()}


def test_every_part_has_its_place_in_the_order():
    unknown = {part(module) for module in SOURCES} - {*ORDER, None}
    assert not unknown, "add it to ORDER, where its imports allow"


def test_imports_point_down():
    assert upward(SOURCES) == []


def test_imports_make_no_circle():
    assert circle(SOURCES) == []


def test_files_stay_short():
    long = {
        str(file.relative_to(SRC)): count
        for file in sorted(SRC.rglob("*"))
        if file.suffix in (".py", ".cpp", ".h", ".js")
        for count in [(lines_of_code if file.suffix == ".py" else lines_of_cpp)(file.read_text())]
        if count > LIMIT
    }
    assert long == {}, "a file is one idea: split it"


def chapters():
    folders = (SRC / "ops").iterdir()
    return sorted(f.name for f in folders if f.is_dir() and f.name != "__pycache__")


@pytest.mark.parametrize("chapter", chapters())
def test_whoever_has_read_one_chapter_can_read_all(chapter):
    folder = SRC / "ops" / chapter
    for name in ("__init__.py", "loops.py", "matrix.py", "cases.py"):
        assert (folder / name).is_file(), f"ops/{chapter}/{name} is missing"


def test_every_chapter_is_listed():
    from clearconv.ops import CHAPTERS

    assert sorted(chapter.name for chapter in CHAPTERS) == chapters()


# -- the rules themselves can be broken


@pytest.mark.parametrize(
    "line",
    [
        "from clearconv.layers import Node",
        "import clearconv.layers.base.node",
        "import clearconv",
        "from clearconv import Conv2d",
        "def f():\n    from clearconv.train import run",
        "try:\n    import clearconv.optim\nexcept ImportError:\n    pass",
    ],
)
def test_an_import_that_points_up_is_seen(line):
    assert upward({"clearconv.ops.conv2d": line, "clearconv.layers.base.node": ""})


@pytest.mark.parametrize(
    "line",
    [
        "from clearconv import __version__",
        "from clearconv.errors import ShapeError",
        "from clearconv.ops.geometry.window import Window",
        "import numpy",
        "if TYPE_CHECKING:\n    from clearconv.layers import Node",
    ],
)
def test_an_import_that_points_down_is_allowed(line):
    assert upward({"clearconv.ops.conv2d": line}) == []


def test_a_circle_is_seen_and_a_late_import_breaks_it():
    a, b = "clearconv.layers.a", "clearconv.layers.b"
    forth = "from clearconv.layers import b"
    assert circle({a: forth, b: f"from {a} import x"}) == [a, b, a]
    assert circle({a: forth, b: f"def f():\n    from {a} import x"}) == []
    assert circle({a: forth, b: f"class C:\n    from {a} import x"}) == [a, b, a]


def test_lines_of_code():
    source = '"""Doc\n\nstring."""\n\nx = 1  # one\n# none\ny = """two\nlines"""\n'
    assert lines_of_code(source) == 3
    assert lines_of_cpp("/* a\n b */\nint x; // y\n\n// z\n}\n") == 2


def test_each_test_file_has_a_name_of_its_own():
    names = sorted(file.name for file in Path(__file__).parent.rglob("test_*.py"))
    assert [name for name in names if names.count(name) > 1] == []  # pytest takes only the first
