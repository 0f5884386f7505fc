"""The pool that decodes and prepares images, where the system allows few threads or none."""

import threading

import numpy as np
import pytest

from clearconv.data import Batches, Preprocessing, open_data
from clearconv.data.batches.threads import thread_pool

HOW = Preprocessing((16, 20), mean=(0.5, 0.4, 0.3), std=(0.2, 0.2, 0.3))


@pytest.fixture
def allowed(monkeypatch):
    """Let only so many threads run at once, as ``ulimit -u`` does."""
    start = threading.Thread.start

    def allow(count):
        def begin(thread):
            if sum(t.name.startswith("clearconv") for t in threading.enumerate()) >= count:
                raise RuntimeError("can't start new thread")
            start(thread)

        monkeypatch.setattr(threading.Thread, "start", begin)

    return allow


@pytest.mark.parametrize(("limit", "used"), [(0, 0), (1, 1), (2, 2), (9, 3)])
def test_as_many_threads_work_as_there_may_be(allowed, limit, used):
    allowed(limit)
    with thread_pool(3, "clearconv-test") as pool:
        workers = [t for t in threading.enumerate() if t.name.startswith("clearconv-test")]
        jobs = [pool.submit(pow, k, 2) for k in range(20)]
        assert [job.result() for job in jobs] == [k * k for k in range(20)]
    assert len(workers) == used
    assert not any(t.name.startswith("clearconv-test") for t in threading.enumerate())


def test_an_error_comes_with_its_job_where_no_thread_runs(allowed):
    allowed(0)
    with thread_pool(2, "clearconv-test") as pool:
        bad, good = pool.submit(divmod, 1, 0), pool.submit(divmod, 7, 2)
    with pytest.raises(ZeroDivisionError):
        bad.result()
    assert good.result() == (3, 1)


@pytest.mark.parametrize("limit", [0, 1])
def test_a_folder_gives_the_same_batches_without_threads(folder, allowed, limit):
    def batches():
        source = open_data(path)
        return [batch.x for batch in Batches(source, np.arange(9), HOW, 4, workers=3)]

    path = folder(count=3)
    expected = batches()
    allowed(limit)
    for got, want in zip(batches(), expected, strict=True):
        np.testing.assert_array_equal(got, want)
