"""A run to look at, and the two ways to start a command: inside this process, and for real."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

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
