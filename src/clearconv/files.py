"""Files that are either whole or absent, even after a crash at any moment."""

import errno
import os
import re
import stat
from pathlib import Path
from typing import BinaryIO

#: Errors of a file system without hard links.
_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)


#: Bytes of the longest text file that is read: a million images take a tenth of it.
MOST_TEXT = 2**30


class SpecialFileError(OSError):
    """Something is not a file, such as a pipe or a device."""


def open_file(path: str | os.PathLike[str]) -> BinaryIO:
    """Open a file for reading, or raise an `OSError` that says what is there instead.

    Opening a pipe would wait for a writer, and a device may never end.
    """
    mode = os.stat(path).st_mode
    kinds = {
        stat.S_ISFIFO: "a pipe",
        stat.S_ISSOCK: "a socket",
        stat.S_ISCHR: "a device",
        stat.S_ISBLK: "a device",
    }
    for is_kind, words in kinds.items():
        if is_kind(mode):
            raise SpecialFileError(errno.EINVAL, f"{words}, not a file", os.fspath(path))
    # If it has become a pipe since then, this still does not wait.
    return open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK))


def read_text(path: str | os.PathLike[str], encoding: str = "utf-8", errors: str = "strict") -> str:
    """Return the text of a file, unless it is not a file or is far too long for a text."""
    with open_file(path) as file:
        if (size := os.fstat(file.fileno()).st_size) > MOST_TEXT:
            raise OSError(errno.EFBIG, f"{size:,} bytes are too many for a text", os.fspath(path))
        return file.read().decode(encoding, errors)


def write_atomically(path: Path, content: bytes, previous: Path | None = None) -> None:
    """Write `content` so that `path` holds either its old or its new content, never a part.

    The bytes go to a temporary file in the same folder, are flushed to disk, and get the name in
    one step; the folder is also flushed, so that the new name survives a power cut. The old content
    is kept as `previous` if that is given: at every moment one of the two names is a whole file.
    """
    if not path.parent.is_dir():
        missing = f"the folder {path.parent} does not exist. Make it first"
        raise FileNotFoundError(errno.ENOENT, missing, str(path))
    temporary = _temporary(path)
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if previous is not None and path.exists():
            _keep(path, previous)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def sweep(folder: Path) -> None:
    """Remove the temporary files of killed processes; call it only if no other process writes."""
    for path in folder.iterdir():
        if is_temporary(path):
            path.unlink(missing_ok=True)


def is_temporary(path: Path) -> bool:
    """Return whether a file was being written here when its process was killed."""
    return re.fullmatch(r"\..+\.\d+\.tmp", path.name) is not None


def shortened(name: str, most: int = 100) -> str:
    """Return the last `most` bytes of a name: a file name may have 255, whatever its characters."""
    return name.encode(errors="ignore")[-most:].decode(errors="ignore")


def _temporary(path: Path) -> Path:
    name = os.fsdecode(os.fsencode(path.name)[-200:])
    return path.with_name(f".{name}.{os.getpid()}.tmp")


def _keep(path: Path, previous: Path) -> None:
    """Give the file a second name, replacing any file with that name."""
    second = _temporary(previous)
    try:
        second.unlink(missing_ok=True)
        os.link(path, second)
        os.replace(second, previous)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        os.replace(path, previous)
    finally:
        # still there if both names were the same file: renaming one to the other does nothing
        second.unlink(missing_ok=True)
