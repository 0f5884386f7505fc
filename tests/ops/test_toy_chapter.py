"""To add an operation takes its folder, its layer and its page, and not a line elsewhere.

The toy in ``toy/`` squares numbers. It is put into a copy of the repository, without its compiled
module, and must be proved, shown, trained, saved, loaded, traced and documented there.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOY = Path(__file__).parent / "toy"
COPIED = (
    "src", "docs", "tests", "examples", "benchmarks", "findings", "README.md", "CHANGELOG.md",
    "CONTRIBUTING.md", "CMakeLists.txt", "pyproject.toml", "LICENSE",
)  # fmt: skip
LEFT_OUT = shutil.ignore_patterns("__pycache__", "*.so", "*.pyd")

pytestmark = pytest.mark.ci  # several starts of Python and a build of the documentation


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """Return a copy of the repository with the toy in it."""
    root = tmp_path_factory.mktemp("copy") / "clearconv"
    root.mkdir()
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, root / name, ignore=LEFT_OUT)
        elif (ROOT / name).exists():
            shutil.copy(ROOT / name, root / name)
    shutil.rmtree(root / "tests" / "ops" / "toy")
    package = root / "src" / "clearconv"
    (package / "ops" / "toy").mkdir()
    for name in ("__init__", "loops", "matrix", "cases"):
        shutil.copy(TOY / f"{name}.py", package / "ops" / "toy")
    shutil.copy(TOY / "layer.py", package / "layers" / "shape" / "toy.py")
    shutil.copy(TOY / "page.md", root / "docs" / "toy.md")
    return root


@pytest.fixture
def run(copy):
    """Return a function that runs Python in the copy and returns what it printed."""

    def started(*arguments):
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=copy,
            env={**os.environ, "PYTHONPATH": str(copy / "src")},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return started


PYTEST = ("-m", "pytest", "-q", "-p", "no:cacheprovider")


def test_its_tellings_agree_and_its_gradients_are_right(run):
    out = run(*PYTEST, "-k", "toy", "tests/ops/test_twins.py")
    assert re.search(r"^8 passed", out, re.M), out


def test_the_house_takes_it_in(run):
    run(*PYTEST, "tests/house", "tests/docs/test_chapters.py")
    out = run(*PYTEST, "-m", "ci", "-k", "toy", "tests/docs/test_exercises.py")
    assert re.search(r"^2 passed", out, re.M), out


def test_it_is_shown(run):
    listed = [line for line in run("-m", "clearconv", "show").splitlines() if ": " in line]
    names = [line.partition(":")[0] for line in listed]
    assert names[names.index("toy") - 1] == "activation" and names.index("toy") < len(names) - 1
    assert "toy.backward_input" in run("-m", "clearconv", "show", "toy")
    shown = run("-m", "clearconv", "show", "toy.forward")
    assert "y = x²" in shown and "loops = matrix: equal in every bit" in shown
    assert "return x * x" in shown


TRAIN = """
import numpy as np
from clearconv import SGD, Conv2d, CrossEntropy, Flatten, Linear, Sequential, gradient_check
from clearconv.layers.shape.toy import Toy

model = Sequential(Conv2d(2, 3), Toy(), Flatten(), Linear(2)).build((1, 6, 6), dtype="float64")
rng = np.random.default_rng(0)
x, label = rng.standard_normal((8, 1, 6, 6)), rng.integers(0, 2, 8)
assert gradient_check(model, x).ok
optimiser, losses = SGD(model, lr=0.02), []
for _ in range(30):
    loss, grad = CrossEntropy()(model.forward(x, training=True), label)
    model.backward(grad)
    optimiser.step()
    losses.append(loss)
assert losses[-1] < losses[0] / 2, losses
model.save("toy.safetensors")
np.save("x.npy", x)
np.save("y.npy", model.forward(x))
"""

LOAD = """
import numpy as np
import clearconv
from clearconv.glassbox import glass_box

model, x = clearconv.load("toy.safetensors"), np.load("x.npy")
np.testing.assert_array_equal(model.forward(x), np.load("y.npy"))
trace = clearconv.trace(model, x[0], 1)
toy = next(layer for layer in trace.layers if layer.chapter == "toy")
np.testing.assert_array_equal(toy.y, toy.x**2)
print(trace.quantities(toy.path))
try:
    trace.explain(toy.path, "y", (0, 0, 0))
except clearconv.ArgumentError as error:
    print(error)
assert "Toy" in glass_box(trace)
"""


def test_a_model_with_it_is_trained_saved_loaded_and_traced(run):
    run("-c", TRAIN)
    out = run("-c", LOAD)
    assert "('grad_y',)" in out
    assert "nothing in clearconv.tracing.chapters explains toy yet" in out


def test_its_page_stands_in_its_part(run, copy):
    run("docs/build.py", "site")
    page = (copy / "site" / "toy.html").read_text("utf-8")
    neurons = page.partition("<h2>Neurons</h2>")[2].partition("</ul>")[0]
    assert re.findall(r'href="(\w+)\.html"', neurons) == ["linear", "activation", "toy"]
    assert page.count("<math") >= 2
