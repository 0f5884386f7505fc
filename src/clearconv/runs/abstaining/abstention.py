"""How often a model abstains: on images that it knows, and on others."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from clearconv.runs.abstaining.abstainer import Judged


@dataclass(frozen=True)
class Group:
    """Images of one kind.

    Attributes
    ----------
    name : str
        What they have in common.
    images : int
        Number of images.
    unsure, unlike : int
        Number of those refused because no class is probable enough, and because they are too far
        from the training images (which may be unsure, too).
    foreign : bool
        Whether they belong to none of the model's classes.
    """

    name: str
    images: int
    unsure: int
    unlike: int
    foreign: bool = False

    @classmethod
    def of(cls, name: str, judged: Judged, which: Any = None, foreign: bool = False) -> "Group":
        """Count some of the images that were judged, or all of them.

        Parameters
        ----------
        name : str
            What they have in common.
        judged : Judged
            Result of ``Abstainer.judge``.
        which : ndarray of bool, optional
            Which images belong to the group; all by default.
        foreign : bool
            Whether they belong to none of the model's classes.

        Returns
        -------
        Group
        """
        some = np.ones(len(judged.unsure), bool) if which is None else which
        unlike = int(np.sum(judged.unlike & some))
        unsure = int(np.sum(judged.unsure & ~judged.unlike & some))
        return cls(name, int(np.sum(some)), unsure, unlike, foreign)

    @property
    def accepted(self) -> int:
        """Return the number of images that get an answer."""
        return self.images - self.unsure - self.unlike

    @property
    def share(self) -> float:
        """Return the share of images that get an answer; NaN if there are none."""
        return self.accepted / self.images if self.images else float("nan")


@dataclass(frozen=True)
class Abstention:
    """How often a model abstains.

    Attributes
    ----------
    right, wrong : Group
        Images of the model's classes that it would classify correctly, and those that it would not.
    foreign : tuple of Group
        Images of none of its classes.
    """

    right: Group
    wrong: Group
    foreign: tuple[Group, ...] = ()

    @classmethod
    def of(
        cls, judged: Judged, labels: Any, foreign: Sequence[tuple[str, Judged]] = ()
    ) -> "Abstention":
        """Count the refusals.

        Parameters
        ----------
        judged : Judged
            Of images of the model's classes.
        labels : ndarray of int64, shape (n,)
            Their classes.
        foreign : sequence of (str, Judged)
            Names of other images, and how they were judged.

        Returns
        -------
        Abstention
        """
        right = judged.probabilities.argmax(axis=1) == labels
        return cls(
            Group.of("classified correctly", judged, right),
            Group.of("misclassified", judged, ~right),
            tuple(Group.of(name, other, foreign=True) for name, other in foreign),
        )

    @property
    def groups(self) -> tuple[Group, ...]:
        """Return all groups."""
        return (self.right, self.wrong, *self.foreign)

    @property
    def answered(self) -> int:
        """Return the number of images of the model's classes that get an answer."""
        return self.right.accepted + self.wrong.accepted

    @property
    def accuracy(self) -> float:
        """Return the share of correct answers among those that are given; NaN if there are none."""
        return self.right.accepted / self.answered if self.answered else float("nan")

    def to_dict(self) -> dict[str, Any]:
        """Return plain data, for JSON."""
        return {
            "accuracy_of_answers": self.accuracy if self.answered else None,
            "groups": [{**vars(group), "accepted": group.accepted} for group in self.groups],
        }
