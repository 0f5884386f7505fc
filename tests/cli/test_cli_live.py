"""The running epoch on terminals of several widths, and as plain lines."""

import io
import os
import threading
from types import SimpleNamespace

import pytest
from rich.console import Console

from clearconv.cli.screen import live as _live
from clearconv.cli.screen.bar import Bar
from clearconv.cli.screen.live import LiveEpoch, drawn, time_left
from clearconv.cli.screen.progress import Training

NOTES = ["loss 0.694", "accuracy 0.785", "1,042 images/s", "left: epoch 70 s, run 21 min"]


def screen(width, step=45):
    console = Console(file=io.StringIO(), width=width, force_terminal=False)
    console.print(drawn(width, "epoch 12/100", step, 75, NOTES))
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def test_eighty_columns_take_two_lines():
    first, second = screen(80)
    assert first.startswith("epoch 12/100 ") and first.endswith(" 45/75")
    assert second == "  ".join(NOTES)


def test_a_narrow_screen_takes_more_lines_and_loses_nothing():
    lines = screen(40)
    assert max(map(len, lines)) < 40
    assert "  ".join(lines[1:]) == "  ".join(NOTES)
    assert screen(24)[0] == "epoch 12/100 45/75"  # no room for a bar


def test_the_bar_grows():
    console = Console(file=io.StringIO(), width=80, force_terminal=True, color_system=None)
    for step in (0, 75):
        console.print(drawn(80, "epoch 1/2", step, 75, []))
    empty, full = console.file.getvalue().splitlines()
    assert full.count("━") == 24 and empty != full


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1, "0 s"),
        (7.6, "8 s"),
        (99, "99 s"),
        (130, "2 min"),
        (5900, "98 min"),
        (7260, "2 h 1 min"),
    ],
)
def test_time_left(seconds, text):
    assert time_left(seconds) == text


def test_elsewhere_a_line_now_and_then(monkeypatch, capsys):
    now = [100.0]
    monkeypatch.setattr(_live, "monotonic", lambda: now[0])
    live = LiveEpoch()
    for step in range(1, 76):  # a second each
        now[0] += 1
        live.update("epoch 1/2", step, 75, NOTES)
    live.close()
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "  ".join(["epoch 1/2", f"step {step}/75", *NOTES]) for step in (30, 60)
    ]


def test_a_system_without_a_thread_to_spare_does_not_stop_what_is_shown(monkeypatch):
    def refuse(thread):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    monkeypatch.setattr("sys.stderr", io.StringIO())
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    live, bar = LiveEpoch(), Bar()
    for step in (1, 2):
        live.update("epoch 1/2", step, 2, NOTES)
    live.close()
    bar.update("reading images", 1, 2)
    bar.close()


def test_time_left_is_that_of_the_epoch_and_of_all():
    """75 steps of 32 images at 100 a second: 24 s an epoch; later epochs as the last one was."""

    class Run:
        class settings:
            epochs = 10

        class split:
            train = range(75 * 32)

        history: list = []

    shown = Training()
    shown.run = Run
    assert shown._forecast(1, 50, 75, 100.0) == pytest.approx((8, 8 + 9 * 24))
    Run.history = [SimpleNamespace(seconds=30.0)]
    assert shown._forecast(2, 50, 75, 100.0) == pytest.approx((8, 8 + 8 * 30))


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs a pseudo-terminal")
def test_a_warning_goes_between_the_lines(monkeypatch):
    """On a terminal what is drawn is erased before the warning is written."""
    ours, theirs = os.openpty()
    with os.fdopen(theirs, "w") as terminal:
        monkeypatch.setattr("sys.stderr", terminal)
        monkeypatch.setenv("TERM", "xterm")
        shown = Training()
        shown.live.update("epoch 1/2", 1, 75, NOTES)
        shown.warned("Conv2d 'conv1': \x1b[2J")
        print("end", file=terminal, flush=True)
        written = ""
        while "end" not in written:
            written += os.read(ours, 65536).decode()
    os.close(ours)
    before, _, after = written.rpartition("Warning: ")
    assert "epoch 1/2" in before and after.startswith("Conv2d 'conv1': \\x1b[2J")
    assert "\x1b[2K" in before  # rich's way to erase a line
