"""How the images of a batch are divided so that a sum over them has the same bits everywhere."""

from dataclasses import dataclass
from operator import index

from clearconv.errors import ArgumentError, ShapeError
from clearconv.ops.geometry.cached import cached

_MOST = 64  # as kMostShards in native/passes/shards.h


@dataclass(frozen=True, init=False)
class Shards:
    """Which shards of a batch the arrays at hand hold.

    A batch of N images is cut into ``S = min(total, N)`` shards of consecutive images: shard s
    holds images ``N * s // S`` up to ``N * (s + 1) // S``. A sum over the batch is taken shard by
    shard, and the shards' sums are added in a balanced binary tree
    (`clearconv.ops.reduction.tree_sum`). Its bits depend only on N and `total`, not on who
    holds which shards: several processes that each hold a part of one batch get the bits of one
    process that holds all of it.

    The shards at hand are a whole subtree. In a batch of fewer images than `total`, the shards from
    S on do not exist. Their sums are absent from the tree, which is not the same as sums of zero.

    Parameters
    ----------
    total : int
        Number of shards of the whole batch: a power of two, at most 64.
    first : int
        Number of the first shard at hand, a multiple of `count`.
    count : int, optional
        Number of shards at hand: a power of two. By default all of them.
    images : int, optional
        Number of images of the whole batch. It may be left out if all shards are at hand.

    Raises
    ------
    ArgumentError
        If these numbers do not name a subtree.

    Examples
    --------
    >>> half = Shards(total=8, first=4, count=4, images=13)
    >>> half.of(7)
    [slice(0, 2, None), slice(2, 3, None), slice(3, 5, None), slice(5, 7, None)]
    """

    total: int
    first: int
    count: int
    images: int | None

    def __init__(
        self, total: int = 8, first: int = 0, count: int | None = None, images: int | None = None
    ) -> None:
        """Check the numbers."""
        total, first = _whole("total", total), _whole("first", first)
        count = total if count is None else _whole("count", count)
        images = None if images is None else _whole("images", images)
        if not _is_power(total) or total > _MOST:
            raise ArgumentError(
                f"Shards: total={total}, but it must be a power of two up to {_MOST}, so that the "
                "shards are the leaves of a balanced tree. Leave it out for 8."
            )
        if not _is_power(count) or first % count or not 0 <= first <= total - count:
            raise ArgumentError(
                f"Shards: first={first} and count={count} of total={total}, but count must be a "
                "power of two and first one of its multiples, with first + count at most total: "
                "these are the whole subtrees. Shards.part makes equal ones."
            )
        if images is not None and images < 0:
            raise ArgumentError(f"Shards: images={images}, but a batch has at least 0 images.")
        if images is None and count < total:
            raise ArgumentError(
                f"Shards: {count} of {total} shards are at hand, but where they begin depends on "
                "the size of the whole batch. Give images, the number of its images."
            )
        for name, value in {
            "total": total,
            "first": first,
            "count": count,
            "images": images,
        }.items():
            object.__setattr__(self, name, value)

    @property
    def whole(self) -> bool:
        """Whether all shards of the batch are at hand."""
        return self.count == self.total

    @cached
    def numbers(self) -> tuple[int, int, int, int]:
        """Everything in one flat tuple, as the compiled kernels read it; -1 for no `images`."""
        return self.total, self.first, self.count, -1 if self.images is None else self.images

    def batch(self, N: int, what: str = "Shards") -> int:
        """Return the number of images of the whole batch; check that N of them are at hand."""
        if self.images is None:
            return N
        bounds = self._bounds(self.images)
        if N != bounds[-1] - bounds[0]:
            raise ShapeError(
                f"{what}: the arrays hold {N} images, but {self} holds "
                f"{bounds[-1] - bounds[0]}, {bounds[0]} up to {bounds[-1]} of the batch. Cut the "
                "batch where its shards begin, or correct images, the size of the whole batch."
            )
        return self.images

    def of(self, N: int, what: str = "Shards") -> list[slice]:
        """Return where the existing shards at hand lie in arrays of N images.

        Parameters
        ----------
        N : int
            Number of images at hand.
        what : str
            Name of the operation in the error message.

        Returns
        -------
        slices : list of slice
            One slice per shard, in order; none if the batch has too few images for the first.

        Raises
        ------
        ShapeError
            If the shards hold another number of images.
        """
        bounds = self._bounds(self.batch(N, what))
        return [
            slice(start - bounds[0], stop - bounds[0])
            for start, stop in zip(bounds, bounds[1:], strict=False)
        ]

    def part(self, i: int, parts: int) -> "Shards":
        """Return part number `i` of `parts` equal parts of these shards.

        Parameters
        ----------
        i : int
            Number of the part, from 0.
        parts : int
            Number of parts: a power of two, at most `count`.

        Raises
        ------
        ArgumentError
            If there are no such parts, or `images` is not known.
        """
        if not _is_power(parts) or parts > self.count or not 0 <= i < parts:
            raise ArgumentError(
                f"Shards.part({i}, {parts}) of {self.count} shards, but parts must be a power of "
                f"two up to {self.count}, and i at least 0 and below it. Use fewer parts, or a "
                "greater total."
            )
        count = self.count // parts
        return Shards(self.total, self.first + i * count, count, self.images)

    def single(self, N: int) -> "list[Shards]":
        """Return each existing shard at hand by itself; N images are at hand.

        `of` returns where they lie.
        """
        return [
            Shards(self.total, self.first + s, 1, self.batch(N)) for s in range(len(self.of(N)))
        ]

    def cut(self) -> slice:
        """Return where in the whole batch the images of these shards lie."""
        if self.images is None:
            return slice(None)
        bounds = self._bounds(self.images)
        return slice(bounds[0], bounds[-1])

    def _bounds(self, N: int) -> list[int]:
        """Return where in the batch each shard at hand begins, and where the last one ends."""
        S = min(self.total, N)
        first, stop = min(self.first, S), min(self.first + self.count, S)
        return [N * s // S if S else 0 for s in range(first, stop + 1)]


def _whole(name: str, value: int) -> int:
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise ArgumentError(f"Shards: {name}={value!r}, but it must be an integer.")
    return index(value)


def _is_power(number: int) -> bool:
    return number > 0 and number & (number - 1) == 0


#: All shards, 8 of them: one process that holds the whole batch.
WHOLE = Shards()
