"""File names that are not UTF-8 or very long: every command takes them and can show them."""

import json
import os
import shutil

import pytest

from clearconv.runs.open import open_run
from clearconv.train import Callback

HALF = os.fsdecode(b"\xfc")  # as Latin-1 writes u with dots: half a character for UTF-8


class Stop(Exception):
    """Break off, as Ctrl-C does."""


class StopAfter(Callback):
    """Break off after the first epoch."""

    def epoch(self, record, best):
        """Break off."""
        raise Stop


@pytest.fixture
def odd(photos):
    """Put half characters into the names of the folder, of a class, and of files."""
    root = photos.rename(photos.with_name(f"ph{HALF}tos"))
    (root / "green").rename(root / f"gr{HALF}n")
    for path in sorted(root.glob("*/*.png")):
        path.rename(path.with_name(f"{HALF}{path.name}"))
    (root / "red" / f"bad{HALF}.jpg").write_bytes(b"no image")
    shutil.copy(root / "red" / f"{HALF}0.png", root / f"gr{HALF}n" / f"twin{HALF}.png")
    return root


@pytest.fixture
def place(tmp_path):
    """Return a place that has half a character in its name."""
    folder = tmp_path / f"r{HALF}ns"
    folder.mkdir()
    return folder


NET = ("--model", "simple_convnet", "--image-size", 28)
SMALL = ("--epochs", 1, *NET)


@pytest.mark.ci
def test_names_that_are_not_utf_8_go_through_every_command(run, odd, place):
    folder, image = place / "one", odd / "red" / f"{HALF}0.png"
    for args in (
        ("plan", odd, *NET),
        ("plan", odd, *NET, "--json"),
        ("train", odd, "--out", folder, *SMALL),
        ("evaluate", folder),
        ("evaluate", folder, odd, "--json"),
        ("predict", folder, image),
        ("predict", folder, image, "--json"),
        ("explain", folder, image),
        ("glassbox", folder, image),
        ("glassbox", folder, f"red/{HALF}0.png"),
        ("report", folder),
        ("summary", folder),
        ("train", odd, "--out", place / "two", "--split", folder / "split.json", *SMALL),
        ("train", odd, "--out", place / "three", "--from", folder, "--epochs", 1),
    ):
        result = run(*args)
        assert result.exit_code == 0, (args[0], ascii(result.stderr))
        result.stdout.encode()  # what is printed is whole characters
        result.stderr.encode()
    (said,) = json.loads(run("predict", folder, image, "--json").stdout)
    assert said["file"] == str(image)  # and is read back without loss
    files = set(open_run(folder).about.data.sha256)
    assert files == {p.relative_to(odd).as_posix() for p in odd.glob("*/*.png")}
    split, again = (json.loads((place / n / "split.json").read_text()) for n in ("one", "two"))
    assert split == again
    assert {file for part in ("train", "validation", "test") for file in split[part]} == files


def test_a_run_on_names_that_are_not_utf_8_is_taken_up_again(run, odd, place):
    from clearconv.train import train

    few = {"epochs": 2, "image_size": 28, "model": "simple_convnet"}
    whole = train(str(odd), out=place / "whole", **few)
    with pytest.raises(Stop):
        train(str(odd), out=place / "broken", callbacks=[StopAfter()], **few)
    result = run("train", "--resume", place / "broken")
    assert result.exit_code == 0, ascii(result.stderr)
    assert whole.fingerprint in result.stdout


def test_tensorboard_takes_names_that_are_not_utf_8(run, odd, place):
    pytest.importorskip("tensorboardX")
    result = run("train", odd, "--out", place / "run", "--tensorboard", *SMALL)
    assert result.exit_code == 0, ascii(result.stderr)


def test_what_is_named_after_a_long_name_is_shorter(run, photos, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    root = photos.rename(photos.with_name("d" * 255))
    (root / "red").rename(root / ("\N{LATIN SMALL LETTER U WITH DIAERESIS}" * 127))
    first = root / "green" / f"{'n' * 250}1.png"
    second = root / "green" / f"{'n' * 250}2.png"
    for path, name in ((root / "green" / "1.png", first), (root / "green" / "2.png", second)):
        path.rename(name)
    result = run("train", root, *SMALL)
    assert result.exit_code == 0, result.stderr
    (folder,) = (tmp_path / "runs").iterdir()
    for args in (
        ("explain", folder, first, second),
        ("glassbox", folder, first),
        ("glassbox", folder, f"green/{second.name}", "--out", tmp_path / f"{'o' * 250}.html"),
    ):
        result = run(*args)
        assert result.exit_code == 0, result.stderr
    pictures = sorted(path.name for path in (folder / "explanations").iterdir())
    assert len(pictures) == 2
    assert pictures[0].startswith("nnn") and "n1-explained-" in pictures[0]
    assert "n2-explained-" in pictures[1]


def test_a_pipe_in_the_place_of_a_file_is_refused_at_once(run, photos, tmp_path):
    """Nobody writes to it: whoever opened it would wait for ever."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    idx = tmp_path / "idx"
    idx.mkdir()
    os.mkfifo(idx / "train-images-idx3-ubyte")
    os.mkfifo(idx / "train-labels-idx1-ubyte")
    folder = tmp_path / "run"
    folder.mkdir()
    os.mkfifo(folder / "run.json")
    for args, words in (
        (("train", photos, "--split", pipe, *SMALL), "pipe cannot be read: a pipe, not a file"),
        (("train", photos, "--from", pipe), "pipe: this is not a regular file"),
        (("predict", pipe, photos), "pipe: this is not a regular file"),
        (("train", idx), "idx1-ubyte cannot be read: a pipe, not a file"),
        (("evaluate", folder), "not a run folder"),
    ):
        result = run(*args)
        assert result.exit_code in (1, 2), args
        assert words in result.stderr.replace("images-idx3", "labels-idx1"), result.stderr
