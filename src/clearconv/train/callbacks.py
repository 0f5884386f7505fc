"""Callbacks: objects that receive the events of a run."""

from collections.abc import Callable, Iterable, Iterator
from inspect import isfunction
from typing import Any

from clearconv.errors import ArgumentError
from clearconv.runs.records.epoch import EpochRecord
from clearconv.runs.records.result import Result
from clearconv.runs.run import Run


class Callback:
    """Receives the events of a run and does nothing. Subclass it to show or record them.

    A hook that raises stops the run, which can be resumed.
    """

    def reading(self, done: int, total: int) -> None:
        """Receive the number of images decoded so far."""

    def searching(self, done: int, total: int) -> None:
        """Receive the number of steps done in the search for a learning rate."""

    def preparing(self, done: int, total: int) -> None:
        """Receive the number of images that have gone through the frozen layers."""

    def started(self, run: Run) -> None:
        """Receive the run when data and model are ready."""

    def step(
        self,
        epoch: int,
        step: int,
        steps: int,
        loss: float,
        accuracy: float,
        images_per_second: float,
    ) -> None:
        """Receive the numbers after a step; epochs and steps count from 1.

        Loss, accuracy and images per second are means over the epoch so far.
        """

    def epoch(self, record: EpochRecord, best: bool) -> None:
        """Receive a finished, saved epoch; `best`: its validation is the highest so far."""

    def warned(self, message: str) -> None:
        """Receive a warning that does not stop the run: one line, for a person."""

    def finished(self, result: Result) -> None:
        """Receive the result of the test."""


class Callbacks(Callback):
    """Several callbacks as one: each hook is passed on to all, in order.

    Parameters
    ----------
    members : sequence of Callback
        Callbacks to call.
    """

    def __init__(self, members: Iterable[Callback]) -> None:
        if not isinstance(members, Iterable):
            raise ArgumentError(
                f"callbacks is {members!r}, but a list of callbacks is needed: [{members!r}]."
            )
        members = tuple(members)
        for member in members:
            if not isinstance(member, Callback):
                raise ArgumentError(
                    f"callbacks holds {member!r}, but each must be an instance of a subclass of "
                    "clearconv.train.Callback."
                )
        self.members = members

    def __iter__(self) -> Iterator[Callback]:
        """Yield the members."""
        return iter(self.members)


def _passed_on(name: str) -> Callable[..., None]:
    """Return a hook that is passed on to every member."""

    def hook(self: Callbacks, *what: Any) -> None:
        for member in self.members:
            getattr(member, name)(*what)

    hook.__name__, hook.__doc__ = name, "Pass it on."
    return hook


for _name in [name for name, hook in vars(Callback).items() if isfunction(hook)]:
    setattr(Callbacks, _name, _passed_on(_name))
