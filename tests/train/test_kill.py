"""A run killed at any moment, by SIGKILL, ends in the bits of one that was never stopped."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file

TIMES = ("seconds", "images_per_second")


def killed(root, *args):
    """Run the script; return where the run was after each kill."""
    done = subprocess.run(
        [sys.executable, Path(__file__).with_name("killed.py"), root, *map(str, args)],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OPENBLAS_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def without_times(record):
    return {key: value for key, value in record.items() if key not in TIMES}


def left(folder):
    """Return what a run came to: records, test, and every array of both model files."""
    lines = (folder / "history.jsonl").read_text().splitlines()
    arrays = {
        f"{name}/{key}": array
        for name in ("last", "best")
        for key, array in load_file(folder / f"{name}.safetensors").items()
    }
    infos = []
    for name in ("last", "best"):
        with safe_open(folder / f"{name}.safetensors", "numpy") as file:
            info = json.loads(file.metadata()["clearconv"])["info"]
        infos.append({**info, "history": list(map(without_times, info["history"]))})
    result = without_times(json.loads((folder / "result.json").read_text()))
    return [without_times(json.loads(line)) for line in lines], result, infos, arrays


def check(root):
    """Compare every broken run with the unbroken one; return how many there were."""
    history, result, infos, arrays = left(root / "unbroken")
    broken = sorted(root.glob("broken-*"))
    for folder in broken:
        again = left(folder)
        assert again[:3] == (history, result, infos)
        assert again[3].keys() == arrays.keys()
        for name, array in arrays.items():
            np.testing.assert_array_equal(again[3][name], array, err_msg=f"{folder.name} {name}")
        assert sorted(file.name for file in folder.iterdir()) == sorted(
            file.name for file in (root / "unbroken").iterdir()
        ), "a temporary file was left behind"
    return len(broken)


@pytest.mark.ci
def test_at_twenty_random_moments(tmp_path):
    places = killed(tmp_path, 20, 0)
    assert len(places) == 20
    assert check(tmp_path) >= 1
    assert any(place and place[1] for place in places), "no kill fell into an epoch"


def test_before_each_operation_on_files_in_turn(tmp_path):
    places = killed(tmp_path, "writes")
    assert check(tmp_path) == 1
    assert places[0] is None  # the very first: nothing is there yet, and the run begins anew
    assert any(place and place[1] for place in places)
    assert len(places) > 15
