"""Files that are whole or not there: what a crash at any moment must leave behind."""

import errno
import os
import re
import stat
from pathlib import Path
from typing import BinaryIO

#: What a file system answers that knows no hard links.
_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)


#: Bytes of the longest file of text that is read: a million images take a tenth of it.
MOST_TEXT = 2**30


def open_file(path: str | os.PathLike[str]) -> BinaryIO:
    """Open a file for reading, or raise an `OSError` that says what the name leads to instead.

    To open a pipe would wait for somebody to write, and a device may never come to an end.
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
            raise OSError(errno.EINVAL, f"{words}, not a file", os.fspath(path))
    # If it has become a pipe since, there is still no waiting.
    return open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK))


def read_text(path: str | os.PathLike[str], encoding: str = "utf-8", errors: str = "strict") -> str:
    """Return the text of a file, unless it is no file or far too long for any text."""
    with open_file(path) as file:
        if (size := os.fstat(file.fileno()).st_size) > MOST_TEXT:
            raise OSError(errno.EFBIG, f"{size:,} bytes are too many for a text", os.fspath(path))
        return file.read().decode(encoding, errors)


def write_atomically(path: Path, content: bytes, previous: Path | None = None) -> None:
    """Write `content` so that `path` holds either its old or its new content, never a part.

    The bytes go to a neighbouring temporary file, are flushed to disk, and take the name in one
    step; the folder is flushed too, so that the new name survives a power cut. The old content is
    kept as `previous`, if that is given: at every moment one of the two names holds a whole file.
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
    """Remove the temporary files that killed processes left; call it where no other writes."""
    for path in folder.iterdir():
        if is_temporary(path):
            path.unlink(missing_ok=True)


def is_temporary(path: Path) -> bool:
    """Tell whether a file was being written here when its process was killed."""
    return re.fullmatch(r"\..+\.\d+\.tmp", path.name) is not None


def shortened(name: str, most: int = 100) -> str:
    """Return the last `most` bytes of a name: a file's may have 255, whatever it is made up of."""
    return name.encode(errors="ignore")[-most:].decode(errors="ignore")


def _temporary(path: Path) -> Path:
    name = os.fsdecode(os.fsencode(path.name)[-200:])
    return path.with_name(f".{name}.{os.getpid()}.tmp")


def _keep(path: Path, previous: Path) -> None:
    """Give the file a second name, in place of what had that name."""
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
        # still there where both names were the same file: to rename one to the other does nothing
        second.unlink(missing_ok=True)
