"""``clearconv show conv2d.backward_weight``: one operation with nothing hidden."""

import copy
import inspect
import os
import sys
from contextlib import redirect_stdout
from importlib import import_module
from io import StringIO
from pathlib import Path
from textwrap import fill
from types import ModuleType
from typing import Any

import click

from clearconv.cli.frame import command
from clearconv.cli.misspelt import unknown
from clearconv.cli.screen.arrays import described, difference
from clearconv.cli.screen.source import Excerpt, contract, excerpts
from clearconv.docstring import arguments, first_line, readable, sections
from clearconv.ops import tellings as _backend
from clearconv.ops.chapter import Chapter
from clearconv.words import table

_SAME = 1e-12  # float64 sums of a few products, in another order


@command(
    """
    clearconv show
    clearconv show conv2d
    clearconv show conv2d.backward_weight
    clearconv show conv2d.backward_weight --telling loops
    """,
)
@click.argument("name", required=False)
@click.option(
    "--telling",
    type=click.Choice(_backend.BACKENDS),
    help="Show only this telling's source. [default: all]",
)
def show(name: str | None, telling: str | None) -> None:
    """Show how an operation works.

    Without a NAME: all chapters and their functions. With a chapter (conv2d): its contract. With a
    function (conv2d.backward_weight): the formula, a worked case computed on the spot, and the
    source of each telling.
    """
    if not sys.stdout.isatty():
        _show(name, telling)
        return
    screen = _Screen()
    with redirect_stdout(screen):
        _show(name, telling)
    os.environ.setdefault("LESS", "-FRX")  # no pager if one screen suffices; keep colours
    click.echo_via_pager(screen.getvalue(), color="NO_COLOR" not in os.environ)


class _Screen(StringIO):
    """Collects what a terminal would show, including colours."""

    def isatty(self) -> bool:
        return True


def _show(name: str | None, telling: str | None) -> None:
    from clearconv.ops import CHAPTERS

    chapters: dict[str, Chapter] = {chapter.name: chapter for chapter in CHAPTERS}
    if name is None:
        _list(chapters)
        return
    wanted, _, function = name.partition(".")
    if wanted not in chapters:
        raise click.UsageError(unknown("operation", wanted, chapters))
    chapter = chapters[wanted]
    if not function:
        _contract(chapter)
    elif function in chapter.functions:
        _function(chapter, function, telling)
    else:
        raise click.UsageError(unknown(f"function of {wanted}", function, chapter.functions))


def _list(chapters: dict[str, Chapter]) -> None:
    for chapter in chapters.values():
        module = _public(chapter)
        click.echo(fill(f"{chapter.name}: {first_line(module.__doc__)}", 79))
        for function in chapter.functions:
            about = first_line(getattr(module, function).__doc__)
            click.echo(fill(f"  {function:<15}  {about}", 79, subsequent_indent=" " * 19))
    click.echo("\nclearconv show conv2d                  a chapter")
    click.echo("clearconv show conv2d.backward_weight  a function, its source and a worked case")


def _contract(chapter: Chapter) -> None:
    module = _public(chapter)
    _heading(chapter.name, _path(Path(str(module.__file__))))
    click.echo(readable(inspect.getdoc(module) or ""))
    click.echo(f"\nTellings here: {', '.join(_backend.available(chapter.name))}\n")
    if chapter.notes is not None:
        click.echo(f"{chapter.notes()}\n")
    rows = [
        (f"{chapter.name}.{name}", first_line(getattr(module, name).__doc__))
        for name in chapter.functions
    ]
    click.echo("\n".join(table(("function", "what it computes"), rows)))
    click.echo(f"\nclearconv show {chapter.name}.{chapter.functions[0]}  shows how.")


def _function(chapter: Chapter, name: str, telling: str | None) -> None:
    function = getattr(_public(chapter), name)
    parts = sections(inspect.getdoc(function) or "")
    _heading(f"{chapter.name}.{name}", _path(Path(inspect.getfile(function))))
    click.echo(readable(parts[""]))
    for title, section in (("Formula", "Notes"), ("Sources", "References")):
        if section in parts:
            click.echo(f"\n{title}\n\n{readable(parts[section])}")
    taken = arguments(parts.get("Parameters", ""))
    rows = [row for row in taken if row[0] not in ("out", "backend")]
    rows += [(f"-> {name}", kind) for name, kind in arguments(parts.get("Returns", ""))]
    click.echo("\nShapes\n")
    click.echo("\n".join(table(("argument", "description"), rows)))
    _worked(chapter, name)
    _tellings(chapter, name, (telling,) if telling else _backend.BACKENDS)


def _tellings(chapter: Chapter, name: str, wanted: tuple[str, ...]) -> None:
    """Show each telling's code, or the contract's if the tellings have none of their own."""
    composed = []
    for telling in wanted:
        try:
            found = excerpts(chapter.name, name, telling)
        except FileNotFoundError as error:
            _heading(f"Telling: {telling}", "no source here")
            click.echo(_absent(chapter.name, Path(error.filename)))
            continue
        if not found:
            composed.append(telling)
        for one in found:
            _heading(f"Telling: {telling}", _path(one.path))
            _listing(one)
    if composed:
        whole = contract(chapter.name, name)
        _heading(f"Telling: {', '.join(composed)}", _path(whole.path))
        click.echo("No code of its own: the contract composes it from the other functions.\n")
        _listing(whole)


def _absent(chapter: str, source: Path) -> str:
    if "native" in _backend.available(chapter):
        return f"{source.name} runs compiled; its source is not part of this installation."
    return f"There is no {source.name}: {chapter} runs on its other tellings."


def _listing(found: Excerpt) -> None:
    size = len(str(max(line + text.count("\n") for line, text in found.pieces)))
    for number, (first, text) in enumerate(found.pieces):
        if number:
            click.echo()
        for line, code in enumerate(_coloured(text, found.language), first):
            click.echo(f"{line:>{size}}  {code}".rstrip())
    if found.elsewhere:
        click.echo(f"\nFrom elsewhere: {', '.join(found.elsewhere)}")


def _coloured(text: str, language: str) -> list[str]:
    """Return the lines, with colours if this is a terminal."""
    if not sys.stdout.isatty() or "NO_COLOR" in os.environ:
        return text.split("\n")
    from rich.console import Console
    from rich.syntax import Syntax

    console = Console(width=200)
    with console.capture() as capture:
        syntax = Syntax("", language, theme="ansi_dark", background_color="default")
        console.print(syntax.highlight(text), soft_wrap=True, end="")
    return capture.get().rstrip("\n").split("\n")


def _worked(chapter: Chapter, name: str) -> None:
    """Compute the chapter's worked case in every telling."""
    given = chapter.worked.get(name)
    if given is None:
        return
    tellings = _backend.available(chapter.name)
    results = [_computed(getattr(_public(chapter), name), given, one) for one in tellings]
    _heading("Worked case", f"computed now by {', '.join(tellings)}")
    for key, value in given.items():
        for line in described(key, value):
            click.echo(line)
    click.echo()
    for key, value in results[0].items():
        for line in described(f"-> {key}", value):
            click.echo(line)
    worst = max(difference(results[0], other) for other in results)
    if worst == 0:
        verdict = "equal in every bit"
    elif worst <= _SAME:
        verdict = f"equal up to rounding, at most {worst:.0e}"
    else:
        verdict = f"NOT equal: they differ by up to {worst:g}"
    click.echo(f"\n{' = '.join(tellings)}: {verdict}")


def _computed(function: Any, given: dict[str, Any], telling: str) -> dict[str, Any]:
    """Return the results by their names in the docstring, then the arguments that changed."""
    taken = copy.deepcopy(given)  # an operation may write into its arguments
    value = function(**taken, backend=telling)
    returned = sections(inspect.getdoc(function) or "").get("Returns", "")
    names = [name for name, _ in arguments(returned)]
    values = value if isinstance(value, tuple) and len(value) == len(names) else (value,)
    changed = {key: taken[key] for key in given if difference(given[key], taken[key])}
    named = dict(zip(names, values, strict=True)) if names else {}
    return {**named, **changed}


def _public(chapter: Chapter) -> ModuleType:
    return import_module(f"clearconv.ops.{chapter.name}")


def _path(path: Path) -> str:
    """Return a file's path, relative if it is below here: short, and it can be opened."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def _heading(title: str, where: str) -> None:
    click.echo(f"\n== {title} == {where}\n")
