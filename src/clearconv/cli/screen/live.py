"""The running epoch: redrawn on a terminal, an occasional plain line elsewhere."""

import sys
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.console import Console, Group, RenderableType
    from rich.live import Live

#: Redraws of a terminal per second, by a thread: a step only notes its numbers.
_REDRAWN = 5
#: Seconds between two lines if nobody is watching.
_SELDOM = 30.0
_WIDEST = 76


class LiveEpoch:
    """Shows where the running epoch is, on standard error; erased when it is closed."""

    def __init__(self) -> None:
        self._live: Live | None = None
        self._about, self._step, self._steps = "", 0, 1
        self._notes: list[str] = []
        self._said = monotonic()

    def update(self, about: str, step: int, steps: int, notes: list[str]) -> None:
        """Note where the epoch is.

        Parameters
        ----------
        about : str
            Heading, such as ``epoch 3/100``.
        step, steps : int
            Number of steps done, and in all.
        notes : list of str
            Notes below, as many per line as fit.
        """
        self._about, self._step, self._steps, self._notes = about, step, steps, notes
        if self._live is not None:
            return
        if sys.stderr.isatty():
            self._live = self._open()
        elif monotonic() - self._said >= _SELDOM:
            self._said = monotonic()
            click.echo("  ".join([about, f"step {step}/{steps}", *notes]), err=True)

    def close(self) -> None:
        """Erase what is drawn, so that a line can be printed; the next update draws again."""
        if self._live is not None:
            self._live.stop()
        self._live = None
        self._said = monotonic()

    def _open(self) -> "Live":
        from rich.console import Console
        from rich.live import Live

        console = Console(file=sys.stderr)
        live = Live(
            get_renderable=lambda: self._drawn(console),
            console=console,
            refresh_per_second=_REDRAWN,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        with suppress(RuntimeError):  # no thread available: it is drawn, but rarely moves
            live.start()
        return live

    def _drawn(self, console: "Console") -> "RenderableType":
        return drawn(console.width, self._about, self._step, self._steps, self._notes)


def drawn(width: int, about: str, step: int, steps: int, notes: list[str]) -> "Group":
    """Return what is drawn on a terminal with this number of columns.

    Parameters
    ----------
    width : int
        The last column stays free: a full line would make some terminals start another.
    about, step, steps, notes
        As for ``LiveEpoch.update``.
    """
    from rich.console import Group
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    room = min(width - 1, _WIDEST)
    done = f"{step}/{steps}"
    bar = Table.grid(padding=(0, 1))
    cells: list[RenderableType] = [Text(about)]
    if (left := room - len(about) - len(done) - 2) >= 8:
        cells.append(ProgressBar(total=steps, completed=step, width=min(left, 24)))
    bar.add_row(*cells, Text(done))
    lines: list[str] = []
    for note in notes:
        if lines and len(lines[-1]) + 2 + len(note) <= room:
            lines[-1] += f"  {note}"
        else:
            lines.append(note)
    return Group(bar, *(Text(line, no_wrap=True, overflow="crop") for line in lines))


def time_left(seconds: float) -> str:
    """Round a forecast for a person: ``40 s``, ``12 min``, ``3 h 20 min``."""
    if seconds < 100:
        return f"{max(0, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"
