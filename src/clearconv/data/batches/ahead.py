"""Work on threads whose results come in order, and never far ahead of the consumer."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from typing import TypeVar

from clearconv.data.batches.threads import thread_pool

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_order(
    function: Callable[[Item], Result], items: Iterable[Item], ahead: int, threads: int
) -> Iterator[tuple[Item, Result]]:
    """Apply a function on threads.

    Parameters
    ----------
    function : callable
        Called with each item.
    items : iterable
        Items, read only as far as work is wanted.
    ahead : int
        Number of results that may wait, so that the others do not pile up behind a slow one.
    threads : int
        Number of threads.

    Yields
    ------
    (item, result)
        In the order of `items`.
    """
    waiting: deque[tuple[Item, Future[Result]]] = deque()
    with thread_pool(threads, "clearconv-decode") as pool:
        for item in items:
            waiting.append((item, pool.submit(function, item)))
            if len(waiting) > ahead:
                first, job = waiting.popleft()
                yield first, job.result()
        while waiting:
            first, job = waiting.popleft()
            yield first, job.result()
