"""Whatever a learner's program does ends in a sentence, and the other layers are examined."""

import os
import time
from pathlib import Path

import pytest

from clearconv.doctor import Confines, examine, told

RIGHT = """
import numpy as np
def relu_forward(x):
    out = np.maximum(0, x)
    return out, x
def relu_backward(dout, cache):
    dx = dout * (cache > 0)
    return dx
"""
OTHER = "def sigmoid_forward(x):\n    return 1 / (1 + np.exp(-x))\n"
QUICK = Confines(seconds=1.5, memory=2 << 30)  # for what never ends
PATIENT = Confines(memory=2 << 30)  # for the rest, which a busy machine may slow down


def visit(folder, text, **given):
    path = Path(folder) / "mine.py"
    path.write_text(text)
    examination = examine(path, **{"confines": QUICK if "while" in text else PATIENT, **given})
    return examination, " ".join(" ".join(told(examination)).split())


def broken(line):
    """Put a line into the forward pass; a second layer follows."""
    return RIGHT.replace("    out =", f"    {line}\n    out =") + OTHER


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            "while True: pass",
            "stopped after 1.5 s in line 4 (while True: pass): a loop",
        ),
        ("np.ones(1 << 40)", "MemoryError"),
        ("import sys; sys.exit(0)", "SystemExit: 0 in line 4"),
        ("import os; os._exit(3)", "the process ended with exit code 3"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "the process ended by SIGSEGV"),
        ("x = input('which layer? ')", "it waits for input(), and nobody is there to type"),
        ("for i in xrange(3): pass", "Python 3 calls it range"),
        ("np.zeros(len(x) / 2)", "in Python 3 / gives a fraction"),
        ("return None", "y is None; is a return missing?"),
        ("return 'a picture', x", "an array of numbers is needed"),
        ("return np.array([x, None], dtype=object), x", "an array of numbers is needed"),
        ("return np.zeros((3000, 3000)), x", "far more numbers than expected"),
        ("raise NotImplementedError('later')", "it is not written yet: NotImplementedError: later"),
        ("import nowhere", "the library is not installed here"),
    ],
)
@pytest.mark.ci
def test_what_stops_a_layer_is_one_sentence_and_the_next_is_examined(tmp_path, line, said):
    examination, text = visit(tmp_path, broken(line))
    first, second = examination.verdicts
    assert said in text
    assert not first.right and second.right


def test_printing_much_and_leaving_processes_behind_does_no_harm(tmp_path):
    line = "import subprocess; subprocess.Popen(['sleep', '60']); print('x' * 3000000)"
    begun = time.monotonic()
    examination, text = visit(tmp_path, broken(line))
    assert examination.right, text
    assert time.monotonic() - begun < 30
    assert "xxx" not in text


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            "import time\nwhile True:\n    time.sleep(0.01)",
            "it seems to train or show something",
        ),
        ("import sys\nsys.exit(1)", "put what should run under if __name__ == '__main__':"),
        ("open('photographs.npy')", "a file that it reads is not there"),
        ("import nowhere.pyplot as plt, math", "the library is not installed here"),
        ("name = input()", "nobody is there to type"),
        ("1 / 0", "ZeroDivisionError"),
    ],
)
@pytest.mark.ci
def test_a_file_that_runs_things_is_examined_by_its_definitions(tmp_path, line, said):
    examination, text = visit(tmp_path, f"{RIGHT}\n{line}\n")
    assert said in text
    assert examination.right


def test_a_guarded_demo_does_not_run(tmp_path):
    guarded = RIGHT + "\nif __name__ == '__main__':\n    raise SystemExit\n"
    examination, _ = visit(tmp_path, guarded)
    assert examination.right and not examination.notes


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("print 'hello'\n", "it looks like Python 2"),
        ("def f(:\n", "line 9: invalid syntax"),
        ("def f():\n\tx = 1\n        y = 2\n", "it looks like Python 2"),
        ("x = 1\0\n", "it is not valid Python 3"),
    ],
)
def test_what_is_no_python_3_is_told(tmp_path, text, said):
    examination, words = visit(tmp_path, RIGHT + text)
    assert said in words and not examination.right


def test_nothing_found_says_what_is_looked_for(tmp_path):
    examination, text = visit(tmp_path, "x = 1\n")
    assert not examination.right
    assert "conv2d.forward=my_conv" in text and "ConvLayer(" in text


def test_inputs_changed_in_place_are_told(tmp_path):
    examination, text = visit(tmp_path, broken("x[x < 0] = 0"))
    assert "it changes its input x in place" in text and "x.copy()" in text


def test_a_case_that_the_code_refuses_is_a_limit(tmp_path):
    examination, text = visit(tmp_path, broken("assert x.ndim == 2, 'matrices only'"))
    assert examination.right
    assert "it refuses" in text and "matrices only" in text


def test_modules_beside_the_file_are_found(tmp_path):
    (tmp_path / "helper.py").write_text("def half(x):\n    return x / 2\n")
    text = "from helper import half\n" + RIGHT.replace("(0, x)", "(0, half(2 * x))")
    examination, words = visit(tmp_path, text)
    assert examination.right, words


@pytest.mark.ci
def test_a_hang_in_one_case_leaves_the_others(tmp_path):
    line = "\n    while x.ndim == 4: pass"
    examination, text = visit(tmp_path, RIGHT.replace("    out =", f"    {line}\n    out ="))
    (verdict,) = examination.verdicts
    assert "a loop may not end" in verdict.stopped
    assert verdict.match is not None and not verdict.match.wrong.keys() - {"y", "grad_x"}
    assert len(verdict.stops) < len(verdict.cases), text


FORGERY = """
import atexit, os, pickle
def forge():
    room = os.environ["TMPDIR"]
    with open(os.path.join(room, "out-0.npz"), "wb") as file:
        file.write(pickle.dumps({"y": print}))
    with open(os.path.join(room, "answers"), "a") as file:
        file.write('[]\\n{"job": 99}\\n{"job": "x"}\\nnonsense\\n{"job": 1, "names": 3}\\n')
atexit.register(forge)
"""


def test_what_the_child_answers_is_not_believed(tmp_path):
    """A pickle in place of arrays is not opened, and lines that make no sense are passed over."""
    examination, text = visit(tmp_path, RIGHT + FORGERY)
    assert not examination.right
    assert "its results did not arrive whole" in text


def test_nothing_is_left_behind(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    (tmp_path / "code").mkdir()
    visit(tmp_path / "code", RIGHT)
    assert sorted(os.listdir(tmp_path)) == ["code"]
    assert os.listdir(tmp_path / "code") == ["mine.py"], "no __pycache__ either"
