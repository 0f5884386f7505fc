"""The autopsy's numbers are the script's."""

import re
import runpy
from pathlib import Path

import pytest

from clearconv.doctor import examine, told

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "autopsy.md").read_text("utf-8")
NUMBER = r"\d\.\d{3}"


@pytest.mark.ci
def test_the_page_shows_what_the_script_prints(capsys):
    runpy.run_path(str(ROOT / "examples" / "dropout_autopsy.py"))
    printed = capsys.readouterr().out
    blocks = re.findall(r"```console\n(.*?)```", PAGE, flags=re.DOTALL)
    shown = "\n".join(blocks).removeprefix("$ python examples/dropout_autopsy.py\n")
    assert re.sub(NUMBER, "#", shown) == re.sub(NUMBER, "#", printed)
    # another processor rounds otherwise, and a network's way differs from there on
    pairs = zip(*(map(float, re.findall(NUMBER, text)) for text in (shown, printed)), strict=True)
    assert all(abs(said - came) < 0.1 for said, came in pairs)
    none, broken, cured = (
        [float(number) for number in re.findall(NUMBER, line)] for line in printed.splitlines()[2:5]
    )
    assert broken[0] > 0.97 and max(broken[1:]) < 0.95  # the same images fall, with the mode alone
    assert min(none[1:]) > 0.96 and min(cured[1:]) > 0.96
    assert cured[0] < cured[1]
    proof = [float(number) for number in re.findall(NUMBER, printed.splitlines()[-1])]
    assert min(proof) > 0.96


@pytest.mark.usefixtures("forked")
def test_the_doctor_says_of_the_mistake_what_the_page_shows(tmp_path):
    (program,) = re.findall(r"```python\n(import numpy.*?)```", PAGE, flags=re.DOTALL)
    (shown,) = re.findall(r"```text\n\$ clearconv doctor mine.py\n(.*?)```", PAGE, flags=re.DOTALL)
    (tmp_path / "mine.py").write_text(program)
    found = examine(tmp_path / "mine.py")
    assert not found.right
    said = "\n".join(told(found))
    pieces = [piece.strip("\n") for piece in shown.split("[...]") if piece.strip()]
    assert pieces and all(piece in said for piece in pieces)
