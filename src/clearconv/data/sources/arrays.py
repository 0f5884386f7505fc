"""Data sets in memory as one array: idx files (MNIST) and the bundled digits."""

import gzip
import hashlib
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from pathlib import Path
from typing import Literal

import numpy as np

from clearconv.data.images.decode import Pixels
from clearconv.data.sources.source import Source, Split, check_classes
from clearconv.data.splitting.alikeness import SIDE
from clearconv.data.splitting.twins import Twins, find_twins, thumbnail
from clearconv.errors import DataError
from clearconv.files import open_file

_DIGITS = Path(__file__).parent / "digits.npz"
_UNSIGNED_BYTE = 0x08


@dataclass(eq=False, kw_only=True)
class ArraySource(Source):
    """Images of one size in one array.

    Attributes
    ----------
    pixels : ndarray of uint8, shape (n, H, W, C)
        All images, read-only.
    hashes : dict
        File name -> SHA-256 of the file.
    """

    pixels: Pixels
    hashes: dict[str, str]

    def image(self, sample: int) -> Pixels:
        """Return image `sample`, read-only uint8 of shape (H, W, C)."""
        return self.pixels[sample]

    @cached_property
    def twins(self) -> Twins:
        """Return which images are the same, or nearly; compared when first asked for."""
        digests = [hashlib.sha256(image.data).digest() for image in self.pixels]
        thumbnails = np.empty((len(self), SIDE, SIDE), np.uint8)
        for sample, image in enumerate(self.pixels):
            thumbnails[sample] = thumbnail(image)[0]
        return find_twins(digests, thumbnails, self.sizes.min(axis=1))

    def sha256(self) -> dict[str, str]:
        """Return the SHA-256 of every file that was read."""
        return dict(self.hashes)


def open_digits(wanted: Sequence[str] | None, least: int) -> ArraySource:
    """Return the 1,797 bundled digits of 8 x 8 pixels."""
    with np.load(_DIGITS, allow_pickle=False) as stored:
        values, labels = stored["images"], stored["labels"]  # (n, 8, 8) of 0..16, (n,)
    pixels = np.floor(values * (255 / 16) + 0.5).astype(np.uint8)
    files = tuple(f"digits/{sample:04d}" for sample in range(len(labels)))
    hashes = {_DIGITS.name: hashlib.sha256(_DIGITS.read_bytes()).hexdigest()}
    return _source("digits", "digits", None, pixels, labels, files, None, hashes, wanted, least)


def is_idx_folder(folder: Path) -> bool:
    """Return whether the folder has a file of training images in idx form."""
    return _find(folder, "train-images", 3) is not None


def open_idx(folder: Path, wanted: Sequence[str] | None, least: int) -> ArraySource:
    """Return the images of the train-* and, if present, t10k-* files."""
    hashes: dict[str, str] = {}
    images, labels = _read_part(folder, "train", hashes)
    files = [f"train/{sample:05d}" for sample in range(len(labels))]
    tested = None
    if _find(folder, "t10k-images", 3) is not None:
        test_images, test_labels = _read_part(folder, "t10k", hashes)
        if test_images.shape[1:] != images.shape[1:]:
            raise DataError(
                f"{folder}: the training images are {images.shape[1:]} pixels, the t10k images "
                f"{test_images.shape[1:]}. Do the files belong to one data set?"
            )
        files += [f"test/{sample:05d}" for sample in range(len(test_labels))]
        tested = np.arange(len(files)) >= len(labels)
        images, labels = np.concatenate([images, test_images]), np.append(labels, test_labels)
    name = folder.resolve().name or "data"
    return _source(name, "idx", folder, images, labels, tuple(files), tested, hashes, wanted, least)


def digits_classes() -> tuple[str, ...]:
    """Return the names of the bundled digits' classes."""
    with np.load(_DIGITS, allow_pickle=False) as stored:
        return _names(stored["labels"])


def idx_classes(folder: Path) -> tuple[str, ...]:
    """Return the names of the classes; only the files of labels are read."""
    parts = [part for part in ("train", "t10k") if _find(folder, f"{part}-images", 3) is not None]
    return _names(np.concatenate([_read_idx(_label_file(folder, part), 1, {}) for part in parts]))


def _source(
    name: str,
    kind: Literal["digits", "idx"],
    root: Path | None,
    pixels: Pixels,
    marks: Pixels,
    files: tuple[str, ...],
    tested: np.ndarray | None,
    hashes: dict[str, str],
    wanted: Sequence[str] | None,
    least: int,
) -> ArraySource:
    """Select the wanted classes; `marks` are the labels as stored, `tested` marks the test part."""
    known = _names(marks)
    check_classes(known, wanted, str(root or name), least)
    classes = tuple(wanted or known)
    table = np.full(256, -1)
    table[[int(name) for name in classes]] = np.arange(len(classes))
    labels = table[marks]  # (n,), -1 where not wanted
    keep = np.flatnonzero(labels >= 0)
    if len(keep) < len(labels):
        pixels, labels, files = pixels[keep], labels[keep], tuple(files[i] for i in keep)
        tested = None if tested is None else tested[keep]
    split = None
    if tested is not None:
        none = np.empty(0, dtype=np.int64)
        split = Split(np.flatnonzero(~tested), none, np.flatnonzero(tested))
    pixels = pixels[..., np.newaxis]  # (n, H, W, 1)
    pixels.flags.writeable = False
    return ArraySource(
        name=name,
        kind=kind,
        root=root,
        classes=classes,
        labels=labels.astype(np.int64),
        files=files,
        split=split,
        channels=1,
        size=pixels.shape[1:3],
        sizes=np.tile(np.array(pixels.shape[1:3], np.int64), (len(pixels), 1)),
        grey=len(pixels),
        pixels=pixels,
        hashes=hashes,
    )


def _names(marks: Pixels) -> tuple[str, ...]:
    """Name the classes by their numbers."""
    return tuple(str(mark) for mark in np.unique(marks))


def _find(folder: Path, stem: str, axes: int) -> Path | None:
    """Return the file ``<stem>-idx<axes>-ubyte``, gzipped or not, also as ``<stem>.idx...``."""
    pattern = re.compile(rf"{stem}[-.]idx{axes}-ubyte(\.gz)?", re.IGNORECASE)
    found = sorted(path for path in folder.iterdir() if pattern.fullmatch(path.name))
    return found[0] if found else None


def _label_file(folder: Path, part: str) -> Path:
    """Return the file of labels, or raise if there are only images."""
    found = _find(folder, f"{part}-labels", 1)
    if found is None:
        image_file = _find(folder, f"{part}-images", 3)
        assert image_file is not None
        raise DataError(
            f"{folder} holds {image_file.name} but no {part}-labels-idx1-ubyte[.gz]. "
            "Put the labels' file into the same folder."
        )
    return found


def _read_part(folder: Path, part: str, hashes: dict[str, str]) -> tuple[Pixels, Pixels]:
    """Read one part's images (n, H, W) and labels (n,), noting the files' hashes."""
    image_file, label_file = _find(folder, f"{part}-images", 3), _label_file(folder, part)
    assert image_file is not None
    images, labels = _read_idx(image_file, 3, hashes), _read_idx(label_file, 1, hashes)
    if len(images) != len(labels):
        raise DataError(
            f"{folder}: {image_file.name} holds {len(images)} images, but {label_file.name} "
            f"{len(labels)} labels. Do the files belong to one data set?"
        )
    if len(images) == 0:
        raise DataError(f"{image_file} holds no images.")
    return images, labels


def _read_idx(path: Path, axes: int, hashes: dict[str, str]) -> Pixels:
    """Read one idx file: two zero bytes, type, number of axes, big-endian sizes, then bytes."""
    try:
        with open_file(path) as file:
            data = file.read(4)
            if data[:2] == b"\x1f\x8b" or data == bytes([0, 0, _UNSIGNED_BYTE, axes]):
                data += file.read()  # for anything else the rest does not matter
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}.") from None
    hashes[path.name] = hashlib.sha256(data).hexdigest()
    if data[:2] == b"\x1f\x8b":
        try:
            data = gzip.decompress(data)
        except (OSError, EOFError, zlib.error) as error:
            raise DataError(f"{path} is damaged: {error}. Download it again.") from None
    head = 4 + 4 * axes
    if len(data) < head or data[:4] != bytes([0, 0, _UNSIGNED_BYTE, axes]):
        raise DataError(
            f"{path} starts with {data[:4].hex(' ')}, but an idx file of bytes with {axes} "
            f"{'axes' if axes > 1 else 'axis'} starts with 00 00 08 {axes:02d}."
        )
    shape: tuple[int, ...] = tuple(np.frombuffer(data, ">u4", axes, offset=4).tolist())
    if len(data) - head != prod(shape):
        raise DataError(
            f"{path} announces {shape} = {prod(shape)} bytes, but {len(data) - head} follow. "
            "Download it again."
        )
    return np.frombuffer(data, np.uint8, offset=head).reshape(shape)
