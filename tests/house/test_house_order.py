"""Rule 1 and 2: imports point down, above all rooms and inside some, and make no circle.

An import for types alone, and one inside a function, counts like any other.
"""

import ast
import re
import sys
from itertools import pairwise

import pytest
from sources import ROOT, SOURCES, house_imports, imports, is_package, parsed, part

#: Imports only point down this list, or stay on a line of it.
ORDER = (
    ("cli",),
    ("report", "planning", "explain", "glassbox", "doctor"),
    ("article",),
    ("sklearn",),
    ("exchange",),
    ("train",),
    ("runs",),
    ("tracing",),
    ("pages",),
    ("models", "optim", "losses", "gradient_checking", "data"),
    ("layers",),
    ("saving",),
    ("ops",),
    ("native",),
    ("arrays",),
    ("errors", "words", "files", "machine", "docstring", "random", "version", "doors"),
)
_FLOOR = {name: floor for floor, names in enumerate(ORDER) for name in names}

#: The same inside a room, of its folders; what stands in the room's own folder is "*".
INSIDE = {
    "layers": ("wiring", "stages", "*", "base"),
    "doctor": ("*", "telling", "judging", "running", "reading"),
}


def upward(sources):
    """List the imports that point up the list, or go through the package itself."""
    wrong = []
    for module, source in sources.items():
        here = part(module)
        if here is None:  # the package itself: it names what is public, all on demand
            continue
        for line, target, *_ in house_imports(source, sources):
            there = part(target)
            if there is None or _FLOOR[there] < _FLOOR[here]:
                wrong.append(f"{module}:{line} imports {target}")
    return wrong


def upward_inside(sources):
    """List the imports that point up inside a room."""
    wrong = []
    for module, source in sources.items():
        if part(module) not in INSIDE or module.count(".") == 1:
            continue  # a room's __init__ hands on what all its folders hold
        order = INSIDE[part(module)]
        for line, target, *_ in house_imports(source, sources):
            if part(target) == part(module) and target.count(".") > 1:
                if order.index(_folder(target, order)) < order.index(_folder(module, order)):
                    wrong.append(f"{module}:{line} imports {target}")
    return wrong


def _folder(module, order):
    name = module.split(".")[2]
    return name if name in order else "*"


def late(sources):
    """List the imports inside functions, where neither a package nor a command needs them so.

    A package's ``__getattr__`` loads on demand what it hands on, a command of the command line what
    it runs; and what somebody may not have installed is imported where it is used.
    """
    wrong = []
    for module, source in sources.items():
        if part(module) in (None, "cli"):
            continue
        for line, target, _, kind, _ in imports(source):
            may = ("clearconv._native",) if not is_package(module, sources) else (target,)
            hides = kind == "late" or (kind == "named" and target not in may)
            if hides and target.split(".")[0] in {"clearconv", *sys.stdlib_module_names}:
                wrong.append(f"{module}:{line} imports {target}")
    return wrong


def circle(sources):
    """Return one circle of files, or an empty list."""
    return _circle_in(
        {
            module: {
                found.module
                for found in house_imports(source, sources)
                if found.module in sources and found.kind != "found"
            }
            for module, source in sources.items()
        }
    )


def circle_of_rooms(sources):
    """Return one circle of rooms, or an empty list; rooms of one line could make one."""
    graph = {}
    for module, source in sources.items():
        if (here := part(module)) is not None:
            targets = {part(found.module) for found in house_imports(source, sources)}
            graph.setdefault(here, set()).update(targets - {here, None})
    return _circle_in(graph)


def _circle_in(graph):
    done, path = set(), []

    def visit(node):
        if node in path:
            return [*path[path.index(node) :], node]
        if node in done or node not in graph:
            return []
        path.append(node)
        for target in sorted(graph[node]):
            if found := visit(target):
                return found
        done.add(path.pop())
        return []

    return next((found for node in sorted(graph) if (found := visit(node))), [])


def through_own_package(sources):
    """List the files that take from a package they are part of what that only hands on.

    Whoever imports the file runs the package first, which may then be half made. A chapter's
    ``__init__``, its contract, makes what it gives, and its files may take it from there.
    """
    wrong = []
    for module, source in sources.items():
        for line, target, name, kind, _ in house_imports(source, sources):
            inside = module.startswith(f"{target}.") and is_package(target, sources)
            if inside and kind != "found" and not _makes(sources[target], name):
                wrong.append(f"{module}:{line} imports {target}")
    return wrong


def _makes(source, name):
    """Whether a package's ``__init__`` defines a name; None is any that is public."""
    made = set()
    for node in parsed(source).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            made.add(node.name)
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            made |= {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}
    return name in made or (name is None and not all(one.startswith("_") for one in made))


def table(text):
    """Return the rooms of CONTRIBUTING's table, line by line, a list for each."""
    house = text.partition("## The house")[2].partition("\n## ")[0]
    lines = [line.split("|")[1] for line in house.splitlines() if line.startswith("| `")]
    return [
        [name.strip("/").removesuffix(".py") for name in re.findall(r"`(.*?)`", line)]
        for line in lines
    ]


def disagreements(rows, order):
    """List what a table of rooms gets wrong: a room left out or too much, or out of order."""
    floors = {name: floor for floor, names in enumerate(order) for name in names}
    listed = [name for names in rows for name in names]
    wrong = [f"{name} is left out" for name in sorted({*floors} - {*listed})]
    wrong += [f"{name} is no room" for name in sorted({*listed} - {*floors})]
    known = [name for name in listed if name in floors]
    for above, below in pairwise(known):
        if floors[above] > floors[below]:
            wrong.append(f"{below} stands below {above}")
    return wrong


def test_every_part_has_its_place_in_the_order():
    unknown = {part(module) for module in SOURCES} - {*_FLOOR, None}
    assert not unknown, "add it to ORDER, where its imports allow"
    gone = {*_FLOOR} - {part(module) for module in SOURCES} - {"native"}
    assert not gone, "take it out of ORDER"


def test_imports_point_down():
    assert upward(SOURCES) == []


def test_imports_point_down_inside_a_room():
    assert upward_inside(SOURCES) == []


def test_imports_make_no_circle():
    assert circle(SOURCES) == []
    assert circle_of_rooms(SOURCES) == []


def test_no_file_needs_the_package_it_is_part_of():
    assert through_own_package(SOURCES) == []


def test_imports_stand_at_the_top_of_a_file():
    assert late(SOURCES) == []


def test_the_contributors_table_has_the_same_order():
    rows = table((ROOT / "CONTRIBUTING.md").read_text())
    assert disagreements(rows, ORDER) == []


# -- the rules themselves can be broken

LATE = "def f():\n    "
TYPES = "if TYPE_CHECKING:\n    "


@pytest.mark.parametrize(
    "line",
    [
        "from clearconv.layers import Node",
        "import clearconv.layers.base.node",
        "import clearconv",
        "from clearconv import Conv2d",
        "from clearconv import __version__",
        LATE + "from clearconv.train import run",
        TYPES + "from clearconv.layers import Node",
        TYPES + "pass\nelse:\n    from clearconv.layers import Node",
        "try:\n    import clearconv.optim\nexcept ImportError:\n    pass",
        "class C:\n    def f(self):\n        import clearconv.optim",
        'import_module("clearconv.layers")',
        'importlib.import_module(f"clearconv.layers.{name}")',
    ],
)
def test_an_import_that_points_up_is_seen(line):
    assert upward({"clearconv.ops.conv2d": line, "clearconv.layers.base.node": ""})


@pytest.mark.parametrize(
    "line",
    [
        "from clearconv.version import __version__",
        "from clearconv.errors import ShapeError",
        "from clearconv.ops.geometry.window import Window",
        "import numpy",
        'import_module(f"clearconv.ops.{name}")',
        TYPES + "from clearconv.errors import ShapeError",
    ],
)
def test_an_import_that_points_down_is_allowed(line):
    assert upward({"clearconv.ops.conv2d": line}) == []


@pytest.mark.parametrize(
    ("here", "there"),
    [
        ("layers.base.node", "layers.convolution.conv2d"),
        ("layers.base.node", "layers.stages.growth"),
        ("layers.convolution.conv2d", "layers.stages.growth"),
        ("layers.convolution.conv2d", "layers.wiring.container"),
        ("layers.stages.growth", "layers.wiring.container"),
        ("doctor.reading.find", "doctor.running.sandbox"),
        ("doctor.judging.matching", "doctor.telling.words"),
        ("doctor.telling.words", "doctor.visit"),
    ],
)
def test_an_import_that_points_up_inside_a_room_is_seen(here, there):
    here, there = f"clearconv.{here}", f"clearconv.{there}"
    for how in ("", LATE, TYPES):
        line = f"{how}from {there} import thing"
        assert upward_inside({here: line, there: ""})
        assert upward_inside({there: line.replace(there, here), here: ""}) == []


def test_a_circle_is_seen_however_it_is_closed():
    a, b = "clearconv.layers.a", "clearconv.layers.b"
    forth = "from clearconv.layers import b"
    for how in ("", LATE, TYPES, "class C:\n    "):
        assert circle({a: forth, b: f"{how}from {a} import x"}) == [a, b, a]
    assert circle({a: forth, b: "from clearconv.errors import x"}) == []


def test_a_circle_of_rooms_is_seen():
    house = {
        "clearconv.data.folds": "from clearconv.losses import CrossEntropy",
        "clearconv.losses": "from clearconv.models.small import lenet",
        "clearconv.models.small": "",
        "clearconv.models.own": "from clearconv.data.source import Source",
        "clearconv.data.source": "",
    }
    assert circle(house) == []
    assert circle_of_rooms(house) == ["data", "losses", "models", "data"]


def test_a_file_that_needs_its_own_package_is_seen():
    house = {
        "clearconv.layers": "from clearconv.layers.a import A",
        "clearconv.layers.a": "",
        "clearconv.ops.conv2d": "class Saved: ...",
    }
    for how in ("", LATE, TYPES):
        for line in ("from clearconv.layers import A", "import clearconv.layers"):
            assert through_own_package({**house, "clearconv.layers.b": how + line})
    taken = "from clearconv.ops.conv2d import Saved"
    assert through_own_package({**house, "clearconv.ops.conv2d.loops": taken}) == []
    assert through_own_package({**house, "clearconv.train.a": "import clearconv.layers"}) == []


@pytest.mark.parametrize("line", ["from clearconv.errors import x", "import json"])
def test_a_late_import_is_seen(line):
    assert late({"clearconv.train.loop": LATE + line})
    assert late({"clearconv.train.loop": TYPES + line}) == []
    assert late({"clearconv.train.loop": line}) == []
    assert late({"clearconv.cli.train": LATE + line}) == []
    package = {"clearconv.train": LATE + line, "clearconv.train.loop": ""}
    assert late(package)
    package["clearconv.train"] = f"def __getattr__(name):\n    {line}"
    assert late(package) == []
    assert late({"clearconv.train.loop": LATE + "import_module('clearconv.errors')"})
    assert late({"clearconv.pages.picture": LATE + "from PIL import Image"}) == []


def test_a_table_that_says_something_else_is_seen():
    text = "## The house\n| folder | what |\n| --- | --- |\n{}\n## Next\n| `x` | other |\n"
    right = "| `cli/` | commands |\n| `optim/`, `losses.py` | updates |\n| `ops/` | chapters |"
    order = (("cli",), ("losses", "optim"), ("ops",))
    assert disagreements(table(text.format(right)), order) == []
    for wrong in (
        right.replace("| `ops/` | chapters |", ""),
        right.replace("`losses.py`", "`loss.py`"),
        "\n".join(reversed(right.splitlines())),
    ):
        assert disagreements(table(text.format(wrong)), order)
