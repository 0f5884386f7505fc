"""The pool of threads: forks, second callers, its size, its end, and subnormal numbers."""

import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import clearconv
from clearconv.ops import conv2d
from clearconv.ops.tellings import native_module

native = native_module()
pytestmark = pytest.mark.skipif(native is None, reason="clearconv was built without a compiler")


@pytest.fixture
def two_threads():
    before = native.get_threads()
    native.set_threads(2)
    yield
    native.set_threads(before)


def work():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((8, 16, 40, 40)).astype("f4")
    weight = rng.standard_normal((32, 16, 3, 3)).astype("f4")
    return conv2d.forward(x, weight, backend="native").tobytes()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_forked_child_computes(two_threads):
    expected = work()
    child = os.fork()
    if child == 0:
        os._exit(0 if work() == expected and work() == expected else 1)
    deadline = time.monotonic() + 30
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            break
        if time.monotonic() > deadline:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            pytest.fail("the forked child hangs")
        time.sleep(0.01)
    assert os.waitstatus_to_exitcode(status) == 0
    assert work() == expected


def test_several_python_threads_at_once(two_threads):
    expected = work()
    results = []
    callers = [
        threading.Thread(target=lambda: results.extend(work() == expected for _ in range(5)))
        for _ in range(4)
    ]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(60)
    assert results == [True] * 20


def test_number_of_threads(two_threads):
    assert native.get_threads() == 2
    native.set_threads(5)
    assert native.get_threads() == 5
    work()
    with pytest.raises(ValueError, match="at least one"):
        native.set_threads(0)


@pytest.mark.parametrize("count", [3, np.int64(3)])
def test_set_threads_returns_what_was_before(two_threads, count):
    assert clearconv.set_threads(count) == 2
    assert native.get_threads() == 3
    assert clearconv.set_threads(2) == 3


def fresh(code, **environment):
    ran = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.strip()


DAEMONS = """
import threading, time, numpy as np
from clearconv.ops import conv2d
x, weight = np.ones((16, 16, 64, 64), "f4"), np.ones((32, 16, 3, 3), "f4")
begun = threading.Barrier(3)
def compute():
    begun.wait()
    while True:
        conv2d.forward(x, weight, backend="native")
for _ in range(2):
    threading.Thread(target=compute, daemon=True).start()
begun.wait()
time.sleep(0.1)
"""


@pytest.mark.parametrize("threads", ["1", "3"])
def test_a_daemon_thread_in_a_kernel_does_not_abort_the_exit(threads):
    """CPython ends it with pthread_exit, which must not unwind through C++."""
    fresh(DAEMONS, OMP_NUM_THREADS=threads)


FEWER = """
import os, resource, numpy as np
from clearconv import _native
from clearconv.ops import conv2d
x = np.random.default_rng(0).standard_normal((8, 16, 40, 40)).astype("f4")
weight = np.random.default_rng(1).standard_normal((8, 16, 3, 3)).astype("f4")
work = lambda: conv2d.forward(x, weight, backend="native").tobytes()
running = lambda: len(os.listdir("/proc/self/task"))
_native.set_threads(1)
expected, before = work(), running()
_native.set_threads(4)
soft, hard = resource.getrlimit(resource.RLIMIT_AS)
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (6 << 20), hard))
print(*(work() == expected for _ in range(2)), running() - before)
resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
print(work() == expected, running() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="counts threads as Linux shows them")
def test_where_no_thread_can_be_started_the_others_do_the_work_and_later_calls_try_again():
    assert fresh(FEWER, OMP_NUM_THREADS="1").splitlines() == ["True True 0", "True 3"]


SHOW = "from clearconv import _native; print(_native.get_threads())"


@pytest.mark.parametrize(("setting", "count"), [("1", "1"), ("3", "3"), ("4,2", "4")])
def test_omp_num_threads_is_honoured(setting, count):
    assert fresh(SHOW, OMP_NUM_THREADS=setting) == count


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity mask here")
def test_affinity_is_honoured():
    code = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); " + SHOW
    assert fresh(code, OMP_NUM_THREADS="") == "1"


def test_subnormals_count_as_zero_in_kernels_and_nowhere_else(two_threads):
    tiny = np.full((8, 1, 64, 64), 1e-39, "f4")
    one = np.ones((1, 1, 1, 1), "f4")
    y = conv2d.forward(tiny, one, backend="native")
    np.testing.assert_array_equal(y, 0)
    assert np.all(tiny * np.float32(1) != 0)  # the caller's own arithmetic is as it was
