"""Help, versions, errors in one line, exit codes."""

import errno
import re
import subprocess
import sys

import pytest

from clearconv.cli import main, show, summary
from clearconv.cli.misspelt import unknown
from clearconv.errors import DataError, ModelFileError, RunError, TapeError

COMMANDS = (
    "plan",
    "train",
    "evaluate",
    "predict",
    "explain",
    "glassbox",
    "report",
    "export",
    "verify",
    "import",
    "models",
    "weights",
    "summary",
    "doctor",
    "show",
)


def failing(monkeypatch, error):
    """Let `clearconv show` raise."""

    def fail(chapters):
        raise error

    monkeypatch.setattr(sys.modules["clearconv.cli.show"], "_list", fail)


def assert_one_line(result, code):
    assert result.exit_code == code
    assert result.stdout == ""
    assert result.stderr.startswith("Error: ")
    assert result.stderr.endswith("\n")
    assert result.stderr.count("\n") == 1
    assert "Traceback" not in result.stderr


def test_help_lists_every_command(run):
    result = run("--help")
    assert result.exit_code == 0
    assert all(f"  {name} " in result.stdout for name in COMMANDS)
    assert run().stdout == result.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_each_help_shows_examples_and_fits_the_screen(run, name):
    result = run(name, "--help")
    assert result.exit_code == 0
    assert f"Examples:\n    clearconv {name}" in result.stdout
    assert "--debug" in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80


@pytest.mark.parametrize("name", ["explain", "glassbox"])
def test_the_layer_of_an_example_is_one_of_the_default_model(run, name):
    layers = re.findall(r"runs/photos-1 .*--layer (\S+)", run(name, "--help").stdout)
    listed = run("summary", "clearnet", "--classes", "3").stdout
    assert layers and all(re.search(rf"^ *{layer}\b", listed, re.M) for layer in layers)


def test_help_loads_no_numbers():
    """The list of commands must be there at once."""
    code = (
        "import sys; from clearconv.cli import main; main(['--help'], standalone_mode=False);"
        "sys.exit(bool({'numpy', 'PIL', 'rich'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], stdout=subprocess.DEVNULL).returncode == 0


def test_version(run):
    assert run("--version").stdout.startswith("clearconv ")


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["trian"], "Did you mean 'train'?"),
        (["--frobnicate"], "--frobnicate"),
        (["train"], "Give a folder of images"),
        (["train", "digits", "--frobnicate"], "--frobnicate"),
        (["train", "digits", "--epochs", "0"], "--epochs"),
        (["train", "digits", "--epochs", "many"], "--epochs"),
        (["train", "digits", "--model", "lenett"], "lenet"),
        (["train", "digits", "--ratios", "8:1"], "8:1:1"),
        (["train", "digits", "--classes", "1,,2"], "empty name"),
        (["train", "digits", "--classes", "1,dog"], "dog"),
        (["train", "nowhere"], "nowhere does not exist"),
        (["train", "--resume", "nowhere"], "nowhere does not exist"),
        (["train", "--resume"], "A run is missing"),
        (["evaluate"], "RUN"),
        (["evaluate", "nowhere"], "nowhere"),
        (["predict", "."], "IMAGE"),
        (["predict", "nowhere", "a.jpg"], "nowhere"),
        (["summary", "seed_cn"], "Did you mean 'seed_cnn'?"),
        (["summary", "lenet", "--input", "28"], "3x224x224"),
        (["show", "conv3d"], "Did you mean 'conv2d'?"),
        (["show", "conv2d.backwards"], "backward_bias"),
    ],
)
def test_wrong_usage_is_one_line_and_code_2(run, args, said):
    result = run(*args)
    assert_one_line(result, 2)
    assert said in result.stderr


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (DataError("no images"), 2),
        (RunError("no run"), 1),
        (ModelFileError("no model"), 1),
        (TapeError("no tape"), 1),
        (OSError(errno.ENOSPC, "No space left on device", "out/last"), 1),
        (MemoryError(), 1),
        (ZeroDivisionError("division by zero"), 1),
        (ValueError("two\nlines"), 1),
        (ValueError(), 1),
    ],
)
def test_failures_are_one_line(run, monkeypatch, error, code):
    failing(monkeypatch, error)
    assert_one_line(run("show"), code)


def test_what_the_line_says(run, monkeypatch):
    failing(monkeypatch, OSError(errno.ENOSPC, "No space left on device", "out/last"))
    assert run("show").stderr == "Error: out/last: No space left on device.\n"
    failing(monkeypatch, ZeroDivisionError("division by zero"))
    assert "ZeroDivisionError: division by zero" in run("show").stderr
    assert "--debug" in run("show").stderr


def test_a_lack_of_memory_names_options_that_the_command_has(run, monkeypatch):
    def fail(*_, **__):
        raise MemoryError

    monkeypatch.setattr(summary, "create", fail)
    result = run("summary", "lenet", "--input", "3x99999x99999")
    assert result.stderr == "Error: out of memory. Try a smaller --input.\n"
    monkeypatch.setattr("clearconv.cli.train.new_run", fail)
    assert "a smaller --batch-size or --image-size." in run("train", "digits").stderr


@pytest.mark.parametrize("args", [("--debug", "show"), ("show", "--debug")])
def test_debug_shows_the_traceback(run, monkeypatch, args):
    failing(monkeypatch, ZeroDivisionError("division by zero"))
    result = run(*args)
    assert result.exit_code == 1
    assert "Traceback" in result.stderr
    assert "in fail" in result.stderr


def test_interruption(run, monkeypatch):
    failing(monkeypatch, KeyboardInterrupt())
    result = run("show")
    assert result.exit_code == 130
    assert result.stderr == "\nStopped.\n"


def test_a_reader_that_leaves_is_no_error(start):
    """As `clearconv show conv2d | head -1` does."""
    code = (
        "import subprocess, sys\n"
        "command = [sys.executable, '-m', 'clearconv', 'show', 'conv2d.forward']\n"
        "pipe = subprocess.PIPE\n"
        "shown = subprocess.Popen(command, stdout=pipe, stderr=pipe)\n"
        "shown.stdout.close()\n"
        "sys.stderr.write(shown.stderr.read().decode())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8")
    assert done.stderr == ""


def test_unknown_names_what_is_near_and_what_there_is():
    assert unknown("model", "lennet", ["lenet", "other"]) == (
        "model 'lennet' is not known. Did you mean 'lenet'? Known: lenet, other."
    )
    assert "Did you mean" not in unknown("model", "zzz", ["lenet"])


def test_modules_hold_their_commands():
    assert {show.show.name, summary.summary.name} == {"show", "summary"}
    assert main.list_commands(None) == list(COMMANDS)


@pytest.mark.parametrize("command", ["predict", "explain", "evaluate", "report"])
def test_a_wrong_run_is_answered_with_the_runs_there_are(run, tmp_path, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    arguments = ("x.png",) if command in ("predict", "explain") else ()
    result = run(command, "runs/one", *arguments)
    assert result.exit_code == 2 and "clearconv train makes one" in result.stderr
    (tmp_path / "runs" / "two").mkdir(parents=True)
    (tmp_path / "runs" / "two" / "run.json").write_text("{}")
    result = run(command, "runs/one", *arguments)
    assert result.exit_code == 2 and "there are runs/two" in result.stderr


def test_a_mistyped_choice_is_answered_with_the_likeliest(run):
    result = run("train", "digits", "--optimiser", "adm")
    assert result.exit_code == 2 and "Did you mean 'adam'?" in result.stderr
