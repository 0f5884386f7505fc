"""A run to look at, and the two ways to start a command: inside this process, and for real."""

import os
import subprocess
import sys
from pathlib import Path
from shutil import copytree

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import clearconv
from clearconv.cli import main

SOURCE = Path(clearconv.__file__).parent.parent


@pytest.fixture
def run():
    """Start a command in this process."""
    return lambda *args: CliRunner().invoke(main, [str(arg) for arg in args], prog_name="clearconv")


@pytest.fixture(scope="session")
def start():
    """Start a command as a user does, with both outputs piped."""

    def start(*args, cwd=None, **settings):
        path = os.pathsep.join([str(SOURCE), os.environ.get("PYTHONPATH", "")])
        return subprocess.run(
            [sys.executable, "-m", "clearconv", *map(str, args)],
            cwd=cwd,
            capture_output=True,
            encoding="utf-8",
            timeout=120,
            env={**os.environ, "PYTHONPATH": path},
            **settings,
        )

    return start


@pytest.fixture(scope="session")
def digits(start, tmp_path_factory):
    """Return the folder and the output of two epochs on the bundled digits."""
    place = tmp_path_factory.mktemp("digits")
    done = start("train", "digits", "--epochs", 2, "--out", "run", cwd=place)
    assert done.returncode == 0, done.stderr
    return place / "run", done


@pytest.fixture(scope="session")
def painted(tmp_path_factory):
    """Make a folder of ten small pictures of two classes, to be left as it is."""
    rng = np.random.default_rng(0)
    root = tmp_path_factory.mktemp("painted") / "photos"
    for channel, name in ((1, "green"), (0, "red")):
        (root / name).mkdir(parents=True)
        for number in range(5):
            pixels = rng.integers(0, 100, (80, 90, 3), dtype=np.uint8)
            pixels[..., channel] += 120
            Image.fromarray(pixels).save(root / name / f"{number}.png")
    return root


@pytest.fixture
def photos(painted, tmp_path):
    """Return a copy of those pictures that a test may change."""
    return copytree(painted, tmp_path / "photos")
