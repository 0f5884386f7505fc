"""Who computes a pass together: what a sum over a batch that is held in parts comes to."""

from typing import Literal, Protocol

from clearconv.arrays import Array
from clearconv.ops.reduction import tree_moments, tree_sum

#: "sum": added up (`tree_sum`). "moments": joined by Chan's formula (`tree_moments`).
How = Literal["sum", "moments"]


class Group(Protocol):
    """Everyone who holds a part of a batch.

    All of them run the same model, and meet in `combine` wherever a layer or a loss needs a sum
    over the whole batch: as often and in the same order, since the model says where.
    """

    def combine(self, partials: Array, how: How) -> Array:
        """Return what the partial results of all members come to.

        Parameters
        ----------
        partials : ndarray of shape (n, ...)
            Of the shards that this member holds, in order, or one result of all of them; n is 0
            where none of them exists, because the batch is too small.
        how : {"sum", "moments"}
            What they are.

        Returns
        -------
        ndarray of shape (...)
            The same bits for every member, and for any division of the batch.
        """


class Alone:
    """A group of one, which holds the whole batch."""

    def combine(self, partials: Array, how: How) -> Array:
        """Join its own partial results."""
        return tree_sum(partials) if how == "sum" else tree_moments(partials)


ALONE = Alone()
