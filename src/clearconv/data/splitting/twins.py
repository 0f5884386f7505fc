"""Pictures that are the same, or nearly: re-saved, resized, brightened, slightly cropped, mirrored.

A copy of a training image in the test part tests only memory. Names and bytes do not reveal it, so
pictures are compared as thumbnails, first coarsely: as vectors of 16 x 16 pixels, whose correlation
is one matrix product, without a table of all pairs. Close pairs are compared again more finely.
``docs/data.md`` says how both limits were found.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from clearconv.data.images.decode import Pixels
from clearconv.data.images.resize import resized_thumbnail, with_channels
from clearconv.data.splitting.alikeness import (
    SIDE,
    Details,
    Numbers,
    coarse_vectors,
    correlation,
    correlation_at_most,
    explained,
)

Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

#: Pictures with a shorter side hold too little to tell two shots of similar things from one ...
_SMALL = 64
#: ... so that only almost equal pixels count, and of the tiniest only equal ones.
_TINY = 16
#: Correlation of 16 x 16 pixels from which a pair is compared again.
_COARSE, _COARSE_SMALL = 0.94, 0.99
#: Share of a thumbnail's detail that the other one must explain.
_DETAIL = 0.85
#: Correlation of the thumbnails of small pictures.
_EQUAL = 0.998
#: Rounding error of float32 in an upper limit.
_ROUNDING = 1e-3
#: Pictures in a row, and in a column, of a block of the matrix product.
_BLOCK = 1024
#: A block with more close pairs is *crowded*: upper limits, two more products, refuse most first.
_CROWDED = 512
#: Number of crowded blocks searched, and of pairs compared in vain: a minimum, and more for every
#: block of pictures. The rest is not searched and is reported as unknown.
_CROWDED_BLOCKS, _CROWDED_BLOCKS_EACH = 128, 2
_IN_VAIN, _IN_VAIN_EACH = 2**15, _BLOCK


@dataclass(frozen=True, eq=False)
class Twins:
    """The pictures of a source that are the same or nearly the same.

    Attributes
    ----------
    same : ndarray of int64, shape (n,)
        For each image the first one with equal pixels: its own number if there is none.
    alike : ndarray of int64, shape (n,)
        For each image the first of its near twins, equal ones included.
    unknown : ndarray of int64
        Images that resemble so many others that not every pair was compared: they may have near
        twins that are not in `alike`.
    """

    same: Integers
    alike: Integers
    unknown: Integers = field(default_factory=lambda: np.empty(0, np.int64))


def thumbnail(pixels: Pixels) -> tuple[Pixels, bool]:
    """Return (32, 32) grey pixels of a picture (H, W, C), and whether it is grey itself."""
    small = resized_thumbnail(pixels, SIDE)  # (32, 32, C)
    if small.shape[2] == 1:
        return small[..., 0], True
    grey = int(np.ptp(small, axis=2).max()) <= 4  # a JPEG's rounding aside
    return with_channels(small, 1)[..., 0], grey


def find_twins(digests: Sequence[bytes], thumbnails: Pixels, shorter: Integers) -> Twins:
    """Group the pictures.

    Parameters
    ----------
    digests : sequence of bytes
        Digest of each picture's pixels; equal pixels have equal digests.
    thumbnails : ndarray of uint8, shape (n, 32, 32)
        Of each picture.
    shorter : ndarray of int64, shape (n,)
        Each picture's shorter side.

    Returns
    -------
    Twins

    Notes
    -----
    Pairs within a group are not compared: m copies of a picture cost about m comparisons. The
    coarse vectors cost a product of (n, 256) matrices by blocks, without those that are known to
    be far apart: n ** 2 steps, but light ones. Where pictures are merely all alike, upper limits
    refuse nearly all pairs, each at less than a thousandth of a comparison. The number of blocks
    that are searched so, and of comparisons in vain, is bounded by a multiple of n; what is beyond
    is `unknown`. Memory grows with n.
    """
    first: dict[bytes, int] = {}
    same = np.array([first.setdefault(digest, i) for i, digest in enumerate(digests)], np.int64)
    distinct = np.flatnonzero((same == np.arange(len(same))) & (shorter >= _TINY))
    search = _Search(thumbnails[distinct], shorter[distinct] < _SMALL)
    search.run()
    alike = same.copy()
    alike[distinct] = distinct[search.group]
    return Twins(same, alike[same], distinct[search.unknown])


class _Search:
    """The search for near twins among n pictures that all differ.

    Attributes
    ----------
    group : ndarray of int64, shape (n,)
        For each picture the first of its group, as far as it is known.
    unknown : ndarray of bool, shape (n,)
        Pictures of which some close pairs were not compared.
    """

    def __init__(self, thumbnails: Pixels, small: Flags) -> None:
        self.thumbnails, self.small = thumbnails, small
        n = len(thumbnails)
        self.group = np.arange(n)
        self.unknown = np.zeros(n, dtype=bool)
        self.vectors, self.share = coarse_vectors(thumbnails)
        # A mirrored shoe is another shoe; a mirrored photograph is a copy.
        self.views = (False,) if small.all() else (False, True)
        self.least = _COARSE_SMALL if small.all() else _COARSE
        blocks = -(-n // _BLOCK)
        self.crowded = _CROWDED_BLOCKS + _CROWDED_BLOCKS_EACH * blocks
        self.in_vain = _IN_VAIN + _IN_VAIN_EACH * blocks

    def run(self) -> None:
        """Compare every block of pictures with every other one that is near.

        Vectors that are close are as close along any direction, so that in the order of one number
        each block meets only its neighbours.
        """
        if len(self.group) < 2:
            return
        along = self.vectors @ _main_direction(self.vectors)
        order = np.argsort(along, kind="stable")
        along = along[order]
        radius = float(np.sqrt(2 * (1 - self.least))) + 1e-4
        for start in range(0, len(order), _BLOCK):
            rows = order[start : start + _BLOCK]
            end = int(np.searchsorted(along, along[start + len(rows) - 1] + radius))
            details: list[Details] = []
            for left in range(start, end, _BLOCK):
                columns = order[left : min(left + _BLOCK, end)]
                for mirrored in self.views:
                    self._block(rows, columns, mirrored, details)

    def _block(
        self, rows: Integers, columns: Integers, mirrored: bool, kept: list[Details]
    ) -> None:
        """Join similar pictures in one block; `kept` are the rows' details once they are needed."""
        others = self.vectors[columns]
        if mirrored:
            others = _mirrored(others)
        product = self.vectors[rows] @ others.T  # (rows, columns)
        close = product >= self.least
        if rows[0] == columns[0]:
            close = np.triu(close, 1)
        if not close.any():
            return
        close &= self.group[rows][:, np.newaxis] != self.group[columns]
        small = self.small[rows][:, np.newaxis] | self.small[columns]
        i, j = np.nonzero(close & small)
        limit = correlation_at_most(product[i, j], self.share[rows[i]], self.share[columns[j]])
        close[i, j] = (limit >= _EQUAL - _ROUNDING) & (not mirrored)
        crowded = bool(np.count_nonzero(close & ~small) > _CROWDED)
        if crowded and self.crowded > 0:
            crowded = False
            self.crowded -= 1
            if not kept:
                kept.append(Details(self.thumbnails[rows]))
            limits = kept[0].explained_at_most(Details(self.thumbnails[columns]), mirrored)
            close &= small | (limits >= _DETAIL - _ROUNDING)
        i, j = np.nonzero(close)
        nearest = np.argsort(-product[i, j], kind="stable")
        one, two = rows[i[nearest]], columns[j[nearest]]
        if crowded:
            self._leave(one[_CROWDED:], two[_CROWDED:])
            one, two = one[:_CROWDED], two[:_CROWDED]
        self._join(one, two, mirrored)

    def _join(self, one: Integers, two: Integers, mirrored: bool) -> None:
        """Compare pairs, the most similar first, until those that are alike share a group.

        In each round the most similar pair of every group is compared (Boruvka's algorithm): as
        long as they are alike, every round halves the number of groups.
        """
        while len(one):
            if self.in_vain <= 0:
                self._leave(one, two)
                return
            ends = np.stack((self.group[one], self.group[two]), axis=1).ravel()
            _, first = np.unique(ends, return_index=True)
            chosen = np.unique(first // 2)
            found = self._alike(one[chosen], two[chosen], mirrored)
            self.in_vain -= int(np.sum(~found))
            for a, b in zip(one[chosen[found]], two[chosen[found]], strict=True):
                low, high = sorted((_root(self.group, int(a)), _root(self.group, int(b))))
                self.group[high] = low
            while (higher := self.group[self.group]).tobytes() != self.group.tobytes():
                self.group = higher
            left = self.group[one] != self.group[two]
            left[chosen] = False
            one, two = one[left], two[left]

    def _leave(self, one: Integers, two: Integers) -> None:
        """Note pairs that are not compared."""
        self.unknown[one] = self.unknown[two] = True

    def _alike(self, one: Integers, two: Integers, mirrored: bool) -> Flags:
        """Compare pairs of pictures, and return for each whether they are near twins."""
        found = np.zeros(len(one), dtype=bool)
        for start in range(0, len(one), _CROWDED):  # bounds the memory
            part = slice(start, start + _CROWDED)
            low, high = np.minimum(one[part], two[part]), np.maximum(one[part], two[part])
            a, b = self.thumbnails[low], self.thumbnails[high]
            small = self.small[low] | self.small[high]
            if mirrored:
                b = b[:, :, ::-1]
            found[part][small] = correlation(a[small], b[small]) >= _EQUAL
            found[part][~small] = explained(a[~small], b[~small]) >= _DETAIL
        return found


def _root(parent: Integers, i: int) -> int:
    while parent[i] != i:
        i = int(parent[i])
    return i


def _mirrored(vectors: Numbers) -> Numbers:
    """Return the vectors (n, 256) of the mirrored pictures."""
    half = SIDE // 2
    return vectors.reshape(-1, half, half)[:, :, ::-1].reshape(vectors.shape)


def _main_direction(vectors: Numbers) -> Numbers:
    """Return approximately the direction of the largest variance: three power iterations.

    Pictures count together with their mirror images, which makes the direction symmetric: a
    picture and its mirror image are at the same position along it.
    """
    sample = vectors[:: max(1, len(vectors) // 1000)]
    sample = sample + _mirrored(sample)
    direction = sample[0] + np.float32(1e-3)
    for _ in range(3):
        direction = sample.T @ (sample @ direction)
        length = float(np.sqrt(direction @ direction))
        if length == 0:
            return np.zeros_like(direction)
        direction = direction / np.float32(length)
    return direction
