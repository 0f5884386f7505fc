"""One process per run folder: a lock that the system releases when its holder dies."""

import fcntl
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from clearconv.errors import RunError
from clearconv.runs.files import LOCK


@contextmanager
def locked(folder: Path, warn: Callable[[str], None]) -> Iterator[None]:
    """Hold the run folder's lock, or raise if another process has it.

    ``flock`` belongs to the open file, so a killed process leaves no lock behind. The file stays,
    unlocked: removing it would let two processes in, one with the old file open and one with a new
    one. If a file system does not support locks, `warn` is called and the work continues.
    """
    try:
        place = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise RunError(
            f"The run folder {folder} cannot be written ({error.strerror}). Fix that, or use "
            "another folder."
        ) from None
    try:
        try:
            fcntl.flock(place, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            who = os.read(place, 200).decode("utf-8", "replace").strip() or "another process"
            raise RunError(
                f"{folder} is in use: {who} is training there. Wait until it ends, or stop it "
                "there with Ctrl-C; another run needs another folder."
            ) from None
        except OSError as error:
            warn(
                f"{folder} cannot be locked ({error.strerror}): make sure yourself that no second "
                "process trains there"
            )
        else:
            now = datetime.now().strftime("%Y-%m-%d %H:%M")
            text = f"process {os.getpid()} on {socket.gethostname()}, started {now},\n"
            os.ftruncate(place, 0)
            os.pwrite(place, text.encode(), 0)
        yield
    finally:
        os.close(place)
