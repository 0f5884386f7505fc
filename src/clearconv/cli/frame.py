"""What every command shares: loading on demand, ``--debug``, and one policy for errors."""

import errno
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from keyword import iskeyword
from typing import IO, Any

import click

from clearconv.cli.misspelt import unknown

_DEBUG = "clearconv.debug"


class Failure(click.ClickException):
    """Something failed during the work: one line, and exit code 1."""

    exit_code = 1

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.splitlines()))

    def show(self, file: IO[Any] | None = None) -> None:
        """Write the line to standard error."""
        from clearconv.words import cut, printable

        click.echo(f"Error: {cut(printable(self.message))}", file=file, err=True)


class Misused(Failure):
    """The command was asked for something impossible."""

    exit_code = 2


class Stopped(Failure):
    """The user pressed Ctrl-C; the message says how to continue."""

    exit_code = 128 + signal.SIGINT

    def show(self, file: IO[Any] | None = None) -> None:
        """Write the line below what the terminal echoed for the key."""
        click.echo(f"\n{self.message}", file=file, err=True)


class Terminated(Stopped):
    """The process was asked to stop (``kill``); the message says how to continue."""

    exit_code = 128 + signal.SIGTERM


class Commands(click.Group):
    """The commands by name, each imported from ``clearconv.cli.NAME`` when it is needed.

    Parameters
    ----------
    about : dict
        One line of help for each command.
    folders : dict
        Commands whose module is in a folder below ``clearconv.cli``, each with the folder's name.
    """

    def __init__(self, about: dict[str, str], folders: dict[str, str]) -> None:
        super().__init__(
            name="clearconv",
            help="Convolutional networks with nothing hidden.",
            epilog="\b\nTry: clearconv train digits\n     clearconv show conv2d.backward_weight",
            context_settings={"help_option_names": ["-h", "--help"]},
            params=[_debug_option(), _version_option()],
        )
        self.about, self.folders = about, folders

    def list_commands(self, ctx: click.Context) -> list[str]:
        """List the commands in the order in which they are used."""
        return list(self.about)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command."""
        if cmd_name not in self.about:
            return None
        folder = f"{self.folders[cmd_name]}." if cmd_name in self.folders else ""
        name = f"{cmd_name}_" if iskeyword(cmd_name) else cmd_name  # import_
        module = import_module(f"clearconv.cli.{folder}{name}")
        command: click.Command = getattr(module, name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or suggest the one that was meant."""
        if args and args[0] not in self.about and not args[0].startswith("-"):
            raise click.UsageError(unknown("command", args[0], self.about), ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(self.about.items()))

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse what comes before the command's name."""
        if not args:
            args = ["--help"]
        with _one_line(ctx):
            return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; any error becomes one line and an exit code."""
        with _one_line(ctx):
            value = super().invoke(ctx)
            sys.stdout.flush()  # a reader that has gone is noticed here, not at exit
            return value


class Command(click.Command):
    """A command whose help shows options under headings; see `group`."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write one section of options after the other, those without a heading last."""
        titled: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None and isinstance(parameter, click.Option):
                titled.setdefault(getattr(parameter, "heading", ""), []).append(record)
        rest = titled.pop("", [])
        for title, records in (*titled.items(), ("Other" if titled else "Options", rest)):
            with formatter.section(title):
                formatter.write_dl(records)


def command(example: str, **settings: Any) -> Callable[[Callable[..., Any]], click.Command]:
    """Make a function a command whose ``--help`` ends with an example.

    Parameters
    ----------
    example : str
        Command lines, one per line.
    **settings
        For ``click.command``.
    """
    lines = "\n".join(f"  {line.strip()}" for line in example.strip().splitlines())

    def decorate(function: Callable[..., Any]) -> click.Command:
        made = click.command(
            cls=Command,
            epilog=f"\b\nExamples:\n{lines}",
            context_settings={"help_option_names": ["-h", "--help"]},
            **settings,
        )(function)
        made.params.append(_debug_option())
        return made

    return decorate


def _debug_option() -> click.Option:
    def remember(ctx: click.Context, parameter: click.Parameter, value: bool) -> None:
        if value:
            ctx.meta[_DEBUG] = True  # shared with the parent's context

    return click.Option(
        ["--debug"],
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=remember,
        help="Show the traceback of an error.",
    )


def _version_option() -> click.Option:
    def show(ctx: click.Context, parameter: click.Parameter, value: bool) -> None:
        if value and not ctx.resilient_parsing:
            from clearconv.version import __version__

            click.echo(f"clearconv {__version__}")
            ctx.exit()

    return click.Option(
        ["--version"],
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=show,
        help="Show the version.",
    )


@contextmanager
def _one_line(ctx: click.Context) -> Iterator[None]:
    """Turn every exception into a `Failure`; with ``--debug``, print its traceback first."""
    try:
        yield
    except (click.exceptions.Exit, click.Abort):
        raise
    except (Exception, KeyboardInterrupt) as error:
        if isinstance(error, OSError) and error.errno == errno.EPIPE:
            raise  # the reader has gone, as `head` does; click ends silently
        if ctx.meta.get(_DEBUG):
            traceback.print_exc()
        raise _failure(error, ctx) from None


def _failure(error: BaseException, ctx: click.Context) -> click.ClickException:
    from clearconv.errors import (
        ArgumentError,
        BackendError,
        ClearconvError,
        DataError,
        ShapeError,
    )

    if isinstance(error, click.UsageError):
        where = (error.ctx or ctx).command_path
        return Misused(f"{error.format_message()} See: {where} --help")
    if isinstance(error, click.ClickException):
        return error
    if isinstance(error, KeyboardInterrupt):
        return Stopped("Stopped.")
    if isinstance(error, ClearconvError):
        # These four are about what the user passed; the others about what happened during the work.
        misused = isinstance(error, ArgumentError | BackendError | DataError | ShapeError)
        message = _spelled(str(error), ctx)
        return Misused(message) if misused else Failure(message)
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return Failure(f"{where}{error.strerror or error}.")
    if isinstance(error, MemoryError):
        return Failure(f"out of memory. Try {_smaller(ctx)}.")
    return Failure(
        f"unexpected {type(error).__name__}: {error or 'no message'}. "
        "Run the command with --debug to see where."
    )


def _spelled(text: str, ctx: click.Context) -> str:
    """Name settings as the flags of the command that was given."""
    if "`" not in text:
        return text
    from clearconv.cli.flags.spelling import spelled

    return spelled(text, _given(ctx))


def _given(ctx: click.Context) -> click.Command | None:
    """Return the command that was given, from the group's context."""
    group, name = ctx.command, ctx.invoked_subcommand
    return group.get_command(ctx, name) if isinstance(group, click.Group) and name else None


def _smaller(ctx: click.Context) -> str:
    """Name what the user of the command can make smaller."""
    command = _given(ctx)
    taken = [option for given in (command.params if command else ()) for option in given.opts]
    sizes = [size for size in ("--batch-size", "--image-size", "--input") if size in taken]
    return f"a smaller {' or '.join(sizes)}" if sizes else "fewer or smaller images"
