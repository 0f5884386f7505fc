"""What a learner's program leaves in the doctor's folder is not believed, and nothing stays."""

import json
import os
import signal
import subprocess
import sys
import time
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from clearconv.doctor import Confines, examine
from clearconv.doctor.answers import read
from clearconv.doctor.room import room

RELU = """
import numpy as np
def relu_forward(x):
    return np.maximum(0, x)
def relu_backward(dout, x):
    return dout * (x > 0)
"""
MEDDLING = """
import atexit, os, shutil
def meddle():
    room = os.environ["TMPDIR"]
    here = [os.path.join(room, name) for name in sorted(os.listdir(room))]
    for path, what in zip(here, {kinds}):
        os.unlink(path)
        os.mkfifo(path) if what == "fifo" else os.symlink(what, path)
    if {replaced}:
        shutil.rmtree(room)
        os.symlink(os.path.dirname(__file__), room)
atexit.register(meddle)
"""


@pytest.mark.parametrize(
    ("kinds", "replaced"),
    [(["fifo"] * 9, False), (["/dev/zero"] * 9, False), ([], True)],
    ids=["fifo", "device", "another folder"],
)
@pytest.mark.ci
def test_pipes_devices_and_links_in_the_folder_are_not_opened(tmp_path, kinds, replaced):
    path = tmp_path / "mine.py"
    path.write_text(RELU + MEDDLING.format(kinds=kinds, replaced=replaced))
    begun = time.monotonic()
    examination = examine(path, confines=Confines(seconds=20, memory=2 << 30))
    assert examination.right, "its answers are those it gave before"
    assert time.monotonic() - begun < 60
    assert os.listdir(tmp_path) == ["mine.py"], "what a link leads to is left alone"


def saved(*arrays):
    file = BytesIO()
    for array in arrays:
        np.save(file, array)
    return file.getvalue()


def heard(lines, arrays=b"", jobs=2):
    """Read answers as if a child had written them."""
    with room() as own:
        os.write(own.answers, lines if isinstance(lines, bytes) else "\n".join(lines).encode())
        os.write(own.arrays, arrays)
        return read(own, jobs, "ended 0 ", Path("mine.py"))


LOADED = '{"part": "loaded"}'


def said(**changed):
    usual = {"job": 0, "part": "forward", "names": ["y"], "begin": 0, "trouble": None}
    return json.dumps({**usual, **changed})


def test_whole_answers_are_read():
    arrays = saved(np.arange(3.0), np.eye(2), np.float32(5))
    lines = [
        LOADED,
        said(names=["y", "dx"]),
        said(job=1, begin=len(arrays) - len(saved(np.float32(5)))),
    ]
    loading, (first, second) = heard(lines, arrays)
    assert loading.trouble is first.trouble is None
    np.testing.assert_array_equal(first.results["dx"], np.eye(2))
    assert second.results["y"] == np.float32(5)


@pytest.mark.parametrize(
    "lines",
    [
        b"\xff\xfe\n[]\n3\n\n" + LOADED.encode(),
        b"[" * 100_000 + b"\n" + LOADED.encode(),
        [LOADED, said(job=True), said(job=7), said(job=-1), said(job="x"), said(job=[1])],
    ],
    ids=["no text", "nested deeply", "no such job"],
)
def test_lines_that_make_no_sense_are_passed_over(lines):
    loading, answers = heard(lines)
    assert loading.trouble is None
    assert [answer.part for answer in answers] == ["waiting", "waiting"]


@pytest.mark.parametrize(
    "changed",
    [
        {"names": 3},
        {"names": {"y": 1}},
        {"names": ["y", "y"]},
        {"names": [["y"]]},
        {"begin": -1},
        {"begin": 1 << 80},
        {"begin": 1 << 40},
        {"begin": 3},
        {"begin": "0"},
    ],
)
def test_results_that_are_not_where_they_should_be_are_lost(changed):
    _, (first, _) = heard([LOADED, said(**changed)], saved(np.eye(2)))
    assert first.trouble["message"] == "its results did not arrive whole"


def test_a_forged_array_takes_no_memory():
    """NumPy's header promises 2^40 numbers; a pickle is not opened."""
    forged = BytesIO()
    header = {"descr": "<f8", "fortran_order": False, "shape": (1 << 40,)}
    np.lib.format.write_array_header_1_0(forged, header)
    pickled = saved(np.array([print], dtype=object))
    for arrays in (forged.getvalue(), pickled, b"PK\x03\x04" + bytes(99)):
        _, (first, _) = heard([LOADED, said()], arrays)
        assert not first.results and first.trouble is not None


def test_words_have_the_right_type_and_an_end():
    trouble = {"type": "\ud800rror", "message": "x" * 10_000, "line": -5, "text": 3}
    line = said(trouble=trouble, changed=5, order=True)
    _, (first, _) = heard([LOADED, line], saved(np.eye(2)))
    assert first.trouble == {"type": "?rror", "message": "x" * 300}
    assert first.changed == first.order == []


def test_a_flood_of_answers_is_read_to_a_limit():
    _, (first, second) = heard(b"x" * (8 << 20) + f"\n{LOADED}\n{said()}".encode())
    assert first.part == second.part == "waiting"


HANGS = """
import os, subprocess
def relu_forward(x):
    subprocess.Popen(["sleep", "600"])
    print(os.getpgid(0), file=open({mark!r}, "w"))
    os.rename({mark!r}, {mark!r} + ".done")
    while True: pass
"""


def members(group):
    """Count the processes of a group that are not dead yet."""
    states = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, its_group = path.read_text().rpartition(")")[2].split()[:3]
        except OSError:  # it has just ended
            continue
        states += [state] if its_group == group else []
    return sum(state not in "ZX" for state in states)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize(
    "number",
    [
        signal.SIGTERM,
        *(
            pytest.param(n, marks=pytest.mark.ci)
            for n in (signal.SIGHUP, signal.SIGINT, signal.SIGKILL)
        ),
    ],
)
def test_the_code_and_what_it_started_end_with_the_doctor(tmp_path, number):
    file, mark, rooms = tmp_path / "mine.py", tmp_path / "group", tmp_path / "rooms"
    rooms.mkdir()
    file.write_text(HANGS.format(mark=str(mark)))
    doctor = subprocess.Popen(
        [sys.executable, "-m", "clearconv", "doctor", str(file), "--timeout", "60"],
        env={**os.environ, "TMPDIR": str(rooms)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),  # which nohup ignores
    )
    done, patience = Path(f"{mark}.done"), time.monotonic() + 60
    while not done.exists() and time.monotonic() < patience:
        time.sleep(0.02)
    group = done.read_text().strip()
    assert members(group) == 2
    doctor.send_signal(number)
    code = doctor.wait(60)
    assert code == (-number if number == signal.SIGKILL else 128 + number)
    if number == signal.SIGKILL:  # nobody waits for the guard
        while (members(group) or os.listdir(rooms)) and time.monotonic() < patience:
            time.sleep(0.02)
    assert members(group) == 0 and os.listdir(rooms) == []
