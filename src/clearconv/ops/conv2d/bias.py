"""The gradient of a bias, which is one operation for `conv2d` and `conv_transpose2d`."""

from clearconv.arrays import Array, Destination, as_batch, check
from clearconv.ops.geometry.shards import Shards
from clearconv.ops.reduction import shard_sums
from clearconv.ops.tellings import pick


def bias_gradient(
    chapter: str,
    grad_y: Array,
    shared: bool,
    shards: Shards,
    out: Array | None,
    backend: str | None,
) -> Array:
    """Return the `backward_bias` of a chapter, whose name stands in errors."""
    what, telling = f"{chapter}.backward_bias", pick(chapter, backend)
    grads = _checked(what, grad_y)
    shards.batch(len(grads), what)
    to = Destination(what, out, grads.shape[1:2] if shared else grads.shape[1:], grads.dtype, grads)
    return to.result(telling.backward_bias(grads, shared, shards=shards, out=to.place))


def bias_gradient_sums(
    chapter: str, grad_y: Array, shared: bool, shards: Shards, joined: bool, backend: str | None
) -> Array:
    """Return the `bias_sums` of a chapter, whose name stands in errors."""
    what, telling = f"{chapter}.bias_sums", pick(chapter, backend)
    grads = _checked(what, grad_y)
    return shard_sums(what, telling.backward_bias, (grads,), shards, joined, shared)


def _checked(what: str, grad_y: Array) -> Array:
    """Return `grad_y` as a batch."""
    check(what, "grad_y", grad_y, (3, 4))
    return as_batch(what, grad_y, "grad_y")
