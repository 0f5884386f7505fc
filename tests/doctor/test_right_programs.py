"""No false alarm: right programs of every kind, interface and style are found right."""

import ast

import pytest
from right_programs import WEIGHTS, program

from clearconv.doctor import examine


def found_right(number, folder):
    kind, text, said = program(number)
    file = folder / "mine.py"
    file.write_text(text)
    examination = examine(file)
    faults = [
        (verdict.found.name, verdict.stopped, verdict.match and verdict.match.wrong)
        for verdict in examination.verdicts
        if not verdict.right
    ]
    assert not faults and not examination.unreadable, said
    assert kind in {verdict.found.kind for verdict in examination.verdicts}, said


@pytest.mark.parametrize(
    "number", [*range(4), *(pytest.param(n, marks=pytest.mark.ci) for n in range(4, 12))]
)
def test_a_right_program_is_found_right(number, tmp_path):
    found_right(number, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("number", range(12, 200))
def test_no_alarm_on_two_hundred_right_programs(number, tmp_path):
    found_right(number, tmp_path)


def test_the_two_hundred_are_various():
    programs = [program(number) for number in range(200)]
    assert {kind for kind, _, _ in programs} == set(WEIGHTS)
    assert len({text for _, text, _ in programs}) > 110
    said = {word for _, _, words in programs for word in words}
    for word in ("float32", "kernel flipped forward", "gradients are means", "interface article"):
        assert word in said
    for style in ("loops", "matrix", "taps", "strides", "indices", "fft", "turned"):
        assert f"forward by {style}" in said or f"backward by {style}" in said
    for _, text, _ in programs:
        ast.parse(text)


def test_the_same_number_is_the_same_program():
    assert program(17) == program(17)
