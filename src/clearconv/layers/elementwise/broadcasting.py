"""Arrays of several images with different shapes, made to agree, and the way back."""

import numpy as np

from clearconv.arrays import Array, Shape
from clearconv.errors import ShapeError
from clearconv.layers.base.tape import Context
from clearconv.ops.reduction import in_tree


def common_shape(shapes: tuple[Shape, ...]) -> Shape:
    """Return the shape to which those of one image are broadcast: NumPy's rule."""
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        listed = ", ".join(map(str, shapes))
        raise ShapeError(
            f"the inputs of one image have the shapes {listed}, which do not go together: counted "
            "from the last axis, two sizes must be equal, or one of them 1."
        ) from None


def aligned(x: Array, axes: int) -> Array:
    """View (N, ...) with this number of axes: those that it lacks come after the batch's."""
    lacking = axes - x.ndim
    return x if lacking == 0 else x.reshape(len(x), *(1,) * lacking, *x.shape[1:])


def gathered(grad: Array, shape: Shape, fixed: bool, context: Context) -> Array:
    """Add up a gradient over everything that its operand was repeated along.

    Parameters
    ----------
    grad : ndarray of shape (N, ...)
        dL/d(operand), of the shape after broadcasting.
    shape : tuple of int
        Shape of the operand for one image, before.
    fixed : bool
        Whether the operand was the same for all images, so that the sum is over the batch too.
    context : Context
        Context of the pass.

    Returns
    -------
    ndarray of shape (N, *shape), or (1, *shape) if `fixed`
    """
    inner = grad.shape[1:]
    lacking = len(inner) - len(shape)
    along = tuple(
        1 + axis
        for axis, size in enumerate(inner)
        if axis < lacking or (shape[axis - lacking] == 1 and size > 1)
    )
    if along:
        grad = grad.sum(axis=along, keepdims=True)
    grad = grad.reshape(len(grad), *shape)
    return batch_sum(grad, context) if fixed else grad


def batch_sum(grads: Array, context: Context) -> Array:
    """Add the gradients of all images (N, ...), those of the other members too; (1, ...)."""
    cuts = context.shards.of(len(grads))
    sums = [grads[cut].sum(axis=0, dtype=np.float64) for cut in cuts]
    held = [in_tree(sums, np.add)] if sums else []  # one for all shards here
    partials = np.array(held).reshape(len(held), *grads.shape[1:])
    return context.group.combine(partials, "sum").astype(grads.dtype)[np.newaxis]
