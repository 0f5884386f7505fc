"""The members that compute a pass together, and how they combine sums over a divided batch."""

from typing import Literal, Protocol

from clearconv.arrays import Array
from clearconv.ops.reduction import tree_moments, tree_sum

#: "sum": added up (`tree_sum`). "moments": joined by Chan's formula (`tree_moments`).
How = Literal["sum", "moments"]


class Group(Protocol):
    """The members that hold the parts of a batch.

    All of them run the same model, and meet in `combine` wherever a layer or a loss needs a sum
    over the whole batch: equally often and in the same order, since the model determines where.
    """

    def combine(self, partials: Array, how: How) -> Array:
        """Combine the partial results of all members.

        Parameters
        ----------
        partials : ndarray of shape (n, ...)
            Results of the shards that this member holds, in order, or one for all of them; n is 0
            where the batch is too small for any of them to exist.
        how : {"sum", "moments"}
            What the results are.

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
