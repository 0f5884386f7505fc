"""How much memory threads may hold at once, whatever the files that they read."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition


class Budget:
    """Bytes that may be taken at once: what is large goes one at a time, what is small in parallel.

    Parameters
    ----------
    total : int
        Bytes; a larger amount waits until nobody has any.
    """

    def __init__(self, total: int) -> None:
        self.total = total
        self._left = total
        self._changed = Condition()

    @contextmanager
    def taking(self, amount: int) -> Iterator[None]:
        """Wait until so many bytes are left, and give them back at the end."""
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
