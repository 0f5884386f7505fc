"""The threads that decode and prepare images."""

from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event
from typing import ParamSpec, TypeVar

_P = ParamSpec("_P")
_T = TypeVar("_T")


@contextmanager
def thread_pool(count: int, name: str) -> Iterator[Executor]:
    """Run jobs on threads; an interruption does not wait for the jobs still in the queue.

    If the system allows fewer threads (``ulimit -u``, a container's limit), those do the work, and
    if it allows none, the caller does.

    Parameters
    ----------
    count : int
        Number of threads, at least 1.
    name : str
        Prefix of their names.
    """
    pool = _started(count, name)
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _started(count: int, name: str) -> Executor:
    """Start every thread at once: one that is refused later would interrupt the work."""
    while count:
        pool, gate, started = ThreadPoolExecutor(count, name), Event(), 0
        try:
            for started in range(count):  # noqa: B007 - read below
                pool.submit(gate.wait)  # no thread is idle, so each job takes a thread of its own
            return pool
        except RuntimeError:  # can't start new thread
            count = started
        finally:
            gate.set()
        pool.shutdown()
    return _Caller()


class _Caller(Executor):
    """Runs each job when it is submitted."""

    def submit(self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> "Future[_T]":
        """Return the finished job."""
        job: Future[_T] = Future()
        try:
            job.set_result(fn(*args, **kwargs))
        except Exception as error:
            job.set_exception(error)
        return job
