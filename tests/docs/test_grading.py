"""The list of a class's files that the doctor's page makes."""

import re
from pathlib import Path

import pytest

#: They take long; .ci/run has the time.
pytestmark = pytest.mark.ci

PAGE = (Path(__file__).parents[2] / "docs" / "doctor.md").read_text("utf-8")

RIGHT = """
def linear_forward(x, weight, bias):
    return x @ weight.T + bias


def linear_backward(grad_y, x, weight):
    return grad_y @ weight, grad_y.T @ x, grad_y.sum(axis=0)
"""


def test_the_loop_tells_right_from_wrong_and_names_what_is_sure(tmp_path, monkeypatch, capsys):
    (loop,) = re.findall(r"```python\n(from pathlib.*?)```", PAGE, flags=re.DOTALL)
    monkeypatch.chdir(tmp_path)
    files = {
        "ada.py": RIGHT,
        "ben.py": RIGHT.replace("sum(axis=0)", "mean(axis=0)"),
        "cy.py": "def linear_forward(x, weight, bias):\n    return 0 / 0\n",
    }
    Path("class").mkdir()
    for name, text in files.items():
        Path("class", name).write_text(text)
    exec(loop, {})
    assert capsys.readouterr().out.splitlines() == [
        "ada.py right",
        "ben.py linear_backward: bias-mean",
        "cy.py to be looked at",
    ]
