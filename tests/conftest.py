"""What tests of several parts share, and how the suite is spread over the cores."""

import os
import signal
from pathlib import Path

import pytest

from nursery import Nursery

# A shell starts what it puts into the background with Ctrl-C ignored, and a process hands that on
# to all it starts; some tests press Ctrl-C.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser):
    parser.addoption(
        "--real-starts",
        action="store_true",
        help="start the doctor's processes as a user's command does, instead of forking them",
    )


def pytest_xdist_auto_num_workers(config):
    """Run tests that were named in this process: a start of workers takes longer than a file."""
    return None if config.args_source is config.ArgsSource.TESTPATHS else 0


def pytest_xdist_setupnodes():
    """Give each worker, and what it starts, one thread: there are as many workers as cores."""
    os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")


@pytest.fixture(scope="session")
def shared():
    """Return the folder of real data and reference weights, or skip."""
    beside = Path(__file__).resolve().parents[1].parent / "shared" / "data"
    root = Path(os.environ.get("CLEARCONV_DATA", beside))
    if not root.is_dir():
        pytest.skip(f"no real data at {root}; set CLEARCONV_DATA to the folder that holds it")
    return root


@pytest.fixture(scope="session")
def nursery():
    """Return what forks the doctor's processes instead of starting them."""
    made = Nursery()
    yield made
    made.close()


@pytest.fixture(scope="module")
def forked(nursery, request):
    """Have the doctor fork its processes: a start takes longer than what most of them compute."""
    with pytest.MonkeyPatch.context() as patch:
        if not request.config.getoption("real_starts"):
            patch.setattr("clearconv.doctor.sandbox.subprocess", nursery)
        yield
