"""A property that is computed once."""

from collections.abc import Callable
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class cached(Generic[T]):  # noqa: N801 - a decorator
    """Like ``functools.cached_property``, but without the lock of Python 3.11's.

    There is one lock for all instances: while one thread computes, all wait, and a process forked
    meanwhile waits for ever. Two threads may compute the same value here, which harms nobody.
    """

    def __init__(self, compute: Callable[[Any], T]) -> None:
        self.compute = compute
        self.__doc__ = compute.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        """Learn where to keep the value."""
        self.name = name

    def __get__(self, instance: Any, owner: type) -> T:
        """Compute it; from now on the instance's own attribute is found first."""
        value = self.compute(instance)
        vars(instance)[self.name] = value
        return value
