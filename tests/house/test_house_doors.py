"""Rules 3 and 4: what begins with an underscore stays in its room; others' packages have one door.

A room is a folder below ``src/clearconv``, with the folders in it.
"""

import ast

import pytest
from sources import (
    SOURCES,
    foreign_imports,
    house_imports,
    is_package,
    is_within,
    parsed,
    part,
    room,
)

#: Package -> where in the house it may be imported; a room, or one file of it.
DOORS = {
    "numpy": ("clearconv",),
    "PIL": ("clearconv.data", "clearconv.pages"),
    "safetensors": ("clearconv.saving",),
    "click": ("clearconv.cli",),
    "rich": ("clearconv.cli", "clearconv.words"),
    "jinja2": ("clearconv.glassbox.write", "clearconv.report.write"),
    "markupsafe": ("clearconv.glassbox.write", "clearconv.report"),
    "latex2mathml": ("clearconv.glassbox.formulas",),
    "tensorboardX": ("clearconv.train.show.tensorboard",),
    # not needed yet; each has its place already
    "mpi4py": ("clearconv.workers.mpi",),
    "onnx": ("clearconv.exchange.onnx",),
    "onnxruntime": ("clearconv.exchange.onnx",),
    "openvino": ("clearconv.exchange.onnx",),
    "cv2": ("clearconv.exchange.onnx",),
    "sklearn": ("clearconv.exchange.sklearn",),
    "wgpu": ("clearconv.gpu",),
    "torch": (),
}

_OFFICIAL = {"_replace", "_asdict", "_fields"}  # a named tuple's, public in spite of their names


def is_private(name):
    """Whether a name begins with one underscore; the compiled kernels have to."""
    return name.startswith("_") and not name.startswith("__") and name != "_native"


def private_modules(sources):
    """List the imports of a file with an underscore from outside the room it stands in."""
    wrong = []
    for module, source in sources.items():
        for line, target, *_ in house_imports(source, sources):
            names = target.split(".")
            for place, name in enumerate(names):
                if is_private(name) and not is_within(module, ".".join(names[:place])):
                    wrong.append(f"{module}:{line} imports {target}")
    return wrong


def private_names(sources):
    """List the imports of a name with an underscore from outside the room of its file."""
    wrong = []
    for module, source in sources.items():
        files = {}  # what a file of the house is called here
        for line, target, name, _, known_as in house_imports(source, sources):
            if name and is_private(name) and not is_within(module, room(target, sources)):
                wrong.append(f"{module}:{line} takes {name} from {target}")
            if name is None and target in sources:
                files[known_as] = target
        for node in ast.walk(parsed(source)):
            if isinstance(node, ast.Attribute) and is_private(node.attr):
                target = files.get(ast.unparse(node.value))
                if target and not is_within(module, room(target, sources)):
                    wrong.append(f"{module}:{node.lineno} takes {node.attr} from {target}")
    return wrong


def private_members(sources):
    """List the uses of another room's private attributes: of an object, not of self."""
    homes = {}  # name -> the parts of the house that define it
    uses = []
    for module, source in sources.items():
        for node in ast.walk(parsed(source)):
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                homes.setdefault(node.name, set()).add(part(module))
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                homes.setdefault(node.id, set()).add(part(module))
            elif isinstance(node, ast.Attribute):
                if isinstance(node.ctx, ast.Store):
                    homes.setdefault(node.attr, set()).add(part(module))
                uses.append((module, node))
    return [
        f"{module}:{node.lineno} uses {ast.unparse(node)}"
        for module, node in uses
        if is_private(node.attr) and node.attr not in _OFFICIAL
        if node.attr in homes and part(module) not in homes[node.attr]
    ]


def through_no_door(sources):
    """List the imports of others' packages outside the places that DOORS names."""
    return [
        f"{module}:{line} imports {target}"
        for module, source in sources.items()
        for line, target, *_ in foreign_imports(source)
        if not any(is_within(module, door) for door in DOORS.get(target.split(".")[0], ()))
    ]


def test_a_file_with_an_underscore_stays_in_its_room():
    assert private_modules(SOURCES) == []


def test_a_name_with_an_underscore_stays_in_its_room():
    assert private_names(SOURCES) == []
    assert private_members(SOURCES) == []


def test_the_packages_of_others_have_one_door_each():
    assert through_no_door(SOURCES) == []


def test_every_door_that_is_in_use_leads_somewhere():
    used = {found.module.split(".")[0] for s in SOURCES.values() for found in foreign_imports(s)}
    missing = {door for name in used for door in DOORS[name]} - {*SOURCES}
    assert not missing, "the file has another name by now: correct DOORS"


# -- the rules themselves can be broken

HOUSE = {
    "clearconv.ops": "",
    "clearconv.ops.conv2d": "",
    "clearconv.ops.conv2d._filters": "def check(): ...\ndef _check(): ...",
    "clearconv.ops.conv2d.loops": "def _sum(): ...",
    "clearconv.layers": "",
    "clearconv.layers.base": "",
    "clearconv.layers.base.node": "class Node:\n    def _run(self): ...\n    def run(self): ...",
    "clearconv.layers.wiring": "",
}


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("clearconv.layers.convolution.conv2d", "from clearconv.ops.conv2d._filters import check"),
        ("clearconv.layers.convolution.conv2d", "from clearconv.ops.conv2d import _filters"),
        ("clearconv.layers.convolution.conv2d", "import clearconv.ops.conv2d._filters"),
        ("clearconv.ops.conv_block", "from clearconv.ops.conv2d._filters import check"),
        (
            "clearconv.ops.conv_block",
            "def f():\n    from clearconv.ops.conv2d._filters import check",
        ),
        (
            "clearconv.ops.conv_block",
            "if TYPE_CHECKING:\n    from clearconv.ops.conv2d._filters import check",
        ),
    ],
)
def test_a_private_file_that_leaves_its_room_is_seen(module, line):
    assert private_modules({**HOUSE, module: line})


@pytest.mark.parametrize(
    "line",
    [
        "from clearconv.ops.conv2d.loops import _sum",
        "from clearconv.ops.conv2d import loops\nloops._sum()",
        "from clearconv.ops.conv2d import loops as told\ntold._sum()",
        "import clearconv.ops.conv2d.loops\nclearconv.ops.conv2d.loops._sum()",
        "def f():\n    from clearconv.ops.conv2d.loops import _sum",
    ],
)
def test_a_private_name_that_leaves_its_room_is_seen(line):
    assert private_names({**HOUSE, "clearconv.layers.convolution.conv2d": line})
    assert private_names({**HOUSE, "clearconv.ops.conv2d.matrix": line}) == []


def test_a_private_attribute_of_another_room_is_seen():
    other = "clearconv.tracing.walk"
    assert private_members({**HOUSE, other: "def f(node):\n    return node._run()"})
    assert private_members({**HOUSE, other: "def f(node):\n    return node.run()"}) == []
    inside = "clearconv.layers.wiring.chain"
    assert private_members({**HOUSE, inside: "def f(node):\n    return node._run()"}) == []


def test_what_stays_in_its_room_is_allowed():
    line = "from clearconv.ops.conv2d._filters import check, _check"
    for module in ("clearconv.ops.conv2d", "clearconv.ops.conv2d.matrix"):
        house = {**HOUSE, module: line}
        assert private_modules(house) == private_names(house) == []
    assert is_package("clearconv.ops.conv2d", HOUSE)


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("clearconv.layers.convolution.conv2d", "import torch"),
        ("clearconv.train.loop", "def f():\n    from PIL import Image"),
        ("clearconv.train.loop", "if TYPE_CHECKING:\n    from PIL import Image"),
        ("clearconv.report.pictures", "import PIL.Image"),
        ("clearconv.workers.alone", "from mpi4py import MPI"),
        ("clearconv.words", "import click"),
        ("clearconv.cli.train", "import pandas"),
        ("clearconv.train.loop", "from importlib import import_module\nimport_module('torch')"),
    ],
)
def test_a_package_that_comes_in_by_another_door_is_seen(module, line):
    assert through_no_door({module: line})


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("clearconv.workers.mpi", "from mpi4py import MPI"),
        ("clearconv.data.images.decode", "from PIL import Image"),
        ("clearconv.layers.norm", "import numpy as np\nimport json\nfrom clearconv import ops"),
    ],
)
def test_a_package_that_comes_in_by_its_door_is_allowed(module, line):
    assert through_no_door({module: line}) == []
