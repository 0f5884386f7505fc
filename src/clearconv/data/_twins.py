"""Pictures that are the same, or nearly: re-saved, resized, brightened, slightly cropped, mirrored.

A copy of a training image in the test part is tested by memory. Names and bytes do not betray it,
so pictures are compared as thumbnails, coarsely first: as vectors of 16 x 16 pixels, whose
correlation is one matrix product, without a table of all pairs. What is close there is compared
again, finer. ``docs/data.md`` says how both limits were found.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from clearconv.data._decode import Pixels
from clearconv.data._resize import resized_thumbnail, with_channels

Indices = npt.NDArray[np.int64]
Numbers = npt.NDArray[Any]

#: Side of a thumbnail.
SIDE = 32
#: Pictures with a shorter side hold too little to tell two shots of like things from one ...
_SMALL = 64
#: ... so that only almost equal pixels count, and of the tiniest only equal ones.
_TINY = 16
#: Correlation of 16 x 16 pixels from which a pair is looked at again.
_COARSE, _COARSE_SMALL = 0.94, 0.99
#: Share of a thumbnail's detail that the other one must explain.
_DETAIL = 0.85
#: Correlation of the thumbnails of small pictures.
_EQUAL = 0.998
#: Rows and columns of one block of the matrix product, and how many pairs of it are looked at.
_ROWS, _COLUMNS, _CLOSEST = 512, 8192, 1024


@dataclass(frozen=True, eq=False)
class Twins:
    """Which pictures of a source are the same.

    Attributes
    ----------
    same : ndarray of int64, shape (n,)
        For each image the first one with equal pixels: its own number where there is none.
    alike : ndarray of int64, shape (n,)
        For each image the first of its near twins, equal ones included.
    """

    same: Indices
    alike: Indices


def thumbnail(pixels: Pixels) -> tuple[Pixels, bool]:
    """Return (32, 32) grey pixels of a picture (H, W, C), and whether it is grey itself."""
    small = resized_thumbnail(pixels, SIDE)  # (32, 32, C)
    if small.shape[2] == 1:
        return small[..., 0], True
    grey = int(np.ptp(small, axis=2).max()) <= 4  # a JPEG's rounding aside
    return with_channels(small, 1)[..., 0], grey


def find_twins(digests: Sequence[bytes], thumbnails: Pixels, shorter: Indices) -> Twins:
    """Group the pictures.

    Parameters
    ----------
    digests : sequence of bytes
        Of each picture's pixels: equal pixels, equal digests.
    thumbnails : ndarray of uint8, shape (n, 32, 32)
        Of each picture.
    shorter : ndarray of int64, shape (n,)
        Each picture's shorter side.

    Returns
    -------
    Twins
    """
    first: dict[bytes, int] = {}
    same = np.array([first.setdefault(digest, i) for i, digest in enumerate(digests)], np.int64)
    distinct = np.flatnonzero((same == np.arange(len(same))) & (shorter >= _TINY))
    parent = same.copy()
    for a, b in _near(thumbnails[distinct], shorter[distinct] < _SMALL):
        one, other = sorted((_root(parent, int(distinct[a])), _root(parent, int(distinct[b]))))
        parent[other] = one
    alike = np.array([_root(parent, i) for i in range(len(parent))], np.int64)
    return Twins(same, alike)


def _root(parent: Indices, i: int) -> int:
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = int(parent[i])
    return i


def _near(thumbnails: Pixels, small: npt.NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """Yield the near twins among pictures that all differ."""
    if len(thumbnails) < 2:
        return
    least = _COARSE_SMALL if small.all() else _COARSE
    vectors = _vectors(thumbnails)
    views = [(vectors, False)]
    if not small.all():  # a mirrored shoe is another shoe; a mirrored photograph is a copy
        views.append((_vectors(thumbnails[:, :, ::-1]), True))
    for other, mirrored in views:
        for one, two in _close(vectors, other, least):
            a, b = thumbnails[one], thumbnails[two]
            if mirrored:
                b = b[:, :, ::-1]
            either = small[one] | small[two]
            found = np.zeros(len(one), dtype=bool)
            if not mirrored:
                found[either] = _correlation(a[either], b[either]) >= _EQUAL
            large = ~either
            found[large] = _explained(a[large], b[large]) >= _DETAIL
            yield from zip(one[found].tolist(), two[found].tolist(), strict=True)


def _vectors(thumbnails: Pixels) -> npt.NDArray[np.float32]:
    """Return (n, 256): 16 x 16 pixels each, mean 0 and length 1; zeros for an empty picture."""
    n, half = len(thumbnails), SIDE // 2
    result = np.empty((n, half * half), np.float32)
    for start in range(0, n, _COLUMNS):
        part = thumbnails[start : start + _COLUMNS].reshape(-1, half, 2, half, 2)
        rows = part.mean(axis=(2, 4), dtype=np.float32).reshape(-1, half * half)
        rows -= rows.mean(axis=1, keepdims=True)
        length = np.sqrt((rows * rows).sum(axis=1, keepdims=True))
        result[start : start + _COLUMNS] = np.where(length > half, rows, 0) / np.maximum(length, 1)
    return result


def _close(
    vectors: npt.NDArray[np.float32], others: npt.NDArray[np.float32], least: float
) -> Iterator[tuple[Indices, Indices]]:
    """Yield pairs (i, j), i != j, each once, with ``vectors[i] @ others[j] >= least``, by blocks.

    Vectors that close are as close along any direction, so that in order of one number each row
    meets only its neighbours.
    """
    direction = _main_direction(vectors)
    along, across = vectors @ direction, others @ direction
    order, place = np.argsort(along, kind="stable"), np.argsort(across, kind="stable")
    sorted_across = across[place]
    radius = float(np.sqrt(2 * (1 - least))) + 1e-4
    for start in range(0, len(order), _ROWS):
        rows = order[start : start + _ROWS]
        low = np.searchsorted(sorted_across, along[rows[0]] - radius)
        high = np.searchsorted(sorted_across, along[rows[-1]] + radius)
        for left in range(int(low), int(high), _COLUMNS):
            columns = place[left : min(left + _COLUMNS, int(high))]
            product = vectors[rows] @ others[columns].T  # (rows, columns)
            i, j = np.nonzero(product >= least)
            one, two = rows[i], columns[j]
            # Being a mirror image goes both ways, as being alike does: one of the two is enough.
            keep = np.flatnonzero(one < two)
            if len(keep) > _CLOSEST:  # where everything is alike, twins are still the closest
                nearest = np.argsort(-product[i[keep], j[keep]], kind="stable")[:_CLOSEST]
                keep = keep[nearest]
            if len(keep):
                yield one[keep], two[keep]


def _main_direction(vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return about the direction in which the vectors differ most: three power iterations."""
    sample = vectors[:: max(1, len(vectors) // 1000)]
    direction = sample[0] + np.float32(1e-3)
    for _ in range(3):
        direction = sample.T @ (sample @ direction)
        length = float(np.sqrt(direction @ direction))
        if length == 0:
            return np.zeros_like(direction)
        direction = direction / np.float32(length)
    return direction


def _correlation(a: Pixels, b: Pixels) -> Numbers:
    """Return the correlation of the pixels of each pair (k, 32, 32)."""
    x, y = (t.reshape(len(t), SIDE * SIDE).astype(np.float64) for t in (a, b))
    x, y = x - x.mean(axis=1, keepdims=True), y - y.mean(axis=1, keepdims=True)
    size = np.sqrt((x * x).sum(axis=1) * (y * y).sum(axis=1))
    return np.round((x * y).sum(axis=1) / np.maximum(size, 1), 6)


def _explained(a: Pixels, b: Pixels) -> Numbers:
    """Return which share of one's detail the other explains, of each pair (k, 32, 32).

    The better of both ways, as the smaller cut lies within the larger.
    """
    return np.maximum(_explained_by(a, b), _explained_by(b, a))


def _explained_by(a: Pixels, b: Pixels) -> Numbers:
    r"""Fit b by a, moved and zoomed a little, with other contrast and brightness.

    To first order a picture moved by (p, q) and zoomed by (r, s) is :math:`a + (p + r x) a_x +
    (q + s y) a_y`: with contrast and brightness, six numbers by least squares (Lucas and Kanade,
    "An iterative image registration technique", 1981). Detail is what a mean over 5 x 5 pixels
    takes away: all photographs with a bright sky are alike without it.
    """
    n = SIDE - 2  # the gradient is one-sided at the edge
    x, y = a.astype(np.float64), b.astype(np.float64)
    down, right = np.gradient(x, axis=(1, 2))
    place = (np.arange(SIDE) - (SIDE - 1) / 2) / (SIDE / 2)
    parts = (x, right, down, place * right, place[:, np.newaxis] * down, np.ones_like(x))
    inner = np.stack(parts, axis=1)[:, :, 1:-1, 1:-1].reshape(-1, 6, n * n)  # (k, 6, n*n)
    wanted = y[:, 1:-1, 1:-1].reshape(-1, n * n, 1)
    normal = inner @ inner.transpose(0, 2, 1) + 1e-3 * np.eye(6)
    weights = np.linalg.solve(normal, inner @ wanted)  # (k, 6, 1)
    rest = wanted - inner.transpose(0, 2, 1) @ weights
    whole, left = (_detail(t.reshape(-1, n, n)) for t in (wanted, rest))
    share = 1 - (left**2).sum(axis=(1, 2)) / np.maximum((whole**2).sum(axis=(1, 2)), 1)
    return np.round(share, 6)


def _detail(pictures: Numbers) -> Numbers:
    """Subtract from each pixel the mean of the 5 x 5 about it; the edge goes on beyond itself."""
    sums = np.pad(pictures, ((0, 0), (3, 2), (3, 2)), mode="edge").cumsum(axis=1).cumsum(axis=2)
    five = sums[:, 5:, 5:] - sums[:, :-5, 5:] - sums[:, 5:, :-5] + sums[:, :-5, :-5]
    return pictures - five / 25
