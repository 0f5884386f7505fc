"""`clearconv train`: what it says, how it is stopped and resumed, what it refuses."""

import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import replace

import pytest

from clearconv.cli.flags.options import variations
from clearconv.cli.screen import introduction
from clearconv.cli.screen import progress as _progress
from clearconv.data import Augmentation
from clearconv.models import MODELS
from clearconv.ops import tellings as _backend

EPOCH = re.compile(
    r"epoch \d+/\d+  loss \d+\.\d{3}  train [01]\.\d{3}  validation [01]\.\d{3} loss \d+\.\d{3}  "
    r"\d+\.\d s(  best)?"
)
ACCURACY = re.compile(r"test accuracy ([01]\.\d{4}) \((\d+) of (\d+)\)")


def last(output):
    return output.splitlines()[-1]


def fingerprint(output):
    return re.search(r"^weights sha256 +([0-9a-f]{64})$", output, re.MULTILINE)[1]


def settings(folder):
    return json.loads((folder / "run.json").read_text())["settings"]


def test_the_report(digits):
    folder, done = digits
    lines = done.stdout.splitlines()
    assert lines[0].startswith("1,797 images of 10 classes (0, 1, ")
    assert lines[1] == "1,438 to train, 180 to validate, 179 to test"
    assert "digits_cnn" in lines[2]
    assert sum(bool(EPOCH.fullmatch(line)) for line in lines) == 2
    share, right, total = ACCURACY.fullmatch(lines[-1]).groups()
    assert share == f"{int(right) / int(total):.4f}"
    result = json.loads((folder / "result.json").read_text())
    assert (result["test"]["right"], result["test"]["total"]) == (int(right), int(total))
    low, high = result["test"]["interval"]
    assert lines[-2] == f"95 % interval {low:.4f} to {high:.4f}"
    assert fingerprint(done.stdout) == result["weights_sha256"]
    assert "clearconv predict run IMAGE..." in done.stdout
    for mistake in result["test"]["wrong"]:
        assert mistake["file"] in done.stdout


def test_the_report_suits_a_pipe_and_a_narrow_screen(digits):
    stdout = digits[1].stdout
    assert "\x1b" not in stdout + digits[1].stderr
    assert stdout.isascii()
    assert max(map(len, stdout.splitlines())) <= 80


def test_a_stopped_run_goes_on_to_the_same_weights(run, digits, tmp_path, monkeypatch):
    unbroken = digits[1].stdout

    def stop(self, epoch, step, steps, loss, accuracy, images_per_second):
        if (epoch, step) == (2, 3):
            raise KeyboardInterrupt

    folder = tmp_path / "my run"
    with monkeypatch.context() as patch:
        patch.setattr(_progress.Training, "step", stop)
        stopped = run("train", "digits", "--epochs", 2, "--out", folder)
    assert stopped.exit_code == 130
    said = "Stopped in epoch 2 of 2, after step 3 of 45; everything is saved. To continue: "
    assert f"{said}clearconv train --resume '{folder}'" in stopped.stderr
    assert not (folder / "result.json").exists()
    resumed = run("train", "--resume", folder)
    assert resumed.exit_code == 0, resumed.stderr
    assert "continuing in epoch 2 of 2, after step 3 of 45" in resumed.stdout
    assert fingerprint(resumed.stdout) == fingerprint(unbroken)
    assert last(resumed.stdout) == last(unbroken)
    again = run("train", "--out", folder, "--resume")  # finished: only the test is repeated
    assert again.exit_code == 0, again.stderr
    assert "epoch 2/2" not in again.stdout
    assert last(again.stdout) == last(unbroken)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_ctrl_c_and_kill(tmp_path, number, code):
    """A real signal to a real process."""
    command = [sys.executable, "-m", "clearconv", "train", "digits", "--epochs", "500"]
    process = subprocess.Popen(
        [*command, "--out", "run"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    while not process.stdout.readline().startswith("epoch"):
        assert process.poll() is None, process.stderr.read()
    process.send_signal(number)
    stderr = process.communicate(timeout=60)[1]
    assert process.returncode == code
    assert "clearconv train --resume run" in stderr
    assert "Traceback" not in stderr


def test_same_seed_same_weights_other_seed_others(run, digits, tmp_path):
    def weights(name, *args):
        result = run("train", "digits", "--epochs", 1, "--out", tmp_path / name, *args)
        assert result.exit_code == 0, result.stderr
        return fingerprint(result.stdout)

    assert weights("a") == weights("b", "--seed", 0) != weights("c", "--seed", 1)


@pytest.mark.parametrize(
    "option", [("--epochs", 3), ("--lr", "auto"), ("--no-flip",), ("--from", ".")]
)
def test_a_resumed_run_keeps_its_settings(run, digits, option):
    result = run("train", "--resume", digits[0], *option)
    assert result.exit_code == 2
    assert result.stderr.startswith(f"Error: {option[0].replace('--no-', '--')} cannot go with")


def test_a_taken_folder(run, digits):
    result = run("train", "digits", "--out", digits[0])
    assert result.exit_code == 2
    assert "--resume" in result.stderr
    assert result.stderr.count("\n") == 1


def test_not_a_run(run, tmp_path):
    result = run("train", "--resume", tmp_path)
    assert result.exit_code == 1
    assert "not a run folder" in result.stderr


def test_options_arrive(run, tmp_path):
    result = run(
        *("train", "digits", "--out", tmp_path / "run", "--epochs", 1, "--batch-size", 64),
        *("--classes", "3,7,1", "--model", "digits_cnn", "--optimiser", "sgd", "--lr", 0.05),
        *("--momentum", 0.8, "--nesterov", "--weight-decay", 0.001, "--schedule", "step"),
        *("--warmup", 0.2, "--label-smoothing", 0.05, "--class-weights", "--rotate", 10),
        *("--crop", 0.8, "--flip", "--seed", 5, "--patience", 4, "--ratios", "6:2:2"),
        *("--backend", "matrix", "--threads", 1),
    )
    assert result.exit_code == 0, result.stderr
    got = settings(tmp_path / "run")
    augmentation = got.pop("augmentation")
    assert (augmentation["rotate"], augmentation["crop"], augmentation["flip"]) == (
        10,
        [0.8, 1],
        0.5,
    )
    wanted = {
        "classes": ["3", "7", "1"],
        "batch_size": 64,
        "optimiser": "sgd",
        "lr": 0.05,
        "momentum": 0.8,
        "nesterov": True,
        "weight_decay": 0.001,
        "schedule": "step",
        "warmup": 0.2,
        "label_smoothing": 0.05,
        "class_weights": True,
        "seed": 5,
        "patience": 4,
        "ratios": [6, 2, 2],
        "backend": "matrix",
        "threads": 1,
    }
    assert {name: got[name] for name in wanted} == wanted
    assert "of 3 classes (3, 7, 1)" in result.stdout


def test_variations():
    nothing = dict.fromkeys(Augmentation.none().to_dict())
    assert variations({**nothing, "lr": 1}, none=False) == {}
    assert variations({**nothing}, none=True) == Augmentation.none().to_dict()
    assert variations({**nothing, "flip": False, "crop": 1}, none=False) == {
        "flip": 0.0,
        "crop": None,
    }
    only = variations({**nothing, "vertical_flip": True}, none=True)
    assert only == {**Augmentation.none().to_dict(), "vertical_flip": 0.5}
    options = {**nothing, "lr": 1}
    variations(options, none=False)
    assert options == {"lr": 1}


def test_the_notice_where_nothing_is_compiled(run, tmp_path, monkeypatch):
    monkeypatch.setattr(introduction, "native_module", lambda: None)
    few = ("--epochs", 1, "--classes", "0,1")
    result = run("train", "digits", *few, "--out", tmp_path / "a")
    assert result.exit_code == 0, result.stderr
    assert result.stderr.count("matrix telling") == 1
    assert "matrix telling" not in result.stdout
    asked = run("train", "digits", *few, "--out", tmp_path / "b", "--backend", "matrix")
    assert "matrix telling" not in asked.stderr


def test_no_notice_where_the_kernels_are(run, tmp_path, monkeypatch):
    monkeypatch.setattr(introduction, "native_module", lambda: sys)
    few = ("--epochs", 1, "--classes", "0,1")
    result = run("train", "digits", *few, "--out", tmp_path / "a")
    assert result.exit_code == 0
    assert result.stderr.startswith("Advice: 36 test images are few")  # and nothing else
    assert result.stderr.count("\n") == 1


def test_the_native_telling_by_name(run, tmp_path, monkeypatch):
    few = ("--epochs", 1, "--classes", "0,1", "--backend", "native")
    if _backend.native_module() is not None:
        result = run("train", "digits", *few, "--out", tmp_path / "a")
        assert result.exit_code == 0, result.stderr
    absent = replace(_backend.TELLINGS["native"], load=lambda chapter: None)
    monkeypatch.setitem(_backend.TELLINGS, "native", absent)
    monkeypatch.setattr(_backend, "native_module", lambda: None)
    result = run("train", "digits", *few, "--out", tmp_path / "b")
    assert result.exit_code != 0
    assert "install clearconv where a C++ compiler is found" in result.stderr
    assert "Use --backend matrix, or leave --backend out" in result.stderr
    assert not (tmp_path / "b").exists()


def test_problems_of_the_data_are_named(run, photos, tmp_path):
    for number in range(14):
        (photos / "red" / f"broken{number:02}.jpg").write_bytes(b"no image")
    result = run("train", photos, "--out", tmp_path / "run", "--epochs", 1, "--image-size", 64)
    assert result.exit_code == 0, result.stderr
    warnings = [line for line in result.stderr.splitlines() if line.startswith("Warning")]
    assert len(warnings) == 11
    assert "red/broken00.jpg" in warnings[0]
    assert "4 more" in warnings[-1]
    assert "10 images of 2 classes (green, red)" in result.stdout


def test_early_stop_is_said(run, tmp_path):
    result = run(
        *("train", "digits", "--out", tmp_path / "run", "--classes", "0,1", "--epochs", 50),
        *("--patience", 1, "--lr", 1e-30, "--optimiser", "sgd"),
    )
    assert result.exit_code == 0, result.stderr
    assert "stopped early: no better validation for 1 epoch\n" in result.stdout
    assert result.stdout.count("\nepoch ") == 2  # nothing moves, so the second is no better


def test_divergence_is_one_line(run, tmp_path):
    result = run(
        *("train", "digits", "--out", tmp_path / "run", "--optimiser", "sgd", "--lr", 1e30),
        *("--epochs", 1, "--schedule", "constant", "--warmup", 0),
    )
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: The loss became")
    assert result.stderr.count("\n") == 1


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs a pseudo-terminal")
@pytest.mark.ci
def test_bars_are_drawn_on_a_terminal_and_erased(start, tmp_path):
    """Standard error a terminal, standard output a pipe: the bar must stay out of the pipe."""
    ours, theirs = os.openpty()
    command = [sys.executable, "-m", "clearconv", "train", "digits", "--epochs", "2"]
    with subprocess.Popen(
        [*command, "--out", "run"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=theirs,
        encoding="utf-8",
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "TERM": "xterm"},
    ) as process:
        os.close(theirs)
        drawn = b""
        try:
            while piece := os.read(ours, 65536):
                drawn += piece
        except OSError:  # how Linux says that the other end is closed
            pass
        stdout = process.stdout.read()
    os.close(ours)
    assert process.returncode == 0
    assert b"epoch 2/2" in drawn
    assert b"images/s" in drawn
    assert "\x1b" not in stdout
    assert ACCURACY.fullmatch(last(stdout))


def test_a_learning_rate_is_looked_for(run, tmp_path):
    few = ("--classes", "0,1,7", "--epochs", 1)
    result = run("train", "digits", *few, "--lr", "auto", "--out", tmp_path / "run")
    assert result.exit_code == 0, result.stderr
    (rate,) = re.findall(
        r"^learning rate ([\d.e-]+), found by a range test \(lr_finder.json\); "
        r"without --lr it is 0.003$",
        result.stdout,
        re.MULTILINE,
    )
    assert settings(tmp_path / "run")["lr"] == float(rate)
    wrong = run("train", "digits", "--lr", "fast", "--out", tmp_path / "b")
    assert wrong.exit_code == 2 and "'fast' is not a valid" in wrong.stderr


def test_a_run_begins_with_another(run, digits, tmp_path):
    few = ("--classes", "0,1,7", "--epochs", 1)
    for number, (freeze, words) in enumerate(
        (
            (("--freeze", 2), "frozen: the first 2 layers and blocks; "),
            (("--freeze", 1), "frozen: the first layer; "),
            (("--freeze", "linear1"), "frozen: all before linear1; "),
            ((), ""),
        )
    ):
        out = tmp_path / str(number)
        result = run("train", "digits", *few, "--from", digits[0], *freeze, "--out", out)
        assert result.exit_code == 0, result.stderr
        assert f"started from {digits[0]}\n" in result.stdout
        assert words in result.stdout and ("frozen" in result.stdout) == bool(freeze)
        assert settings(out)["freeze"] == (freeze[1] if freeze else 0)
    again = run("train", "--resume", tmp_path / "0")
    assert again.exit_code == 0 and "frozen: the first 2 layers" in again.stdout
    other = run("train", "digits", "--from", digits[0], "--model", "lenet")
    assert other.exit_code == 2 and "--model lenet does not go with" in other.stderr


@pytest.mark.ci
def test_a_last_batch_too_small_for_batch_norm_joins_the_one_before(run, photos, tmp_path):
    """Six images in batches of five, at a size where the last maps are 1x1."""
    small = ("--image-size", 32, "--batch-size", 5, "--epochs", 1)
    done = run("train", photos, *small, "--out", tmp_path / "run")
    assert done.exit_code == 0, done.output
    said = "the last batch of each epoch has 6 images: a batch of 1 would be too small for batch"
    assert done.stdout.count(said) == 1
    assert run("plan", photos, *small).stdout.count(said) == 1
    done = run("train", photos, "--image-size", 32, "--batch-size", 1)
    assert done.exit_code == 2 and "Choose a batch size of at least 2" in done.stderr


def test_a_class_with_a_comma_in_its_name(run, photos, tmp_path):
    (photos / "red").rename(photos / "red, light")
    small = ("--model", "seed_cnn", "--image-size", 64, "--epochs", 1, "--out", tmp_path / "run")
    done = run("train", photos, "--classes", '"red, light",green', *small)
    assert done.exit_code == 0, done.output
    about = json.loads((tmp_path / "run" / "run.json").read_text())
    assert about["settings"]["classes"] == ["red, light", "green"]
    for empty in ("a,,b", "", 'a,""', "a, "):
        done = run("train", photos, "--classes", empty)
        assert done.exit_code == 2 and "has an empty name" in done.stderr


def test_what_cannot_go_with_resume_can_begin_a_new_run(run, digits):
    folder, _ = digits
    done = run("train", "--resume", folder, "--epochs", 9)
    assert done.exit_code == 2
    text = " ".join(done.stderr.split())
    assert (
        f"begin a new run with the model of that one: clearconv train DATA --from {folder}" in text
    )


def test_batch_norm_where_it_is_no_choice(run):
    """The error and the help list the models that take it, from the registry."""
    takes = [name for name, info in MODELS.items() if "batch_norm" in info.options]
    done = run("train", "digits", "--model", "lenet", "--batch-norm")
    assert done.exit_code == 2
    assert f"Models with batch_norm: {', '.join(takes)}." in done.stderr
    text = " ".join(run("train", "--help").stdout.split())
    assert f"if the model has it: {', '.join(takes)}." in text


def test_data_that_moved_are_asked_for_by_each_command(run, photos, tmp_path):
    small = ("--model", "seed_cnn", "--image-size", 64, "--epochs", 1)
    folder, moved = tmp_path / "run", photos.with_name("moved")
    assert run("train", photos, *small, "--out", folder).exit_code == 0
    photos.rename(moved)
    for command in (["train", "--resume"], ["evaluate"], ["report"]):
        done = run(*command, folder)
        words = " ".join(command)
        text = " ".join(done.stderr.split())
        assert f"Say where they are now: clearconv {words} {folder} DATA." in text
        done = run(*command, folder, moved)  # and that command works
        assert done.exit_code == 0, done.output
    done = run("glassbox", folder, "red/0.png")
    assert "Put them back, or give the file of an image." in " ".join(done.stderr.split())


@pytest.mark.parametrize(
    ("place", "where"),
    [
        ("clearconv.cli.screen.introduction.plan_of", "before step 1"),
        ("clearconv.report.write_report", "after epoch 1 of 1"),
    ],
)
def test_ctrl_c_around_the_training(run, tmp_path, monkeypatch, place, where):
    """While the forecast is measured, and while the report is written."""

    def stop(*args, **settings):
        raise KeyboardInterrupt

    folder = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr(place, stop)
        stopped = run("train", "digits", "--classes", "0,1", "--epochs", 1, "--out", folder)
    assert stopped.exit_code == 130
    said = f"Stopped {where}; everything is saved. To continue: clearconv train --resume {folder}\n"
    assert said in stopped.stderr
    resumed = run("train", "--resume", folder)
    assert resumed.exit_code == 0, resumed.stderr
    assert (folder / "report.html").exists()
