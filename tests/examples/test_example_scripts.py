"""The examples run, and their networks learn."""

import re
import runpy
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def output_of(name, capsys):
    runpy.run_path(str(EXAMPLES / name))
    return capsys.readouterr().out


def test_training_written_out_by_hand(capsys):
    accuracies = re.findall(r"test accuracy ([\d.]+)", output_of("train_by_hand.py", capsys))
    assert len(accuracies) == 10
    assert float(accuracies[-1]) >= 0.95


def test_regression_beats_the_mean_by_far(capsys):
    guess, without, normed = map(
        float, re.findall(r"([\d.]+) pixels", output_of("regression.py", capsys))
    )
    assert max(without, normed) < guess / 4


def test_pooling_takes_the_edge_off_a_small_shift(capsys):
    changes = list(map(float, re.findall(r"([\d.]+)%", output_of("shift.py", capsys))))
    assert len(changes) == 5
    assert changes == sorted(changes, reverse=True)
    assert changes[0] > 50 and changes[-1] < 1


def test_inserted_zeros_give_the_same_numbers(capsys):
    printed = output_of("zero_insertion.py", capsys)
    difference, largest = re.findall(r"difference ([\d.e+-]+), values up to (\d+)", printed)[0]
    assert float(difference) <= 1e-5 * float(largest)
