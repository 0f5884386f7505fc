"""Training in a forked child, and in several Python threads at once, ends in the usual weights."""

import os
import select
import signal
import sys
import threading

import pytest
from networks import Training

from clearconv.ops.tellings import native_module

native = native_module()
pytestmark = pytest.mark.skipif(native is None, reason="clearconv was built without a compiler")

STEPS = 5
SECONDS = 60  # a hang is a failure; the steps take less than one


@pytest.fixture(autouse=True)
def two_threads():
    before = native.get_threads()
    native.set_threads(2)
    yield
    native.set_threads(before)


def trained(name):
    step = Training.of(name)
    for _ in range(STEPS):
        step()
    return step.model.store.fingerprint()


def in_a_child(work):
    """Fork, and return the text that `work` returns there; None if it fails or hangs."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writing, work().encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as result:
        if not select.select([result], [], [], SECONDS)[0]:
            os.kill(child, signal.SIGKILL)
        said = result.read()
    os.waitpid(child, 0)
    return said or None


def threads_here():
    return len(os.listdir("/proc/self/task")) if sys.platform == "linux" else 0


def trained_by_two(name):
    """Train; add by how many threads this process has grown, where Linux counts them."""
    before = threads_here()
    return f"{trained(name)} +{threads_here() - before}"


HELPER = " +1" if sys.platform == "linux" else " +0"
forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
may_fork = pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")


@forks
@may_fork
@pytest.mark.parametrize("name", ["digits_cnn", "lenet", "resnet20"])
def test_a_forked_child_trains_with_two_threads(name):
    expected = trained(name)  # the pool's threads run now, and are not in the child
    assert in_a_child(lambda: trained_by_two(name)) == expected + HELPER
    assert trained(name) == expected


@forks
@may_fork
@pytest.mark.ci
def test_children_forked_while_another_thread_trains():
    """It may hold any lock of theirs at that moment."""
    expected = trained("digits_cnn") + HELPER
    over = threading.Event()

    def train_on():
        while not over.is_set():
            trained("digits_cnn")

    other = threading.Thread(target=train_on)
    other.start()
    try:
        for _ in range(20):
            assert in_a_child(lambda: trained_by_two("digits_cnn")) == expected
    finally:
        over.set()
        other.join()


def test_several_python_threads_train_at_once():
    names = ["lenet", "seed_cnn", "resnet20", "mobilenet"]
    expected = {name: trained(name) for name in names}
    together = {}
    barrier = threading.Barrier(len(names))

    def train(name):
        barrier.wait()
        together[name] = trained(name)

    threads = [threading.Thread(target=train, args=(name,), daemon=True) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)
    assert together == expected
