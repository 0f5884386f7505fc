"""`clearconv doctor`: what it prints, its exit codes, JSON for graders."""

import json

import pytest

pytestmark = pytest.mark.usefixtures("forked")

RIGHT = """
import numpy as np
def relu_forward(x):
    return np.maximum(0, x), x
def relu_backward(dout, cache):
    dx = dout * (cache > 0)
    return dx
"""


@pytest.fixture
def mine(tmp_path):
    """Write a learner's file; return its path."""

    def write(text):
        path = tmp_path / "mine.py"
        path.write_text(text)
        return path

    return write


def test_all_right_is_0(run, mine):
    done = run("doctor", mine(RIGHT))
    assert done.exit_code == 0
    assert done.stdout.startswith(
        "mine.py: 1 layer found, all right\n\nrelu: relu_forward (line 3)"
    )
    assert "right       y, grad_x in 4 cases" in done.stdout


def test_something_wrong_is_1(run, mine):
    path = mine(RIGHT.replace("cache > 0", "dout > 0"))
    done = run("doctor", path)
    assert done.exit_code == 1
    assert "WRONG       grad_x" in done.stdout
    assert "Line 6: dx = dout * (dout > 0)" in done.stdout
    assert "Derived in docs/activation.md" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 79
    found = json.loads(run("doctor", path, "--json").stdout)
    assert found["right"] is False
    (layer,) = found["layers"]
    assert layer["explanations"] == [layer["sure"]] and len(layer["sure"]) == 1
    (mistake,) = layer["mistakes"].values()
    assert mistake["line"] == 6
    assert layer["results"]["y"] == {"right": True, "cases": 4, "wrong_in": []}
    counter = layer["counter_examples"][0]
    assert counter["result"] == "grad_x" and counter["got"] != counter["expected"]


def test_nothing_found_and_a_missing_file_are_2(run, mine, tmp_path):
    done = run("doctor", mine("x = 1"))
    assert done.exit_code == 2 and "--function conv2d.forward=my_conv" in done.stdout
    done = run("doctor", tmp_path / "nowhere.py")
    assert done.exit_code == 2 and "nowhere.py does not exist" in done.stderr
    assert run("doctor").exit_code == 2


def test_python_2_is_1(run, mine):
    done = run("doctor", mine(RIGHT + "print 'done'\n"))
    assert done.exit_code == 1 and "like Python 2" in " ".join(done.stdout.split())


def test_json_holds_no_nan(run, mine):
    """JSON knows no NaN; a grader's parser would stop at it."""
    path = mine(RIGHT.replace("return dx", "return dx * np.nan"))

    def refuse(word):
        raise AssertionError(word)

    found = json.loads(run("doctor", path, "--json").stdout, parse_constant=refuse)
    assert "nan" in json.dumps(found["layers"][0]["counter_examples"])


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--function", "relu.forward"], "is not understood"),
        (["--function", "relu.forward=nothing"], "defines no function nothing"),
        (["--only", "conv2d"], "It has: relu_backward"),
        (["--convention", "kernal=flipped"], "Did you mean 'kernel'?"),
        (["--convention", "kernel=flip"], "Did you mean 'flipped'?"),
        (["--list", "--only", "relo"], "Did you mean 'relu'?"),
    ],
)
def test_wrong_use_is_answered(run, mine, args, said):
    done = run("doctor", mine(RIGHT), *args)
    assert done.exit_code == 2
    assert said in done.stderr and done.stderr.count("\n") == 1


def test_the_catalogue(run):
    done = run("doctor", "--list")
    assert done.exit_code == 0
    assert "no-turn" in done.stdout and "--convention kernel=" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 79
    only = run("doctor", "--list", "--only", "relu").stdout
    assert only.startswith("relu: y, grad_x") and "conv2d" not in only


@pytest.mark.ci
def test_a_convention_can_be_set(run, mine):
    text = "import numpy as np\ndef linear_forward(A, W, b): return W @ A + b, (A, W)\n" + (
        "def linear_backward(dZ, cache):\n    A, W = cache\n    m = A.shape[1]\n"
        "    return W.T @ dZ, dZ @ A.T / m, dZ.sum(1, keepdims=True) / m\n"
    )
    assert "gradients are means over the samples" in run("doctor", mine(text)).stdout
    done = run("doctor", mine(text), "--convention", "batch=sum")
    assert done.exit_code == 1 and "WRONG       grad_weight" in done.stdout


@pytest.mark.ci
def test_on_a_terminal_it_says_what_it_does_and_erases_it(run, mine, monkeypatch):
    from clearconv.cli import doctor

    assert run("doctor", mine(RIGHT)).stderr == ""
    monkeypatch.setattr(doctor, "_shows", lambda: True)
    done = run("doctor", mine(RIGHT))
    assert done.stderr == "\r\033[Kexamining relu relu_backward (1 of 1)\r\033[K"
    assert "examining" not in done.stdout
