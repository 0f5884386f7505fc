"""``clearconv doctor mine.py``: find what is wrong with a learner's own backward pass."""

import json
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import get_terminal_size
from threading import current_thread, main_thread
from types import FrameType
from typing import Any

import click

from clearconv.cli.flags.spelling import Flags, flags_of, translated
from clearconv.cli.frame import Failure, command
from clearconv.cli.misspelt import unknown
from clearconv.words import printable, utf8

_MEBIBYTE = 1 << 20
_ERASE = "\r\033[K"
_BY_HAND = """\
Functions with other names are named on the command line:

  clearconv doctor mine.py --function conv2d.forward=my_conv \\
      --function 'conv2d.backward=my_grad(grad_y, x, weight) -> grad_x'"""


@command(
    """
    clearconv doctor mine.py
    clearconv doctor mine.py --only conv2d
    clearconv doctor mine.py --function conv2d.forward=my_conv
    clearconv doctor mine.py --json > mine.json
    clearconv doctor --list
    """
)
@click.argument("file", required=False, type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--function",
    "functions",
    multiple=True,
    metavar="KIND.PART=NAME",
    help="Examine this function: conv2d.forward=my_conv. Where the names are not clear, state what "
    "it takes and returns: 'conv2d.backward=f(grad_y, x, weight) -> grad_x'.",
)
@click.option(
    "--only", multiple=True, metavar="NAME", help="Examine only this kind, class or function."
)
@click.option(
    "--convention",
    "conventions",
    multiple=True,
    metavar="KEY=VALUE",
    help="Do not infer this convention; --list shows them all.",
)
@click.option(
    "--timeout",
    "seconds",
    default=20,
    metavar="SECONDS",
    type=click.FloatRange(min=0, min_open=True),
    help="Time limit for loading the file, and for each layer.  [20]",
)
@click.option(
    "--memory",
    default=4096,
    metavar="MIB",
    type=click.IntRange(min=256),
    help="Memory limit for the code.  [4096]",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
@click.option("--list", "listed", is_flag=True, help="List the known mistakes and conventions.")
@click.pass_context
def doctor(
    ctx: click.Context,
    file: Path | None,
    functions: tuple[str, ...],
    only: tuple[str, ...],
    conventions: tuple[str, ...],
    seconds: float,
    memory: int,
    as_json: bool,
    listed: bool,
) -> None:
    """Find the mistake in your own layers: FILE is Python, with NumPy.

    Convolution, pooling, linear, ReLU, sigmoid, batch norm, dropout, softmax with cross-entropy,
    im2col and col2im are found by name and arguments, as functions or classes, run on cases in
    which mistakes cannot hide, and compared with the correct results and with a catalogue of
    mistakes. Your code runs in a process of its own and is not changed. Exit code 0: everything
    examined is correct; 1: something is wrong, or could not be run.
    """
    from clearconv.doctor.examination import examine
    from clearconv.doctor.sandbox import Confines
    from clearconv.doctor.words import told

    if listed:
        _list(only)
        return
    if file is None:
        raise click.UsageError("Give a Python file: clearconv doctor mine.py.")
    if not file.is_file():
        raise click.UsageError(f"{file} does not exist; a Python file is expected.")
    with _unwound():
        examination = examine(
            file,
            functions=_functions(functions),
            only=only,
            conventions=_conventions(conventions),
            confines=Confines(seconds, memory * _MEBIBYTE),
            watch=_watch if _shows() else None,
        )
    if _shows():
        click.echo(_ERASE, nl=False, err=True, color=True)
    flags = flags_of(ctx.command.params)  # only these: learners' code has words of its own
    if as_json:
        from clearconv.doctor.json_record import record

        content = _flagged(record(examination), flags)
        click.echo(utf8(json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)))
    else:
        click.echo(translated("\n".join(told(examination, _BY_HAND)), flags))
    if not examination.verdicts and not examination.unreadable:
        ctx.exit(2)
    if not examination.right:
        ctx.exit(Failure.exit_code)


def _flagged(content: Any, flags: Flags) -> Any:
    """Name settings as flags in all texts of plain data."""
    if isinstance(content, dict):
        return {name: _flagged(value, flags) for name, value in content.items()}
    if isinstance(content, list):
        return [_flagged(value, flags) for value in content]
    return translated(content, flags) if isinstance(content, str) else content


@contextmanager
def _unwound() -> Iterator[None]:
    """Let SIGTERM and SIGHUP unwind as Ctrl-C does: the code's process ends before this one."""

    def leave(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = {}
    if current_thread() is main_thread():  # Python receives signals nowhere else
        for number in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) == signal.SIG_DFL:  # nohup ignores SIGHUP
                before[number] = signal.signal(number, leave)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _shows() -> bool:
    """Whether somebody is watching."""
    return sys.stderr.isatty()


def _watch(layer: str, number: int, count: int) -> None:
    """Show on a terminal what is being done, in one line that the next replaces."""
    line = f"examining {printable(layer)} ({number} of {count})"
    width = get_terminal_size().columns - 1
    click.echo(f"{_ERASE}{line[:width]}", nl=False, err=True, color=True)


def _functions(texts: tuple[str, ...]) -> list[Any]:
    from clearconv.doctor.kinds import KINDS
    from clearconv.doctor.named import read

    results = {kind.name: kind.results for kind in KINDS.values()}
    return [read(text, results) for text in texts]


def _conventions(texts: tuple[str, ...]) -> dict[str, str]:
    """Read ``KEY=VALUE`` and check both."""
    from clearconv.doctor.kinds import KINDS

    known: dict[str, list[str]] = {}
    for kind in KINDS.values():
        for one in kind.conventions:
            known.setdefault(one.key, []).extend(v for v in one.values)
    chosen = {}
    for text in texts:
        key, _, value = text.partition("=")
        if key not in known:
            raise click.UsageError(unknown("convention", key, known))
        if value not in known[key]:
            raise click.UsageError(unknown(f"value of {key}", value, dict.fromkeys(known[key])))
        chosen[key] = value
    return chosen


def _list(only: tuple[str, ...]) -> None:
    """Show the catalogue."""
    from clearconv.doctor.catalogue import catalogue
    from clearconv.doctor.kinds import KINDS

    for name in only:
        if name not in KINDS:
            raise click.UsageError(unknown("kind", name, KINDS))
    click.echo("\n".join(catalogue(only, "--convention")))
