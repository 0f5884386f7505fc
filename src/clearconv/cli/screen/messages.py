"""Lines on standard error: warnings, advice, unreadable files. Settings are named as flags."""

from collections.abc import Iterable

import click

from clearconv.cli.flags.spelling import spelled
from clearconv.data import by_gravity
from clearconv.words import cut, printable


def warn(*problems: str) -> None:
    """Write what is wrong, the most serious first, the first few of each kind."""
    for problem in by_gravity(problems):
        click.echo(f"Warning: {printable(spelled(problem))}", err=True)


def advise(lines: Iterable[str]) -> None:
    """Write what to consider before the run."""
    for line in lines:
        click.echo(f"Advice: {printable(spelled(line))}", err=True)


def remark(notes: Iterable[str]) -> None:
    """Write what is worth knowing of a model."""
    for note in notes:
        click.echo(f"Note: {printable(spelled(note))}", err=True)


def complain(errors: Iterable[str]) -> None:
    """Write the errors of some of several images."""
    for error in errors:
        click.echo(f"Error: {cut(printable(spelled(error)))}", err=True)


def notice() -> None:
    """Say that the compiled kernels are missing, and how to get them."""
    click.echo(
        "Note: clearconv was installed without its compiled kernels and computes with NumPy (the "
        "matrix telling), which is slower. To get them, install a C++ compiler and "
        "repeat the installation: pip install --force-reinstall --no-cache-dir .",
        err=True,
    )
