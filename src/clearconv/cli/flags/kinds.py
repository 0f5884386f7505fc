"""Kinds of options and arguments, and how a wrong value is answered."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from clearconv.cli.misspelt import unknown
from clearconv.runs import files


class Option(click.Option):
    """An option with a heading.

    Parameters
    ----------
    *given, **settings
        As for ``click.Option``.
    heading : str
        The section of the help that lists it.
    """

    def __init__(self, *given: Any, heading: str = "", **settings: Any) -> None:
        super().__init__(*given, **settings)
        self.heading = heading

    def get_help_extra(self, ctx: click.Context) -> Any:
        """Leave out ranges: the help text states them where they are not obvious."""
        extra = super().get_help_extra(ctx)
        extra.pop("range", None)
        return extra


class RunPath(click.Path):
    """A run folder or a model file; for a wrong one the message lists the existing runs.

    Parameters
    ----------
    names : sequence of str
        Words that will also do, where nothing has such a path.
    """

    def __init__(self, names: Sequence[str] = ()) -> None:
        super().__init__(path_type=Path)
        self.names = names

    def convert(self, value: Any, parameter: Any, ctx: click.Context | None) -> Any:
        """Return the path if it exists."""
        if str(value) in self.names and not Path(value).exists():
            return value
        if not Path(value).exists():
            runs = sorted(str(path.parent) for path in Path(files.RUNS).glob(f"*/{files.RUN}"))
            there = f"there are {', '.join(runs[-8:])}" if runs else "clearconv train makes one"
            names = f", or one of {', '.join(self.names)}" if self.names else ""
            self.fail(f"{value} does not exist; a run folder{names} is expected: {there}.")
        return super().convert(value, parameter, ctx)


class Words(click.Choice[str]):
    """A few possible words; for a wrong one the message suggests the closest."""

    def get_invalid_choice_message(self, value: object, ctx: click.Context | None) -> str:
        """Suggest the closest word, and list all."""
        return unknown("choice", str(value), self.choices)


class Rate(click.FloatRange):
    """A learning rate, or the word auto."""

    def convert(self, value: Any, param: Any, ctx: click.Context | None) -> Any:
        """Return the rate, or the word."""
        return value if value == "auto" else super().convert(value, param, ctx)
