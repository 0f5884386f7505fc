"""The folder of one run of a learner's code, and the files through which it answers."""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

#: Kills the process group whose number it read last, and removes the folder, when its input ends:
#: when a run is over, and also when this process is killed and cannot tidy up itself.
_GUARD = """
while read -r line; do group=$line; done
if [ -n "$group" ]; then kill -s KILL -- "-$group"; fi
rm -rf -- "$1"
"""


@dataclass(frozen=True)
class Room:
    """A folder for the child, and what it writes there.

    The files are opened before the child runs, and are read through these descriptors alone: a
    device, a pipe or a link that the learner's code leaves in the folder is never opened.

    Attributes
    ----------
    path : Path
        Path of the folder.
    answers : int
        File of what happened, one line of JSON each.
    arrays : int
        File of the results, in NumPy's format, one after the other.
    stack : int
        File that says where the code was when its time was up.
    guard : subprocess.Popen
        The process that ends the child and removes the folder.
    """

    path: Path
    answers: int
    arrays: int
    stack: int
    guard: subprocess.Popen[bytes]

    def watch(self, group: int | None) -> None:
        """Set the process group that ends together with this process; None for none."""
        assert self.guard.stdin is not None
        self.guard.stdin.write(b"%d\n" % group if group else b"\n")
        self.guard.stdin.flush()


@contextmanager
def room() -> Iterator[Room]:
    """Make a folder that is removed afterwards, however this process ends."""
    with ExitStack() as stack:
        path = Path(tempfile.mkdtemp(prefix="clearconv-doctor-"))
        guard = subprocess.Popen(
            ["/bin/sh", "-c", _GUARD, "sh", str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,  # Ctrl-C goes to the whole foreground group
        )
        stack.enter_context(guard)  # closes its input and waits
        names = ("answers", "arrays", "stack")
        answers, arrays, where = (stack.enter_context((path / name).open("a+b")) for name in names)
        yield Room(path, answers.fileno(), arrays.fileno(), where.fileno(), guard)


def head(file: int, most: int, at: int = 0) -> bytes:
    """Return up to this number of bytes of a file from a position."""
    found = b""
    while len(found) < most and (more := os.pread(file, most - len(found), at + len(found))):
        found += more
    return found
