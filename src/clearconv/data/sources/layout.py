"""The class and the part of a split to which each file of a folder belongs."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from clearconv.data.images.decode import is_meant
from clearconv.data.sources.problems import Problem
from clearconv.data.sources.source import check_classes, composed, some_classes
from clearconv.errors import DataError
from clearconv.words import some

#: Names of a split's folders, in lower case and without separators.
_PARTS = {
    part: re.compile(rf"({names})(set|data|images|split)?")
    for part, names in (
        ("train", "train|training"),
        ("validation", "val|valid|validation|dev"),
        ("test", "test|testing|eval|evaluation|holdout"),
    )
}
#: Names that are hardly a class among others; "valid" and "dev" may well be one.
_HARDLY_A_CLASS = re.compile(r"(val|validation|test|testing|holdout)(set|data|images|split)?")
#: Files that operating systems and archives leave in folders, in addition to those with a dot.
_LITTER = frozenset(("__macosx", "@eadir", "thumbs.db", "desktop.ini"))
_EXPECTED = "Expected one sub-folder per class, for example {0}/cat/ and {0}/dog/"


@dataclass(frozen=True)
class Candidate:
    """One file of a class folder; whether it is an image is not known yet."""

    file: str  # path below the root, with forward slashes
    label: int
    part: str  # "train", "validation", "test", or "" where the folder brings no split


@dataclass(frozen=True)
class FolderLayout:
    """The content of a folder."""

    classes: tuple[str, ...]
    candidates: tuple[Candidate, ...]
    problems: tuple[str, ...]
    skipped: int


def read_layout(root: Path, wanted: Sequence[str] | None, least: int) -> FolderLayout:
    """List a data folder's files in an order that no file system or locale changes."""
    if wanted is not None and not isinstance(wanted, str):
        wanted = [composed(name) for name in wanted]
    folders, loose = _entries(root)
    parts = _parts(root, folders, wanted)
    if not parts and wanted is None:
        _check_strays(root, folders)
    trees = _trees(root, parts)
    found = {part: _classes(tree) for part, tree in trees.items()}
    first = next(iter(trees))  # train, or the root itself
    known = list(found[first])
    if not known:
        raise DataError(_no_classes(trees[first], loose))
    if wanted is None and len(known) == 1 < least:
        inner = found[first][known[0]]
        deeper = [path.name for path in _entries(inner)[0]]
        if len(deeper) > 1:
            raise DataError(
                f"{root} has only one sub-folder ({known[0]}), so one class, but a classifier "
                f"needs at least two. {inner} has {len(deeper)} sub-folders: did you mean {inner}?"
            )
    check_classes(known, wanted, str(trees[first]), least)
    for part, names in found.items():
        strange = [n for n in names if n not in known and (wanted is None or n in wanted)]
        if strange:
            raise DataError(
                f"{trees[part]} has classes that {trees[first]} lacks: {some_classes(strange)}. "
                f"The known classes are {some_classes(known)}. Rename or remove the folder."
            )
    classes = tuple(wanted or known)
    candidates = [
        Candidate(path, label, part)
        for part in trees
        for label, name in enumerate(classes)
        if name in found[part]
        for path in (file.relative_to(root).as_posix() for file in files_below(found[part][name]))
    ]
    problems, skipped = _left_out(root, parts, folders, loose)
    return FolderLayout(classes, tuple(candidates), problems, skipped)


def folder_classes(root: Path) -> tuple[str, ...]:
    """Return the names of a data folder's classes; no file is opened."""
    folders, loose = _entries(root)
    first = next(iter(_trees(root, _parts(root, folders, None)).values()))
    known = tuple(_classes(first))
    if not known:
        raise DataError(_no_classes(first, loose))
    return known


def files_below(folder: Path, above: tuple[str, ...] = ()) -> list[Path]:
    """List the files of a folder and its sub-folders, without hidden and system files.

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


def _classes(tree: Path) -> dict[str, Path]:
    """Return class name -> its folder.

    Names are composed (Unicode's NFC): a Mac writes the accents of file names separately.
    """
    classes: dict[str, Path] = {}
    for path in _entries(tree)[0]:
        twin = classes.setdefault(composed(path.name), path)
        if twin is not path:
            raise DataError(
                f"{tree} has two folders of the name {composed(path.name)}, which differ only in "
                f"how their accents are written ({ascii(twin.name)} and {ascii(path.name)}), so "
                "they are the same class. Move the images of one into the other."
            )
    return classes


def _parts(root: Path, folders: list[Path], wanted: Sequence[str] | None) -> dict[str, str]:
    """Return folder name -> part, train first, if the folder is a ready split; else {}."""
    if wanted is not None and set(wanted) <= {composed(path.name) for path in folders}:
        return {}  # they are classes, as the caller says
    called = {path.name: part for path in folders if (part := _part(path.name))}
    named = {path.name: called[path.name] for path in folders if path.name in called}
    named = {name: part for name, part in named.items() if _entries(root / name)[0]}
    if "train" not in named.values() or len(named) < 2:
        if len(called) == len(folders):
            _check_parts(root, called, named)
        return {}
    parts = sorted(named.items(), key=lambda item: list(_PARTS).index(item[1]))
    if len({part for _, part in parts}) < len(parts):
        raise DataError(
            f"{root} has the folders {', '.join(name for name, _ in parts)}, two of "
            "which are the same part. Keep one train, one validation and one test folder."
        )
    return dict(parts)


def _part(name: str) -> str | None:
    """Return the part that a folder's name means."""
    plain = _plain(name)
    return next((part for part, names in _PARTS.items() if names.fullmatch(plain)), None)


def _plain(name: str) -> str:
    return re.sub(r"[-_. ]", "", name.lower())


def _check_parts(root: Path, called: dict[str, str], named: dict[str, str]) -> None:
    """Raise if the parts of a split would be taken for classes, such as only val/ and test/.

    Every folder is `called` like a part; those of `named` have sub-folders.
    """
    held = f"{root} holds the parts of a split ({', '.join(called)})"
    if named and "train" not in called.values():
        raise DataError(
            f"{held}, but train/ is missing. Expected {root / 'train'} with one sub-folder per "
            f"class beside them; to use a part by itself, give its folder, such as "
            f"{root / next(iter(named))}."
        )
    flat = [name for name in called if name not in named]
    if flat and (named or len({"train", *called.values()}) == len(set(called.values())) > 1):
        raise DataError(
            f"{held}, but {' and '.join(f'{name}/' for name in flat)} without sub-folders. Each "
            "part needs one sub-folder per class: make them, or move that part elsewhere. If these "
            f"are classes, say so: `classes={tuple(called)}`."
        )


def _check_strays(root: Path, folders: list[Path]) -> None:
    """Raise if one part of a split is next to class folders, which would make it a class.

    A data set may well have a class that is called "test" or "train". A part it is if it repeats
    the classes, or if images lie directly in it and there are two classes without it; a flat
    train/ beside classes makes no sense as a part.
    """
    classes = [path.name for path in folders if not _part(path.name)]
    for path in folders:
        inner = [folder.name for folder in _entries(path)[0]]
        if not _part(path.name) or not classes:
            continue
        if inner and set(inner) <= set(classes):
            raise DataError(
                f"{root} has the folders {some(classes, 3)}, and {path.name}/ has them again, as a "
                "part of a split does. Move those that are to train into a folder train/ beside "
                f"{path.name}/, or {path.name}/ elsewhere."
            )
        if not inner and len(classes) >= 2 and _HARDLY_A_CLASS.fullmatch(_plain(path.name)):
            names = repr(tuple(classes))[1:-1] if len(classes) < 6 else "'A', 'B', ..."
            raise DataError(
                f"{root} has {path.name}/, with images directly in it, beside the folders "
                f"{some(classes, 3)}. As a part of a split it needs one sub-folder per class, and "
                "the other folders must lie in train/ beside it; without classes its images can "
                f"only be predicted, so move it elsewhere. To leave it out: `classes=({names})`. "
                f"If it is a class: `classes=({names}, {path.name!r})`."
            )


def _left_out(
    root: Path, parts: dict[str, str], folders: list[Path], loose: list[Path]
) -> tuple[tuple[str, ...], int]:
    """Warn about folders next to a ready split, and about images outside every class folder."""
    problems = [
        f"{path.name}/ is next to the folders of the split and is left out"
        for path in folders
        if parts and path.name not in parts
    ]
    images = list(filter(is_meant, loose))
    for name in parts:
        images += filter(is_meant, _entries(root / name)[1])
    problems += [
        Problem(
            f"{path.relative_to(root).as_posix()} is outside every class folder and is left out",
            "outside",
        )
        for path in images
    ]
    return tuple(problems), len(images)


def _no_classes(folder: Path, loose: list[Path]) -> str:
    """Describe the content of a folder without sub-folders."""
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
    """Return the folder's sub-folders and files by name, without hidden and system files."""
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
    """Return whether an entry is a folder or leads to one; if unknown, it is a file."""
    try:
        return entry.is_dir()
    except OSError:  # a link that leads back to itself, or to where this user may not look
        return False
