"""Rules 5 and 6: what little some rooms need, tried in a Python that refuses the rest."""

import os
import subprocess
import sys

import pytest
from sources import SOURCES, SRC, house_imports, is_within, part

import clearconv as cc

#: What runs on NumPy alone, as in a browser: all from `ops` to `tracing`, and what draws. `data`
#: lies in between, but decodes photographs.
ALONE = (
    *("tracing", "pages", "models", "optim", "losses", "gradient_checking"),
    *("layers", "saving", "ops", "native", "arrays", "machine"),
    *("errors", "words", "files", "docstring", "random", "version", "doors"),
)
#: Of the standard library, what only some systems have.
ELSEWHERE = ("fcntl", "grp", "msvcrt", "posix", "pwd", "resource", "termios", "tty", "winreg")

_REFUSING = """
import sys
class Refusing:
    def find_spec(self, name, path=None, target=None):
        first = name.split(".")[0]
        if first in {refused!r} or first not in {{"numpy", "clearconv", *sys.stdlib_module_names}}:
            raise ModuleNotFoundError(f"{{name}} is refused", name=name)
sys.meta_path.insert(0, Refusing())
"""


def run(code, refused=()):
    """Run the code in a Python that has NumPy and the standard library, less what is refused."""
    return subprocess.run(
        [sys.executable, "-c", _REFUSING.format(refused=refused) + code],
        env={**os.environ, "PYTHONPATH": str(SRC.parent)},
        capture_output=True,
        text=True,
    )


def test_from_ops_to_tracing_there_is_numpy_alone():
    names = [name for name in SOURCES if part(name) in ALONE]
    done = run(f"import importlib\nfor name in {names}: importlib.import_module(name)", ELSEWHERE)
    assert done.returncode == 0, done.stderr


_LESSON = """
import numpy as np
import clearconv as cc

model = cc.Sequential(cc.Conv2d(2, 3), cc.BatchNorm2d(), cc.ReLU(), cc.Flatten(), cc.Linear(2))
model.build((1, 4, 4), seed=1)
optimiser = cc.SGD(model)
x = np.ones((3, 1, 4, 4), "float32")
loss, grad_y = cc.CrossEntropy()(model.forward(x, training=True), np.array([0, 1, 1]))
model.backward(grad_y)
optimiser.step(lr=0.1)
trace = cc.trace(model, x[0], 1, optimiser=optimiser)
assert "bias[0]" in str(trace.explain("conv1", "y", (0, 0, 0)))
model.save({path!r})
"""


def test_a_network_learns_and_is_traced_and_saved_with_numpy_alone(tmp_path):
    path = str(tmp_path / "model.safetensors")
    done = run(_LESSON.format(path=path), ELSEWHERE)
    assert done.returncode == 0, done.stderr
    assert cc.load(path).input_shape == (1, 4, 4)


#: What a learner's process runs, and where the answers are.
BENCH, ANSWERS = "clearconv.doctor.child", "clearconv.doctor.kinds"


def reached(module, sources):
    """Return all that a module imports, itself or by what it imports, with their packages.

    A package's ``__init__`` runs before its files; what that loads on demand is not reached.
    """
    found, waiting = set(), [module]
    while waiting:
        name = waiting.pop()
        if name in found or name not in sources:
            continue
        found.add(name)
        waiting += [
            name.rpartition(".")[0],
            *(one.module for one in house_imports(sources[name], sources) if one.kind == "now"),
        ]
    return found


def test_a_learners_process_never_holds_the_answers():
    assert not {name for name in reached(BENCH, SOURCES) if is_within(name, ANSWERS)}
    done = run(f"import {BENCH}\nprint(*sys.modules, sep='\\n')")
    assert done.returncode == 0, done.stderr
    assert BENCH in done.stdout.split()
    assert not {name for name in done.stdout.split() if is_within(name, ANSWERS)}


@pytest.mark.parametrize(
    "house",
    [
        {BENCH: f"from {ANSWERS}.conv2d import compute"},
        {BENCH: f"import {ANSWERS}"},
        {
            BENCH: "from clearconv.doctor.find import find",
            "clearconv.doctor.find": f"import {ANSWERS}",
        },
        {BENCH: "", "clearconv.doctor": f"from {ANSWERS} import KINDS"},
    ],
)
def test_answers_in_the_learners_process_are_seen(house):
    house = {"clearconv.doctor": "", ANSWERS: "", f"{ANSWERS}.conv2d": "", **house}
    assert any(is_within(name, ANSWERS) for name in reached(BENCH, house))


def test_a_refused_package_is_seen():
    for name in ("PIL", "safetensors", "rich", "torch"):
        assert f"{name} is refused" in run(f"import {name}").stderr
    assert "fcntl is refused" in run("import fcntl", ELSEWHERE).stderr
    assert run("import numpy, json, clearconv.words", ELSEWHERE).returncode == 0
    assert "PIL is refused" in run("import clearconv.data").stderr  # why it is not in ALONE
