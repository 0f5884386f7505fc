"""Kills a training process again and again; `test_kill.py` runs it and judges what is left.

``python killed.py FOLDER KILLS SEED`` trains in FOLDER/unbroken without a disturbance, and in
FOLDER/broken-0, -1, ... with SIGKILLs at random moments. ``python killed.py FOLDER writes`` kills
at the first, second, third ... operation on files instead. Each life is a forked process, because
starting Python anew takes longer than this run.
"""

import json
import os
import random
import signal
import sys
import time
import traceback
from pathlib import Path

from clearconv import BatchNorm2d, Conv2d, Dropout, Flatten, Linear, MaxPool2d, ReLU, Sequential
from clearconv.runs.checkpoint import read_checkpoint
from clearconv.train import resume, train

#: A step takes a few milliseconds, so that most kills fall into a step or into a save.
SETTINGS = {
    "classes": ("1", "7", "8"),
    "epochs": 3,
    "batch_size": 48,
    "augmentation": {"rotate": 10.0},
    "save_every": 0,
    "threads": 1,
}


def live(folder, **settings):
    """Begin the run, or go on with it: what a person does after a crash."""
    if (folder / "run.json").exists():
        resume(folder)
        return
    model = Sequential(
        Conv2d(8, 3, padding=1), BatchNorm2d(), ReLU(), MaxPool2d(2), Dropout(0.3), Flatten(),
        Linear(3),
    )  # fmt: skip
    train("digits", model=model, out=folder, **{**SETTINGS, **settings})


def life(folder, delay=None, doom=None, **settings):
    """Let a process train, killed after a delay or at an operation; tell if it came through."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            if doom is not None:
                die_at(doom)
            live(folder, **settings)
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    if delay is not None:
        time.sleep(delay)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        sys.exit("the process ended with an error of its own, above")
    return os.WIFEXITED(status)


def die_at(number):
    """Kill this process just before the operation on files of that number."""
    count = 0

    def dying(operation):
        def call(*args, **more):
            nonlocal count
            count += 1
            if count == number:
                os.kill(os.getpid(), signal.SIGKILL)
            return operation(*args, **more)

        return call

    for name in ("fsync", "link", "replace", "unlink"):
        setattr(os, name, dying(getattr(os, name)))


def at_random(root, kills, seed):
    """Kill at random moments; return where the run was after each."""
    rng = random.Random(seed)
    start = time.perf_counter()
    assert life(root / "unbroken")
    longest = 0.4 * (time.perf_counter() - start)
    places, number = [], 0
    while len(places) < kills:
        folder = root / f"broken-{number}"
        while len(places) < kills and not life(folder, delay=rng.uniform(0, longest)):
            places.append(place(folder))
        number += 1
    life(root / f"broken-{number - 1}")
    return places


def at_writes(root):
    """Kill at the first operation, then at the second, and so on until a life comes through."""
    few = {"epochs": 2, "batch_size": 160}
    assert life(root / "unbroken", **few)
    places = []
    while not life(root / "broken-0", doom=len(places) + 1, **few):
        places.append(place(root / "broken-0"))
    return places


def place(folder):
    """Return epochs and steps done; None where the run has not begun."""
    if not (folder / "run.json").exists():
        return None
    state = read_checkpoint(folder)
    return len(state.history), state.so_far.step


if __name__ == "__main__":
    root = Path(sys.argv[1])
    if sys.argv[2] == "writes":
        print(json.dumps(at_writes(root)))
    else:
        print(json.dumps(at_random(root, int(sys.argv[2]), int(sys.argv[3]))))
