"""Where a run stands on disk: damage is named, nothing good is lost, one process at a time."""

import errno
import fcntl
import json
import os
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest

from clearconv import Conv2d, Flatten, Linear, Sequential
from clearconv.errors import ArgumentError, ModelFileError, RunError
from clearconv.files import sweep, write_atomically
from clearconv.layers.loading import load, load_with_extra
from clearconv.runs import checkpoint as checkpoint_module
from clearconv.runs.folder import new_folder
from clearconv.train import Callback, Interrupted, resume, train

SMALL = {"model": "digits_cnn", "classes": ("1", "7"), "batch_size": 64, "epochs": 2}


class Stop(Exception):
    pass


class StopAt(Callback):
    """Raises in the middle of the run."""

    def __init__(self, epoch, step, what=Stop):
        self.at, self.what = (epoch, step), what

    def step(self, epoch, step, *rest):
        if (epoch, step) == self.at:
            raise self.what


def broken(folder, epoch=2, step=3, what=Stop, **more):
    """Leave a run that stopped in an epoch, with a checkpoint after every step."""
    given = {**SMALL, "save_every": 0, **more}
    with pytest.raises(what):
        train("digits", out=folder, callbacks=[StopAt(epoch, step, what)], **given)
    return folder


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return train("digits", out=tmp_path_factory.mktemp("whole") / "run", **SMALL)


def info(path):
    return load(path).info


def records(folder):
    lines = (folder / "history.jsonl").read_text().splitlines()
    return [json.loads(line)["weights_sha256"] for line in lines]


def test_a_checkpoint_says_where_it_is(tmp_path):
    run = broken(tmp_path / "run")
    last, previous = info(run / "last.safetensors"), info(run / "previous.safetensors")
    assert (last["epoch"], last["so_far"]["step"]) == (1, 2)  # the third step was not saved yet
    assert (previous["epoch"], previous["so_far"]["step"]) == (1, 1)
    assert last["so_far"]["seen"] == 128


def test_saving_changes_no_bit_and_any_step_will_do_to_go_on(tmp_path, whole):
    for step in (1, 2, 5):
        run = broken(tmp_path / str(step), step=step)
        again = resume(run)
        assert again.fingerprint == whole.fingerprint
        assert records(run) == records(whole.folder)


def _timeless(path):
    """Return the bytes of a checkpoint in which no time has passed."""
    model, memory = load_with_extra(path)
    for record in model.info["history"]:
        record.update(seconds=0.0, images_per_second=0.0)
    return model.to_bytes(memory)


def test_a_resumed_run_ends_in_the_same_bytes(tmp_path, whole):
    run = broken(tmp_path / "run")
    resume(run)
    for name in ("best.safetensors", "split.json"):
        assert (run / name).read_bytes() == (whole.folder / name).read_bytes()
    last = "last.safetensors"
    assert _timeless(run / last) == _timeless(whole.folder / last)


def test_the_clock_decides_when_to_save(tmp_path, monkeypatch):
    now = [0.0]
    monkeypatch.setattr("clearconv.runs.run.monotonic", lambda: now[0])
    saved = []

    class Clock(Callback):
        def step(self, epoch, step, *rest):
            saved.append(info(tmp_path / "run" / "last.safetensors")["so_far"]["step"])
            now[0] += 25

    train("digits", out=tmp_path / "run", callbacks=[Clock()], **{**SMALL, "epochs": 1})
    assert saved[:5] == [0, 0, 0, 3, 3]  # 60 seconds are over after the third step


def test_ctrl_c_saves_the_step_at_hand(tmp_path, whole):
    class Press(Callback):
        def step(self, epoch, step, *rest):
            if (epoch, step) == (2, 3):
                signal.raise_signal(signal.SIGINT)
                heard.append("the step goes on")

    heard = []
    with pytest.raises(Interrupted):
        train("digits", out=tmp_path / "run", callbacks=[Press()], **SMALL)
    assert heard
    assert info(tmp_path / "run" / "last.safetensors")["so_far"]["step"] == 3
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert resume(tmp_path / "run").fingerprint == whole.fingerprint


def test_ctrl_c_while_validating(tmp_path, whole, monkeypatch):
    from clearconv.train import loop

    real = loop.evaluate_model

    def pressed(*args):
        if sys._getframe(1).f_code.co_name == "_epoch":
            signal.raise_signal(signal.SIGINT)
        return real(*args)

    with monkeypatch.context() as patch, pytest.raises(Interrupted):
        patch.setattr(loop, "evaluate_model", pressed)
        train("digits", out=tmp_path / "run", **SMALL)
    so_far = info(tmp_path / "run" / "last.safetensors")["so_far"]
    assert so_far["seen"] == len(json.loads((tmp_path / "run" / "split.json").read_text())["train"])
    assert resume(tmp_path / "run").fingerprint == whole.fingerprint


def test_a_step_that_breaks_off_is_not_saved(tmp_path, whole, monkeypatch):
    """A handler of one's own may interrupt anywhere; a half-taken step must not become a state."""
    from clearconv.optim import AdamW

    real = AdamW.step

    def half(self, lr=None):
        real(self, lr)
        if self.steps == 4:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(AdamW, "step", half)
        train("digits", out=tmp_path / "run", **SMALL)
    assert info(tmp_path / "run" / "last.safetensors")["so_far"]["step"] == 0
    assert resume(tmp_path / "run").fingerprint == whole.fingerprint


def test_training_in_another_thread_leaves_signals_alone(tmp_path, whole):
    found = []
    thread = threading.Thread(
        target=lambda: found.append(train("digits", out=tmp_path / "run", **SMALL).fingerprint)
    )
    thread.start()
    thread.join()
    assert found == [whole.fingerprint]


# -- damage


def test_a_damaged_checkpoint_is_named_and_the_one_before_it_goes_on(tmp_path, whole):
    run = broken(tmp_path / "run")
    last = run / "last.safetensors"
    content = bytearray(last.read_bytes())
    content[-20] ^= 1  # a bit of the last tensor
    last.write_bytes(content)
    with pytest.raises(RunError, match=r"last\.safetensors is damaged.*SHA-256.*after epoch 1, "
                       r"step 1.*remove .*last\.safetensors and resume again"):  # fmt: skip
        resume(run)
    assert last.read_bytes() == content
    last.unlink()
    assert resume(run).fingerprint == whole.fingerprint
    assert records(run) == records(whole.folder)


@pytest.mark.parametrize("place", [0, 9, 200, -1])
def test_any_flipped_bit_or_a_cut_is_seen(tmp_path, place):
    run = broken(tmp_path / "run", epoch=1, step=2)
    last = run / "last.safetensors"
    content = bytearray(last.read_bytes())
    if place < 0:
        del content[-9:]
    else:
        content[place] ^= 4
    last.write_bytes(content)
    with pytest.raises((RunError, ModelFileError), match=r"last\.safetensors"):
        resume(run)


def test_where_nothing_is_whole(tmp_path):
    run = broken(tmp_path / "run")
    for name in ("last", "previous"):
        (run / f"{name}.safetensors").write_bytes(b"nothing")
    with pytest.raises(RunError, match="There is no whole checkpoint before it; start a new run"):
        resume(run)
    for name in ("last", "previous"):
        (run / f"{name}.safetensors").unlink()
    with pytest.raises(RunError, match="neither last.safetensors nor previous.safetensors"):
        resume(run)


def test_a_damaged_best_model_is_told_before_hours_of_training(tmp_path):
    run = broken(tmp_path / "run")
    (run / "best.safetensors").write_bytes((run / "best.safetensors").read_bytes()[:-1])
    with pytest.raises(ModelFileError, match="best.safetensors.*Put the file back, or start"):
        resume(run)
    (run / "best.safetensors").write_bytes((run / "last.safetensors").read_bytes())
    with pytest.raises(RunError, match="not the model of epoch 1, the best so far"):
        resume(run)


def test_damaged_settings_name_the_way_out(tmp_path):
    run = broken(tmp_path / "run")
    (run / "run.json").write_text('{"settings": {')
    with pytest.raises(RunError, match=r"run\.json is damaged: .* Put a whole copy back"):
        resume(run)


def test_a_better_model_written_before_its_checkpoint(tmp_path, whole, monkeypatch):
    """The kill falls between the two files of an epoch: the older checkpoint must do."""
    real = checkpoint_module.write

    def die(path, content, previous=None):
        if path.name == "last.safetensors" and b'"epoch\\": 2' in content:
            raise Stop
        real(path, content, previous)

    with monkeypatch.context() as patch, pytest.raises(Stop):
        patch.setattr("clearconv.runs.run.write", die)
        train("digits", out=tmp_path / "run", **SMALL)
    assert info(tmp_path / "run" / "best.safetensors")["epoch"] == whole.best_epoch
    assert info(tmp_path / "run" / "last.safetensors")["epoch"] == 1
    assert resume(tmp_path / "run").fingerprint == whole.fingerprint


# -- disks


def test_a_second_name_is_kept_without_a_moment_without_a_whole_file(tmp_path, monkeypatch):
    path, previous = tmp_path / "last", tmp_path / "previous"
    for content in (b"1", b"2", b"3"):
        write_atomically(path, content, previous)
    assert (path.read_bytes(), previous.read_bytes()) == (b"3", b"2")
    previous.unlink()
    os.link(path, previous)  # what a kill between the two renamings leaves
    write_atomically(path, b"4", previous)
    assert (path.read_bytes(), previous.read_bytes()) == (b"4", b"3")

    def no_links(*_):
        raise OSError(errno.EPERM, "no hard links here")

    monkeypatch.setattr(os, "link", no_links)
    write_atomically(path, b"5", previous)
    assert (path.read_bytes(), previous.read_bytes()) == (b"5", b"4")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["last", "previous"]


def test_temporary_files_of_the_dead_are_swept_and_nothing_else(tmp_path):
    for name in (".last.safetensors.123.tmp", ".lock", "mine.tmp", ".hidden.tmp"):
        (tmp_path / name).touch()
    sweep(tmp_path)
    names = sorted(file.name for file in tmp_path.iterdir())
    assert names == [".hidden.tmp", ".lock", "mine.tmp"]


def test_a_limit_on_files_is_one_clear_error_and_earlier_files_stay(tmp_path):
    """As on a full disk: a process of its own that may write no more (RLIMIT_FSIZE)."""
    code = (
        "import resource, signal, sys\n"
        "from pathlib import Path\n"
        "from clearconv.errors import RunError\n"
        "from clearconv.train import Callback, train\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "class Limit(Callback):\n"
        "    def step(self, epoch, step, *rest):\n"
        "        if (epoch, step) == (2, 3):\n"
        "            resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))\n"
        f"given = {SMALL!r}\n"
        "try:\n"
        "    train('digits', out=Path(sys.argv[1]), callbacks=[Limit()], save_every=0, **given)\n"
        "except RunError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "run"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert "last.safetensors cannot be written: File too large. Allow larger files" in done.stdout
    assert f"resume({str(tmp_path / 'run')!r})" in done.stdout
    assert info(tmp_path / "run" / "last.safetensors")["so_far"]["step"] == 2
    assert not list((tmp_path / "run").glob(".*.tmp"))


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, r"No space left.*Free some space \(for 1 MB\)"),
        (errno.EROFS, "Read-only file system. Make the folder writable"),
    ],
)
def test_what_is_in_the_way_of_writing(tmp_path, monkeypatch, whole, number, words):
    real, calls = os.fsync, []

    def fails(place):
        calls.append(place)
        if len(calls) > 30:
            raise OSError(number, os.strerror(number))
        real(place)

    run = tmp_path / "run"
    with monkeypatch.context() as patch, pytest.raises(RunError, match=words):
        patch.setattr(os, "fsync", fails)
        train("digits", out=run, save_every=0, **SMALL)
    assert not list(run.glob(".*.tmp"))
    assert resume(run).fingerprint == whole.fingerprint


def test_a_folder_that_vanished(tmp_path):
    class Vanish(Callback):
        def step(self, *_):
            if run.exists():
                run.rename(tmp_path / "elsewhere")

    run = tmp_path / "run"
    with pytest.raises(RunError, match="Put the folder back, if it was moved.*train.resume"):
        train("digits", out=run, callbacks=[Vanish()], save_every=0, **SMALL)


def test_an_unwritable_folder(tmp_path, monkeypatch):
    """Root may write everywhere, so the system's answer is made up."""
    real = os.open

    def refuses(path, flags, *rest, **more):
        if flags & os.O_CREAT and str(path).startswith(str(tmp_path / "run")):
            raise OSError(errno.EACCES, os.strerror(errno.EACCES))
        return real(path, flags, *rest, **more)

    monkeypatch.setattr(os, "open", refuses)
    with pytest.raises(RunError, match=r"cannot be written \(Permission denied\)"):
        train("digits", out=tmp_path / "run", **SMALL)


def test_a_file_in_the_way_of_the_folder(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match=r"run folder .*file/run cannot be made"):
        train("digits", out=tmp_path / "file" / "run", **SMALL)


def test_a_first_checkpoint_that_finds_no_room_names_nothing_to_resume(tmp_path, monkeypatch):
    def full(path, content, previous=None):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("clearconv.runs.checkpoint.write_atomically", full)
    with pytest.raises(
        RunError, match="No space left.*start again: the run had not started"
    ) as error:
        train("digits", out=tmp_path / "run", **SMALL)
    assert "resume" not in str(error.value)


def test_a_run_that_cannot_begin_leaves_nothing(tmp_path, monkeypatch):
    def full(path, content, previous=None):
        raise RunError("full")

    monkeypatch.setattr("clearconv.runs.run.write", full)
    with pytest.raises(RunError, match="full"):
        train("digits", out=tmp_path / "runs" / "run", **SMALL)
    assert list((tmp_path / "runs").iterdir()) == []


# -- one process to a folder


def test_a_second_run_in_the_same_folder_is_refused(tmp_path):
    run = tmp_path / "run"

    class Second(Callback):
        def step(self, epoch, step, *rest):
            if (epoch, step) == (1, 2):
                for start in (lambda: resume(run), lambda: train("digits", out=run, **SMALL)):
                    with pytest.raises((RunError, ArgumentError)) as caught:
                        start()
                    said.append(str(caught.value))

    said = []
    train("digits", out=run, callbacks=[Second()], **SMALL)
    assert f"is in use: process {os.getpid()} on " in said[0]
    assert "already holds a run" in said[1]


def test_a_second_run_that_came_at_the_same_moment(tmp_path):
    """Neither has written run.json yet: the lock alone decides."""
    with new_folder(tmp_path / "run", "digits", None, pytest.fail) as folder:
        with pytest.raises(RunError, match="is in use"):
            train("digits", out=folder, **SMALL)
        (folder / "run.json").touch()


def test_a_folder_of_a_run_killed_at_its_very_start_may_be_used(tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    for name in (".lock", "split.json", ".last.safetensors.99.tmp"):
        (run / name).touch()
    train("digits", out=run, **{**SMALL, "epochs": 1})
    assert not list(run.glob(".*.tmp"))
    other = tmp_path / "other"
    other.mkdir()
    (other / "last.safetensors").write_bytes(b"somebody's only copy")
    with pytest.raises(ArgumentError, match="not an empty folder"):
        train("digits", out=other, **SMALL)


def test_default_folders_of_runs_that_begin_at_once_differ(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    start, names = threading.Barrier(6), []

    def begin():
        start.wait()
        with new_folder(None, "photos", None, pytest.fail) as folder:
            (folder / "run.json").touch()
            names.append(folder.as_posix())

    threads = [threading.Thread(target=begin) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(names) == [f"runs/photos-{number}" for number in range(1, 7)]


def test_where_no_lock_can_be_had_a_warning_is_told(tmp_path, monkeypatch):
    def unknown(*_):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    class Ear(Callback):
        def warned(self, message):
            heard.append(message)

    heard = []
    monkeypatch.setattr(fcntl, "flock", unknown)
    train("digits", out=tmp_path / "run", callbacks=[Ear()], **{**SMALL, "epochs": 1})
    assert any("cannot be locked (No locks available)" in message for message in heard)


# -- a network of one's own


def test_a_built_network_goes_on_from_its_own_weights(tmp_path):
    def made():
        net = Sequential(Conv2d(4, 3, activation="relu"), Flatten(), Linear(2))
        net.build((1, 8, 8), seed=5)
        net.parameters["linear1.bias"][...] = 0.25
        return net

    given = {"classes": ("1", "7"), "epochs": 2}
    unbroken = train("digits", out=tmp_path / "whole", model=made(), **given)
    with pytest.raises(Stop):
        train("digits", out=tmp_path / "run", model=made(), callbacks=[StopAt(1, 1)], **given)
    start = load(tmp_path / "run" / "last.safetensors")
    np.testing.assert_array_equal(start.parameters["linear1.bias"], np.full(2, 0.25, "float32"))
    assert resume(tmp_path / "run").fingerprint == unbroken.fingerprint
    about = json.loads((tmp_path / "run" / "run.json").read_text())
    assert about["settings"]["model"] == "own"
    assert about["model"] == json.loads(json.dumps(made().spec()))
