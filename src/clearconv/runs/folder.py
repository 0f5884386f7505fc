"""A folder for a new run: found, checked, made, and locked by one process."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from clearconv.errors import ArgumentError, RunError
from clearconv.files import is_temporary, shortened
from clearconv.runs import files
from clearconv.runs.lock import locked

#: Files that a run writes before ``run.json``, which marks its start.
_BEFORE = (files.LOCK, files.SPLIT, files.LAST, files.PREVIOUS)


def check_folder(out: Path | None, root: Path | None) -> None:
    """Raise if `out` cannot be a new run's folder, for data in the folder `root` or in none."""
    if out is None:
        return
    if root is not None and out.resolve().is_relative_to(root.resolve()):
        raise ArgumentError(
            f"The run folder {out} would lie inside the data ({root.resolve()}), where it would "
            "be taken for images. Choose another place with `out`."
        )
    if (out / files.RUN).exists() or (out / files.FOLDS).exists():
        raise ArgumentError(
            f"{out} already holds a run. Continue it (`resume({str(out)!r})`), or choose "
            "another folder with `out`."
        )
    if out.exists() and not (out.is_dir() and _is_empty(out)):
        raise ArgumentError(f"{out} exists and is not an empty folder. Choose another with `out`.")


@contextmanager
def new_folder(
    out: Path | None,
    name: str,
    root: Path | None,
    warn: Callable[[str], None],
    begun: str = files.RUN,
) -> Iterator[Path]:
    """Make `out`, or the first free ``runs/NAME-N``, and hold its lock.

    A folder is free if ``mkdir`` makes it: two runs that start at once each get their own.
    The default is never inside the data, where it would be taken for images: if the current folder
    is there, it is next to the data. A run that does not get as far as `begun` leaves nothing.
    """
    check_folder(out, root)
    made = True
    try:
        if out is None:
            out = _first_free(name, root)
        else:
            made = not out.exists()
            out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(
            f"The run folder {out or files.RUNS} cannot be made ({error.strerror}). Choose another "
            "with `out`."
        ) from None
    with locked(out, warn):
        check_folder(out, root)  # again: another may have started and ended here meanwhile
        try:
            yield out
        finally:
            if not (out / begun).exists() and out.exists():
                for file in _BEFORE:
                    (out / file).unlink(missing_ok=True)
                if made:
                    out.rmdir()


def _first_free(name: str, root: Path | None) -> Path:
    runs = Path(files.RUNS)
    if root is not None and runs.resolve().is_relative_to(root.resolve()):
        runs = root.resolve().parent / files.RUNS
    runs.mkdir(parents=True, exist_ok=True)
    for number in count(1):
        folder = runs / f"{shortened(name) or 'data'}-{number}"
        try:
            folder.mkdir()
        except FileExistsError:
            continue
        return folder
    raise AssertionError  # count has no end


def _is_empty(folder: Path) -> bool:
    """Return whether a folder is empty, or holds only the remains of a run killed at its start."""
    there = list(folder.iterdir())
    left = all(file.name in _BEFORE or is_temporary(file) for file in there)
    return not there or (left and (folder / files.LOCK).exists())
