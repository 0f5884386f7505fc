"""im2col as one reordering of a view of all patches, and col2im as its adjoint."""

from clearconv.arrays import Array
from clearconv.ops.geometry.patches import gather, pad, scatter
from clearconv.ops.geometry.window import Window


def forward(x: Array, window: Window, out: Array | None = None) -> Array:
    """View all patches at once, then write channels and taps as rows, positions as columns."""
    N, C = x.shape[:2]
    (KH, KW), (OH, OW) = window.kernel, window.output
    patches = gather(pad(x, window), window)  # (N, OH, OW, KH, KW, C)
    patches = patches.transpose(0, 5, 3, 4, 1, 2)  # (N, C, KH, KW, OH, OW)
    if out is not None:
        out.reshape(patches.shape)[...] = patches  # a view, since no axes are joined
        return out
    return patches.reshape(N, C * KH * KW, OH * OW)


def backward_input(grad_y: Array, window: Window, out: Array | None = None) -> Array:
    """View the columns as patches again, and add them to the image."""
    (KH, KW), (OH, OW) = window.kernel, window.output
    N, C = grad_y.shape[0], grad_y.shape[1] // (KH * KW)
    patches = grad_y.reshape(N, C, KH, KW, OH, OW).transpose(0, 4, 5, 2, 3, 1)
    return scatter(patches, window, out)  # (N, C, H, W)
