"""Values side by side in one array."""

from collections.abc import Sequence

from clearconv.arrays import Array, Destination, check, expect, filled, fits
from clearconv.errors import ArgumentError, DtypeError, ShapeError
from clearconv.ops.conv_block._operands import Normalised, channels_last, direct, pick_for


def join(
    parts: Sequence[Array | Normalised],
    *,
    out: Array | None = None,
    backend: str | None = None,
) -> Array:
    r"""Put the channels of several values side by side, any of which may not be computed yet.

    Backward, each part gets its own channels of the gradient, which is a view.

    Parameters
    ----------
    parts : sequence of ndarray of shape (N, C_i, H, W), or Normalised
        Values to join, at least one.
    out : ndarray, optional
        Receives the result; it may be some of the channels of an array.
    backend : {"loops", "matrix", "native"}, optional
        The telling that runs.

    Returns
    -------
    y : ndarray of shape (N, sum of C_i, H, W)

    Raises
    ------
    ShapeError
        If the shapes differ in another axis than the channels, or `out` does not fit.
    DtypeError
        If the dtypes differ.

    Notes
    -----
    .. math:: y_{n,c+C_1+\dots+C_{i-1}} = x^{(i)}_{n,c}

    References
    ----------
    Szegedy et al., "Going deeper with convolutions", 2015.
    """
    what = "conv_block.join"
    if not parts:
        raise ShapeError(f"{what}: there are no parts; at least one is needed.")
    for number, part in enumerate(parts):
        _check(what, f"parts[{number}]", part)
    first = parts[0]
    for part in parts:
        if (part.shape[0], *part.shape[2:]) != (first.shape[0], *first.shape[2:]):
            shapes = ", ".join(str(part.shape) for part in parts)
            raise ShapeError(
                f"{what}: the parts have the shapes {shapes}; all axes but the channels must agree."
            )
        if part.dtype != first.dtype:
            listed = ", ".join(str(part.dtype) for part in parts)
            raise DtypeError(f"{what}: the parts' dtypes differ ({listed}). Convert them to one.")
    telling = pick_for(first, backend)
    channels = sum(part.shape[1] for part in parts)
    fits(what, "y", (first.shape[0], channels, *first.shape[2:]), first.dtype.itemsize)
    like = first.x if isinstance(first, Normalised) else first
    y = telling.room(like, channels) if direct(out) is None else out
    assert y is not None
    expect(what, "out", y, (first.shape[0], channels, *first.shape[2:]), "the parts' channels")
    if y.dtype != first.dtype:
        raise DtypeError(f"{what}: out is {y.dtype}, but the parts are {first.dtype}.")
    start = 0
    for part in parts:
        end = start + part.shape[1]
        value = part if isinstance(part, Normalised) else channels_last(part)
        telling.write(value, y[:, start:end], False)
        start = end
    return Destination(what, out, y.shape, y.dtype).result(y)


def empty(like: Array, channels: int, *, backend: str | None = None) -> Array:
    """Make room for maps: an uninitialised array like this one with this number of channels.

    Parameters
    ----------
    like : ndarray of shape (N, C, H, W)
        Array that gives the other axes and the dtype.
    channels : int
        Number of channels, at least 1.
    backend : {"loops", "matrix", "native"}, optional
        The telling that runs.

    Returns
    -------
    ndarray of shape (N, channels, H, W)
        Channels-last in memory; its numbers are whatever lay there.

    Raises
    ------
    ShapeError
        If `like` has other than four axes, or one but the batch is empty; if memory could not hold
        the result.
    ArgumentError
        If `channels` is not an integer of at least 1.
    DtypeError
        If `like` is neither float32 nor float64.
    """
    what = "conv_block.empty"
    check(what, "like", like, 4)
    filled(what, "like", like.shape, 1)
    if not hasattr(channels, "__index__") or channels < 1:
        raise ArgumentError(f"{what}: channels={channels!r}, but an integer above 0 is needed.")
    fits(what, "the result", (like.shape[0], channels, *like.shape[2:]), like.itemsize)
    return pick_for(like, backend).room(like, channels)


def _check(what: str, name: str, value: Array | Normalised) -> None:
    if not isinstance(value, Normalised):
        check(what, name, value, 4)
        filled(what, name, value.shape, 1)
