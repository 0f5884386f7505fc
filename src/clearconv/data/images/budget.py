"""A limit on the memory that threads hold at once, whatever files they read."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition


class Budget:
    """Bytes that may be used at once: large files go one at a time, small ones in parallel.

    Parameters
    ----------
    total : int
        Number of bytes; a larger amount waits until none are in use.
    """

    def __init__(self, total: int) -> None:
        self.total = total
        self._left = total
        self._changed = Condition()

    @contextmanager
    def taking(self, amount: int) -> Iterator[None]:
        """Wait until this number of bytes is free, and release them at the end."""
        amount = min(amount, self.total)
        with self._changed:
            self._changed.wait_for(lambda: self._left >= amount)
            self._left -= amount
        try:
            yield
        finally:
            with self._changed:
                self._left += amount
                self._changed.notify_all()
