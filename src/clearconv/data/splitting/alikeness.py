"""The similarity of two pictures by their thumbnails: coarse, an upper limit, and exact.

All functions take many thumbnails at once. The upper limits here cost a small part of the exact
comparison and are never below it, so a pair that they rule out need not be compared.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from clearconv.data.images.decode import Pixels

Numbers = npt.NDArray[Any]

#: Side of a thumbnail, and of what is left of it within the edge, where the gradient is one-sided.
SIDE = 32
_INNER = SIDE - 2


def coarse_vectors(thumbnails: Pixels) -> tuple[Numbers, Numbers]:
    """Return each picture as a vector of 16 x 16 pixels, and the share of variance in it.

    Parameters
    ----------
    thumbnails : ndarray of uint8, shape (n, 32, 32)
        Of each picture.

    Returns
    -------
    vectors : ndarray of float32, shape (n, 256)
        Mean 0 and length 1; zeros for an empty picture. The product of two is their correlation.
    share : ndarray of float32, shape (n,)
        Share of the variance of the 32 x 32 pixels that the 16 x 16 keep.
    """
    n, half = len(thumbnails), SIDE // 2
    vectors, share = np.empty((n, half * half), np.float32), np.empty(n, np.float32)
    for start in range(0, n, 8192):  # bounds the memory
        part = thumbnails[start : start + 8192]
        cells = part.reshape(-1, half, 2, half, 2)
        rows = cells.mean(axis=(2, 4), dtype=np.float32).reshape(-1, half * half)
        rows -= rows.mean(axis=1, keepdims=True)
        length = np.sqrt((rows * rows).sum(axis=1, keepdims=True))
        vectors[start : start + 8192] = np.where(length > half, rows, 0) / np.maximum(length, 1)
        whole = part.reshape(-1, SIDE * SIDE).var(axis=1, dtype=np.float64) * SIDE * SIDE
        share[start : start + 8192] = 4 * length[:, 0] ** 2 / np.maximum(whole, 1)
    return vectors, share.clip(0, 1)


def correlation_at_most(product: Numbers, share: Numbers, others: Numbers) -> Numbers:
    """Return the largest possible correlation of 32 x 32 pixels, given that of 16 x 16.

    By Cauchy and Schwarz the rest, which the 16 x 16 pixels do not keep, correlates by at most 1.

    Parameters
    ----------
    product : ndarray, shape (k,)
        Correlation of the 16 x 16 pixels of each pair.
    share, others : ndarray, shape (k,)
        Share of the variance that they keep, for both pictures.
    """
    return np.sqrt(share * others) * product + np.sqrt((1 - share) * (1 - others))


def correlation(a: Pixels, b: Pixels) -> Numbers:
    """Return the correlation of the pixels of each pair (k, 32, 32)."""
    x, y = (t.reshape(len(t), SIDE * SIDE).astype(np.float64) for t in (a, b))
    x, y = x - x.mean(axis=1, keepdims=True), y - y.mean(axis=1, keepdims=True)
    size = np.sqrt((x * x).sum(axis=1) * (y * y).sum(axis=1))
    return np.round((x * y).sum(axis=1) / np.maximum(size, 1), 6)


def explained(a: Pixels, b: Pixels) -> Numbers:
    """Return the share of one's detail that the other explains, for each pair (k, 32, 32).

    The better of both directions, since the smaller crop is within the larger one.
    """
    return np.maximum(_explained_by(a, b), _explained_by(b, a))


def _explained_by(a: Pixels, b: Pixels) -> Numbers:
    r"""Fit b by a, moved and zoomed a little, with other contrast and brightness.

    To first order a picture moved by (p, q) and zoomed by (r, s) is :math:`a + (p + r x) a_x +
    (q + s y) a_y`: with contrast and brightness, six numbers by least squares (Lucas and Kanade,
    "An iterative image registration technique", 1981). Detail is what a mean over 5 x 5 pixels
    takes away: all photographs with a bright sky are alike without it.
    """
    inner = _variations(a).reshape(len(a), 6, _INNER**2)
    wanted = b[:, 1:-1, 1:-1].astype(np.float64).reshape(-1, _INNER**2, 1)
    normal = inner @ inner.transpose(0, 2, 1) + 1e-3 * np.eye(6)
    weights = np.linalg.solve(normal, inner @ wanted)  # (k, 6, 1)
    rest = wanted - inner.transpose(0, 2, 1) @ weights
    whole, left = (detail(t.reshape(-1, _INNER, _INNER)) for t in (wanted, rest))
    share = 1 - (left**2).sum(axis=(1, 2)) / np.maximum((whole**2).sum(axis=(1, 2)), 1)
    return np.round(share, 6)


def _variations(a: Pixels) -> Numbers:
    """Return what `_explained_by` adds up, within the edge: (k, 6, 30, 30), brightness last."""
    x = a.astype(np.float64)
    down, right = np.gradient(x, axis=(1, 2))
    place = (np.arange(SIDE) - (SIDE - 1) / 2) / (SIDE / 2)
    parts = (x, right, down, place * right, place[:, np.newaxis] * down, np.ones_like(x))
    return np.stack(parts, axis=1)[:, :, 1:-1, 1:-1]


def detail(pictures: Numbers) -> Numbers:
    """Subtract from each pixel the mean of the 5 x 5 about it; the edge goes on beyond itself."""
    sums = np.pad(pictures, ((0, 0), (3, 2), (3, 2)), mode="edge").cumsum(axis=1).cumsum(axis=2)
    five = sums[:, 5:, 5:] - sums[:, :-5, 5:] - sums[:, 5:, :-5] + sums[:, :-5, :-5]
    return pictures - five / 25


class Details:
    """The detail of some pictures, and of all that `explained` makes of each.

    Parameters
    ----------
    thumbnails : ndarray of uint8, shape (n, 32, 32)
        Of the pictures.
    """

    def __init__(self, thumbnails: Pixels) -> None:
        n = len(thumbnails)
        moved = _variations(thumbnails)[:, :5]  # brightness has no detail
        moved = detail(moved.reshape(n * 5, _INNER, _INNER)).reshape(n, 5, _INNER**2)
        values, vectors = np.linalg.eigh(moved @ moved.transpose(0, 2, 1))  # (n, 5), (n, 5, 5)
        real = values > 1e-10 * values[:, -1:]  # what is beyond the rounding of float64
        scale = np.where(real, 1 / np.sqrt(np.where(real, values, 1)), 0)
        basis = (vectors * scale[:, np.newaxis]).transpose(0, 2, 1) @ moved  # orthonormal rows
        own = moved[:, 0]
        length = np.sqrt(np.maximum((own**2).sum(axis=1, keepdims=True), 1))
        self._own = (own / length).astype(np.float32)
        self._basis = basis.astype(np.float32)  # (n, 5, 900)
        self._none = (1 - (self._own**2).sum(axis=1)).astype(np.float32)

    def explained_at_most(self, others: "Details", mirrored: bool) -> Numbers:
        """Return (n, m) upper limits of `explained`, of each picture and each other one.

        The detail of a sum is the sum of the details: no weights leave less of it than its distance
        from all such sums, and that is one matrix product.

        Parameters
        ----------
        others : Details
            Of m pictures.
        mirrored : bool
            Whether to mirror the other pictures first.
        """
        own, basis = others._own, others._basis
        if mirrored:
            own = own.reshape(-1, _INNER, _INNER)[..., ::-1].reshape(own.shape)
            basis = basis.reshape(-1, 5, _INNER, _INNER)[..., ::-1].reshape(basis.shape)
        there = _projected(self._basis, own) + others._none
        back = _projected(basis, self._own) + self._none
        return np.maximum(there, back.T)


def _projected(basis: Numbers, vectors: Numbers) -> Numbers:
    """Return (n, m): the squared length of each vector's projection on each basis (n, 5, 900)."""
    n = len(basis)
    parts = basis.reshape(n * 5, -1) @ vectors.T  # (n * 5, m)
    parts *= parts
    return parts.reshape(n, 5, -1).sum(axis=1)
