"""The user's cache: where converted weights are kept."""

import os
import sys
from pathlib import Path

from clearconv.errors import ModelFileError
from clearconv.exchange.pretrained.catalogue import Weights
from clearconv.files import write_atomically


def folder() -> Path:
    """Return the folder for weights: below XDG_CACHE_HOME, or where the platform has its caches."""
    if given := os.environ.get("XDG_CACHE_HOME"):
        base = Path(given)
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    elif sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    else:
        base = Path.home() / ".cache"
    return base / "clearconv" / "weights"


def place(weights: Weights) -> Path:
    """Return where the converted weights are kept; a part of the hash is in the name."""
    return folder() / f"{weights.name}-{weights.sha256[:8]}.safetensors"


def check_writable() -> None:
    """Make the folder, or raise before anything is downloaded.

    Raises
    ------
    ModelFileError
        If it cannot be made or written.
    """
    where = folder()
    try:
        where.mkdir(parents=True, exist_ok=True)
        if not os.access(where, os.W_OK):
            raise PermissionError(13, "Permission denied")
    except OSError as error:
        raise _unwritable(where, error) from None


def write(path: Path, content: bytes) -> None:
    """Write converted weights; the file is whole or absent."""
    try:
        write_atomically(path, content)
    except OSError as error:
        raise _unwritable(path.parent, error) from None


def _unwritable(where: Path, error: OSError) -> ModelFileError:
    return ModelFileError(
        f"The cache {where} cannot be written: {error.strerror or error}. Make it writable, or "
        "choose another place with the environment variable XDG_CACHE_HOME."
    )
