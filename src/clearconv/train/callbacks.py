"""Who is told what happens in a run."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from clearconv.errors import ArgumentError

if TYPE_CHECKING:
    from clearconv.runs.run import Run
    from clearconv.train.loop import Result


class Callback:
    """Told what happens in a run; does nothing. Subclass it to show or record.

    A hook that raises stops the run, which can be resumed.
    """

    def reading(self, done: int, total: int) -> None:
        """Hear that so many of the images are decoded."""

    def searching(self, done: int, total: int) -> None:
        """Hear that so many steps of the search for a learning rate are done."""

    def started(self, run: "Run") -> None:
        """Hear that data and model are ready."""

    def step(
        self,
        epoch: int,
        step: int,
        steps: int,
        loss: float,
        accuracy: float,
        images_per_second: float,
    ) -> None:
        """Hear that a step is done; epochs and steps count from 1.

        Loss, accuracy and images per second are means over the epoch so far.
        """

    def epoch(self, record: dict[str, Any], best: bool) -> None:
        """Hear that an epoch is done and saved; `best`: its validation is the highest so far."""

    def warned(self, message: str) -> None:
        """Hear that something is wrong that does not stop the run: one line, for a person."""

    def finished(self, result: "Result") -> None:
        """Hear that the test is done."""


class Callbacks(Callback):
    """Several callbacks as one: each hook is passed on to all, in their order.

    Parameters
    ----------
    members : sequence of Callback
        Who is told.
    """

    def __init__(self, members: Sequence[Callback]) -> None:
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

    def reading(self, done: int, total: int) -> None:
        """Pass it on."""
        for member in self.members:
            member.reading(done, total)

    def searching(self, done: int, total: int) -> None:
        """Pass it on."""
        for member in self.members:
            member.searching(done, total)

    def started(self, run: "Run") -> None:
        """Pass it on."""
        for member in self.members:
            member.started(run)

    def step(
        self,
        epoch: int,
        step: int,
        steps: int,
        loss: float,
        accuracy: float,
        images_per_second: float,
    ) -> None:
        """Pass it on."""
        for member in self.members:
            member.step(epoch, step, steps, loss, accuracy, images_per_second)

    def epoch(self, record: dict[str, Any], best: bool) -> None:
        """Pass it on."""
        for member in self.members:
            member.epoch(record, best)

    def warned(self, message: str) -> None:
        """Pass it on."""
        for member in self.members:
            member.warned(message)

    def finished(self, result: "Result") -> None:
        """Pass it on."""
        for member in self.members:
            member.finished(result)
