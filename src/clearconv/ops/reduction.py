"""How the sums of a batch are combined: the tree over its shards, and what the losses share."""

from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from clearconv.arrays import Array, put
from clearconv.errors import ArgumentError, DtypeError, ShapeError
from clearconv.ops.geometry.shards import WHOLE, Shards

Sum = TypeVar("Sum")

_TINY = 2.0**-126  # below it float32 numbers are denormal; NumPy takes microseconds to look it up


def in_tree(sums: Iterable[Sum], join: Callable[[Sum, Sum], Sum]) -> Sum:
    """Join neighbours, then neighbouring results, until one is left.

    ``((0 + 1) + (2 + 3)) + ((4 + 5) + (6 + 7))``; of a pair whose second is absent, the first is
    passed on as it is. Each of equal, aligned parts may therefore be joined by itself first (parts
    of a power of two; only the last may be shorter): joining the results in order does the same
    additions.

    Two halves of a subtree are joined as soon as the second is there, so that few sums need to be
    held if they are computed one by one.
    """
    held: list[tuple[int, Sum]] = []  # results waiting for their other half, and tree heights
    for one in sums:
        height = 0
        while held and held[-1][0] == height:
            one, height = join(held.pop()[1], one), height + 1
        held.append((height, one))
    total = held.pop()[1]
    while held:
        total = join(held.pop()[1], total)
    return total


def tree_sum(sums: Array | Sequence[Array], *, out: Array | None = None) -> Array:
    """Add the sums of a batch's shards in a balanced binary tree.

    It adds the sums of single shards, and also those of subtrees: each process adds up the
    shards that it holds (`clearconv.ops.geometry.shards.Shards`), and the processes' results,
    added in their order, have the bits of one sum over all shards. A process whose shards do not
    exist, because the batch is smaller than their number, has no result: leave it out.
    (Zeros in its place would turn -0 into 0.)

    Parameters
    ----------
    sums : ndarray of shape (shards, ...), or sequence of ndarray
        Sums of shards or of equal subtrees, in order, as `conv2d.weight_sums` and its like return
        them.
    out : ndarray, optional
        Receives the result, rounded to its dtype. It must not overlap `sums`.

    Returns
    -------
    total : ndarray of the shape of one sum
        The sum of no shards, an array of shape (0, ...), is 0: that of an empty batch.

    Raises
    ------
    ArgumentError
        If the sequence is empty, so that the sum has no shape.
    ShapeError
        If the sums, or `out`, do not have one shape.
    """
    if len(sums) == 0 and not isinstance(sums, np.ndarray):
        raise ArgumentError(
            "tree_sum: there are no sums. Give those of at least one shard, or an array of shape "
            "(0, ...) for an empty batch."
        )
    shape = sums.shape[1:] if isinstance(sums, np.ndarray) else sums[0].shape
    for one in sums:
        if one.shape != shape:
            raise ShapeError(
                f"tree_sum: sums of shapes {shape} and {one.shape} were given, but all must have "
                "one shape. Are they of one function, in one telling?"
            )
    if out is not None and out.shape != shape:
        raise ShapeError(f"tree_sum: out has shape {out.shape}, but the sums have {shape}.")
    if len(sums) == 0:
        total = np.zeros(shape, dtype=np.asarray(sums).dtype)
    else:
        total = in_tree(sums, np.add)
    if out is not None:
        out[...] = total
        return out
    return np.array(total) if len(sums) == 1 else np.asarray(total)  # never a sum that was given


def tree_moments(moments: Array | Sequence[Array]) -> Array:
    r"""Join the moments of a batch's shards in the tree of `tree_sum`, by Chan's formula.

    Sums of squares would not do: for numbers far from 0 their difference has no digits left.

    Parameters
    ----------
    moments : ndarray of shape (shards, 3, C), or sequence of ndarray of shape (3, C)
        Moments of each shard, or of equal subtrees in order: number of values of each of C
        channels, their mean, and the sum of squared distances from it; float64, as
        `batch_norm2d.moments` returns them.

    Returns
    -------
    joined : float64 ndarray of shape (3, C)
        Moments of all numbers. Those of no shards, an array of shape (0, 3, C), are 0.

    Raises
    ------
    ArgumentError
        If the sequence is empty, so that the number of channels is not known.

    Notes
    -----
    .. math:: \mu = \mu_a + \frac{n_b}{n} \delta, \qquad
        m = m_a + m_b + \frac{n_a n_b}{n} \delta^2, \qquad \delta = \mu_b - \mu_a

    References
    ----------
    Chan, Golub and LeVeque, "Algorithms for computing the sample variance", 1983.
    """
    if len(moments) == 0:
        if not isinstance(moments, np.ndarray):
            raise ArgumentError(
                "tree_moments: there are no moments. Give those of at least one shard, or an array "
                "of shape (0, 3, C)."
            )
        return np.zeros(moments.shape[1:])
    return in_tree(list(moments), join_moments).copy()


def join_moments(first: Array, second: Array) -> Array:
    """Join two sets of numbers; native/passes/moments.h rounds in the same places."""
    (count, mean, deviation), (more, more_mean, more_deviation) = first, second
    share = more / (count + more)
    away = more_mean - mean
    both = deviation + more_deviation
    return np.array([count + more, mean + away * share, both + away * away * (count * share)])


def rounded(sums: Array, dtype: npt.DTypeLike) -> Array:
    """Round float64 to `dtype`, with denormal results even if the caller's thread flushes them."""
    y = sums.astype(dtype)
    if y.dtype != np.float32:
        return y
    tiny = np.abs(sums) < _TINY
    if tiny.any():
        # denormals are multiples of 2**-149
        units = np.rint(sums[tiny] * 2.0**149).astype(np.int32)
        sign = np.signbit(sums[tiny]).astype(np.uint32) << 31
        y.view(np.uint32)[tiny] = np.abs(units).astype(np.uint32) | sign
    return y


def check_reduction(what: str, reduction: str, allowed: tuple[str, ...]) -> None:
    """Raise unless `reduction` is one of the allowed."""
    if reduction not in allowed:
        raise ArgumentError(
            f"{what}: reduction {reduction!r} is not known; choose one of {', '.join(allowed)}."
        )


def loss_gradient(
    what: str, grad_y: float | Array, shape: tuple[int, ...], dtype: npt.DTypeLike
) -> Array:
    """Return `grad_y` as an array in the loss's dtype; a plain number is accepted for any shape."""
    if isinstance(grad_y, int | float) and not isinstance(grad_y, np.generic):
        return np.full(shape, grad_y, dtype=dtype)
    given: Array = np.asarray(grad_y)
    if given.shape != shape:
        raise ShapeError(
            f"{what}: grad_y has shape {given.shape}, but {shape} is expected: "
            "the shape of the loss."
        )
    if given.dtype != dtype:
        raise DtypeError(
            f"{what}: grad_y has dtype {given.dtype}, but the loss is {np.dtype(dtype)}. "
            "Convert it, or give a plain number."
        )
    return given


def as_loss(value: Any, dtype: npt.DTypeLike) -> Array:
    """Return the loss as an array, 0-d if it is one number."""
    return np.asarray(value, dtype=dtype)


def by_shards(
    batched: int, join: Callable[[Array, Array], Array] = np.add
) -> Callable[[Callable[..., Array]], Callable[..., Array]]:
    """Make a formula that sums over images sum over each shard, and join the sums in a tree.

    Parameters
    ----------
    batched : int
        Number of the formula's first arguments whose first axis is the batch.
    join : callable
        Joins the sums of two neighbours; by default it adds them.

    Returns
    -------
    decorate : callable
        It makes the function of the whole batch from the formula. That takes two more keyword
        arguments: `shards`, which shards of a batch the arrays hold, and `out`.
    """

    def decorate(formula: Callable[..., Array]) -> Callable[..., Array]:
        @wraps(formula)
        def summed(
            *args: Any, shards: Shards = WHOLE, out: Array | None = None, **options: Any
        ) -> Array:
            arrays, rest = args[:batched], args[batched:]
            cuts = shards.of(len(arrays[0])) or [slice(0)]  # the sum over no images is 0
            sums = (formula(*(array[cut] for array in arrays), *rest, **options) for cut in cuts)
            return put(np.asarray(in_tree(sums, join)), out)

        return summed

    return decorate


def shard_sums(
    what: str,
    add_up: Callable[..., Array],
    arrays: Sequence[Array],
    shards: Shards,
    joined: bool,
    *options: Any,
) -> Array:
    """Return the sums of the shards at hand, or one for all of them, stacked along a first axis.

    `add_up` is a telling's sum over the shards that the arrays, its first arguments, hold; it takes
    the `options` after them, and `shards` by name. `what` names the function in error messages.
    """
    N = len(arrays[0])
    cuts = shards.of(N, what)
    if not cuts or joined:
        return add_up(*arrays, *options, shards=shards)[np.newaxis][: len(cuts)]
    return np.stack(
        [
            add_up(*(array[cut] for array in arrays), *options, shards=one)
            for one, cut in zip(shards.single(N), cuts, strict=True)
        ]
    )
