"""One progress bar on standard error."""

import sys
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress


class Bar:
    """One progress bar at a time, erased when it ends; nothing if nobody is watching.

    It is closed before anything else is printed, so it needs no hold on the output streams.
    """

    def __init__(self) -> None:
        self._progress: Progress | None = None
        self._about: str | None = None

    def update(self, about: str, done: int, total: int, note: str = "") -> None:
        """Draw the bar `about` something, `done` of `total`."""
        if not sys.stderr.isatty():
            return
        if self._progress is None or about != self._about:
            self.close()
            self._progress = self._open(about, total)
            self._about = about
        task = self._progress.task_ids[0]
        self._progress.update(task, completed=done, total=total, note=note)

    def close(self) -> None:
        """Erase the bar."""
        if self._progress is not None:
            self._progress.stop()
        self._progress = None

    @staticmethod
    def _open(about: str, total: int) -> "Progress":
        from rich.console import Console
        from rich.markup import escape
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[note]}"),
            console=Console(file=sys.stderr),
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        progress.add_task(escape(about), total=total, note="")
        with suppress(RuntimeError):  # no thread available: it is drawn, but rarely moves
            progress.start()
        return progress
