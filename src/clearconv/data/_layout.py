"""Which files of a folder belong to which class and to which part of a split."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from clearconv.data._decode import is_meant
from clearconv.data._problems import Problem
from clearconv.data._source import check_classes
from clearconv.errors import DataError

_PARTS = {
    "train": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
}
#: What operating systems and archives leave in folders; names with a leading dot as well.
_LITTER = frozenset(("__macosx", "@eadir", "thumbs.db", "desktop.ini"))
_EXPECTED = "Expected one sub-folder per class, for example {0}/cat/ and {0}/dog/"


@dataclass(frozen=True)
class Candidate:
    """One file of a class folder; whether it is an image is not known yet."""

    file: str  # path below the root, with forward slashes
    label: int
    part: str  # "train", "validation", "test", or "" where the folder brings no split


@dataclass(frozen=True)
class Layout:
    """What a folder holds."""

    classes: tuple[str, ...]
    candidates: tuple[Candidate, ...]
    problems: tuple[str, ...]
    skipped: int


def read_layout(root: Path, wanted: Sequence[str] | None, least: int) -> Layout:
    """List a data folder's files in an order that no file system or locale changes."""
    folders, loose = _entries(root)
    parts = _parts(root, folders)
    trees = _trees(root, parts)
    found = {part: [path.name for path in _entries(tree)[0]] for part, tree in trees.items()}
    first = next(iter(trees))  # train, or the root itself
    known = found[first]
    if not known:
        raise DataError(_no_classes(trees[first], loose))
    if wanted is None and len(known) == 1 < least:
        inner = root / known[0]
        deeper = [path.name for path in _entries(inner)[0]]
        if len(deeper) > 1:
            raise DataError(
                f"{root} has one sub-folder only ({known[0]}), so one class, but a classifier "
                f"needs at least two. {inner} has {len(deeper)} sub-folders: did you mean {inner}?"
            )
    check_classes(known, wanted, str(trees[first]), least)
    for part, names in found.items():
        strange = [n for n in names if n not in known and (wanted is None or n in wanted)]
        if strange:
            raise DataError(
                f"{trees[part]} has classes that {trees[first]} has not: {', '.join(strange)}. "
                f"The known classes are {', '.join(known)}. Rename or remove the folder."
            )
    classes = tuple(wanted or known)
    candidates = [
        Candidate(path, label, part)
        for part, tree in trees.items()
        for label, name in enumerate(classes)
        if name in found[part]
        for path in (file.relative_to(root).as_posix() for file in files_below(tree / name))
    ]
    problems, skipped = _left_out(root, parts, folders, loose)
    return Layout(classes, tuple(candidates), problems, skipped)


def folder_classes(root: Path) -> tuple[str, ...]:
    """Return the names of a data folder's classes; no file is opened."""
    folders, loose = _entries(root)
    first = next(iter(_trees(root, _parts(root, folders)).values()))
    known = tuple(path.name for path in _entries(first)[0])
    if not known:
        raise DataError(_no_classes(first, loose))
    return known


def files_below(folder: Path, above: tuple[str, ...] = ()) -> list[Path]:
    """List a folder's files, its sub-folders' too, without hidden ones and litter.

    A link back to a folder above is not followed.
    """
    real = os.path.realpath(folder)
    if real in above:
        return []
    folders, found = _entries(folder)
    for inner in folders:
        found += files_below(inner, (*above, real))
    return found


def _trees(root: Path, parts: dict[str, str]) -> dict[str, Path]:
    """Return part -> the folder that holds its classes, train first."""
    return {part: root / name for name, part in parts.items()} if parts else {"": root}


def _parts(root: Path, folders: list[Path]) -> dict[str, str]:
    """Return folder name -> part, train first, where the folder is a ready split; else {}."""
    named = {path.name: _PARTS[path.name.lower()] for path in folders if _is_part(path)}
    if "train" not in named.values() or len(named) < 2:
        _check_parts(root, folders, named)
        return {}
    parts = sorted(named.items(), key=lambda item: list(_PARTS.values()).index(item[1]))
    if len({part for _, part in parts}) < len(parts):
        raise DataError(
            f"{folders[0].parent} has the folders {', '.join(name for name, _ in parts)}, two of "
            "which are the same part. Keep one train, one validation and one test folder."
        )
    return dict(parts)


def _is_part(folder: Path) -> bool:
    return folder.name.lower() in _PARTS and bool(_entries(folder)[0])


def _check_parts(root: Path, folders: list[Path], named: dict[str, str]) -> None:
    """Raise where the parts of a split would be taken for classes, as val/ and test/ alone."""
    if not named or any(path.name.lower() not in _PARTS for path in folders):
        return
    names = [path.name for path in folders]
    held = f"{root} holds the parts of a split ({', '.join(names)})"
    if all(_PARTS[name.lower()] != "train" for name in names):
        raise DataError(
            f"{held}, but train/ is missing. Expected {root / 'train'} with one sub-folder per "
            f"class beside them; to use a part by itself, give its folder, such as "
            f"{root / next(iter(named))}."
        )
    flat = [name for name in names if name not in named]
    if flat:
        raise DataError(
            f"{held}, but {' and '.join(f'{name}/' for name in flat)} without sub-folders. Each "
            "part needs one sub-folder per class: make them, or move that part elsewhere."
        )


def _left_out(
    root: Path, parts: dict[str, str], folders: list[Path], loose: list[Path]
) -> tuple[tuple[str, ...], int]:
    """Warn about folders beside a ready split, and about images outside every class folder."""
    problems = [
        f"{path.name}/ lies beside the folders of the split and is left out"
        for path in folders
        if parts and path.name not in parts
    ]
    images = list(filter(is_meant, loose))
    for name in parts:
        images += filter(is_meant, _entries(root / name)[1])
    problems += [
        Problem(
            f"{path.relative_to(root).as_posix()} lies outside every class folder and is left out",
            "left out",
        )
        for path in images
    ]
    return tuple(problems), len(images)


def _no_classes(folder: Path, loose: list[Path]) -> str:
    """Say what a folder without sub-folders holds instead."""
    images = sum(map(is_meant, loose))
    expected = _EXPECTED.format(folder)
    if images:
        return (
            f"{folder} holds {images} images but no sub-folders. {expected}: move each image into "
            "the folder of its class."
        )
    what = f"{len(loose)} files, no sub-folders" if loose else "nothing"
    return f"{folder} holds {what}. {expected}, or the idx files of MNIST."


def _entries(folder: Path) -> tuple[list[Path], list[Path]]:
    """Return the folder's sub-folders and files by name, without hidden ones and litter."""
    folders: list[Path] = []
    files: list[Path] = []
    try:
        with os.scandir(folder) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                if entry.name.startswith(".") or entry.name.lower() in _LITTER:
                    continue
                (folders if _is_folder(entry) else files).append(folder / entry.name)
    except OSError as error:
        raise DataError(f"{folder} cannot be listed: {error.strerror}.") from None
    return folders, files


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Say whether an entry is a folder or leads to one; where that cannot be seen, it is a file."""
    try:
        return entry.is_dir()
    except OSError:  # a link that leads back to itself, or to where this user may not look
        return False
