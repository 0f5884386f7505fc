"""Files that are whole or not there: what a crash at any moment must leave behind."""

import errno
import os
import re
from pathlib import Path

#: What a file system answers that knows no hard links.
_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)


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
