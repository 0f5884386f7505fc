"""The content of ``run.json``: the settings, the identity of the data, and the versions."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from clearconv.data import Source
from clearconv.data.images.decode import CACHE_SIDE
from clearconv.data.images.resize import EARLIER
from clearconv.data.sources.source import composed
from clearconv.errors import ClearconvError, RunError
from clearconv.runs import files
from clearconv.runs.records.schema import (
    EPOCH,
    PLACE,
    TABLE,
    TEXT,
    Kind,
    Many,
    Schema,
    damaged,
    is_whole,
    read,
)
from clearconv.runs.settings import Settings

_SOURCES = ("photos", "idx", "digits", "arrays")

#: The file; ``Settings`` checks its settings.
RUN: Schema = {
    "settings": TABLE,
    "smallest_batch?": Kind("a whole number, 1 or more", EPOCH.fits),
    "data": {
        "name": TEXT,
        "kind": Kind(f"one of {', '.join(_SOURCES)}", lambda value: value in _SOURCES),
        "root": PLACE,
        "classes": Many(TEXT),
        "side?": Kind("a whole number, or null", lambda v: v is None or (is_whole(v) and v > 0)),
        "definition?": Kind("a whole number, 1 or more", EPOCH.fits),
        "sha256": Many(TEXT, named=True),
    },
}

#: What to do about a damaged file that describes the run.
COPY = "Put a whole copy back; the models beside it (.safetensors) can be used without it."


@dataclass(frozen=True)
class DataRecord:
    """The identity of a run's data.

    Attributes
    ----------
    name, kind : str
        As in ``Source``.
    root : str or None
        The folder; None for the bundled digits and for arrays.
    classes : tuple of str
        Classes in label order.
    images : int or None
        Number of images.
    side : int or None
        The side at which photographs are kept.
    definition : int
        Definition by which they are reduced to it.
    sha256 : dict
        Hash of each file, or of the arrays.
    """

    name: str
    kind: str
    root: str | None
    classes: tuple[str, ...]
    images: int | None
    side: int | None
    definition: int
    sha256: Mapping[str, str]

    @classmethod
    def of(cls, source: Source) -> Self:
        """Return the identity of opened data."""
        root = None if source.root is None else str(source.root.resolve())
        return cls(
            source.name,
            source.kind,
            root,
            tuple(source.classes),
            len(source),
            source.side,
            source.definition,
            source.sha256(),
        )

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Self:
        """Return the object that ``to_dict`` described, in this version or an earlier one."""
        return cls(
            plain["name"],
            plain["kind"],
            plain["root"],
            tuple(map(composed, plain["classes"])),
            plain.get("images"),
            plain.get("side", CACHE_SIDE),
            plain.get("definition", EARLIER),
            plain["sha256"],
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain data, for JSON."""
        return {**asdict(self), "classes": list(self.classes)}

    def is_of(self, source: Source) -> bool:
        """Return whether opened data are these, file by file, with the classes in any order."""
        return self.sha256 == source.sha256() and set(self.classes) == set(source.classes)

    def changes(self, source: Source) -> str:
        """Describe how opened data differ from these; empty if they are the same."""
        before, now = self.sha256, source.sha256()
        changes = [
            f"{len(names):,} {what} file{'s' if len(names) > 1 else ''} (such as {names[0]})"
            for what, names in (
                ("changed", sorted(f for f in before.keys() & now.keys() if before[f] != now[f])),
                ("missing", sorted(before.keys() - now.keys())),
                ("new", sorted(now.keys() - before.keys())),
            )
            if names
        ]
        if not changes and self.classes != source.classes:
            changes = [f"classes {list(self.classes)} became {list(source.classes)}"]
        return "; ".join(changes)


@dataclass(frozen=True, eq=False)
class About:
    """The content of ``run.json``.

    Attributes
    ----------
    folder : Path
        The run folder.
    plain : dict
        The content, with the kind of each value checked.
    """

    folder: Path
    plain: Mapping[str, Any]

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read the file, or raise `RunError` if it is missing or damaged."""
        path = folder / files.RUN
        if (folder / files.FOLDS).is_file():
            raise RunError(
                f"{folder} holds the folds of a cross-validation, each of which is a run folder: "
                f"give one of them, such as {folder / files.fold(1)}. For a model that has learnt "
                "from all the images train again without folds."
            )
        if not path.is_file():
            raise RunError(
                f"{folder} is not a run folder: it has no {files.RUN}. Give the folder that "
                "training named, such as runs/photos-1."
            )
        return cls(folder, read(path, RUN, COPY))

    @cached_property
    def data(self) -> DataRecord:
        """Return the identity of the data."""
        return DataRecord.from_dict(self.plain["data"])

    @cached_property
    def settings(self) -> Settings:
        """Return the settings, or raise `RunError` if this version does not know them."""
        try:
            return Settings.from_dict(self.plain["settings"])
        except RunError:
            raise
        except (ClearconvError, TypeError) as error:  # a setting without a default is missing
            path = self.folder / files.RUN
            raise damaged(path, f"its settings: {error}", COPY) from None

    @property
    def smallest_batch(self) -> int | None:
        """Return the network's number when the run started; earlier versions did not keep it."""
        number: int | None = self.plain.get("smallest_batch")
        return number

    @property
    def versions(self) -> dict[str, str]:
        """Return the versions with which the run was made, as far as the file says."""
        names = ("clearconv", "python", "numpy", "machine", "cpu_variant")
        return {name: str(self.plain[name]) for name in names if name in self.plain}
