"""Translate settings in messages from Python's form into flags.

Below the command line a message says `` `lr='auto'` ``, which is what a caller of
``clearconv.fit`` can write. The user of a command reads ``--lr auto``.
"""

import ast
import re
from collections.abc import Iterable, Mapping
from shlex import join, quote
from typing import Any

import click

from clearconv.cli.flags.options import TRAIN
from clearconv.cli.flags.values import FORMS, written
from clearconv.words import printable

#: Not within a longer word or a path, which may contain such a name.
_CODE = re.compile(r"(?<![\w/.-])`([^`\n]+)`(?![\w/-]|\.\w)")
#: Call -> the command that does the same; its arguments follow in the same order.
_COMMANDS = {
    "clearconv.train.train": "clearconv train",
    "clearconv.train.resume": "clearconv train --resume",
    "clearconv.train.evaluate": "clearconv evaluate",
    "clearconv.report.write_report": "clearconv report",
    "clearconv.glassbox.trace_image": "clearconv glassbox",
    "clearconv.explain": "clearconv explain",
    "clearconv.exchange.get_weights": "clearconv weights get",
    "resume": "--resume",
}

Flags = Mapping[str, click.Parameter]


def flags_of(options: Iterable[click.Parameter]) -> Flags:
    """Return the options by the setting that each one gives."""
    return {str(option.name): option for option in options if option.opts[0].startswith("--")}


def spelled(text: str, command: click.Command | None = None) -> str:
    """Return a message in which a setting that has a flag is named by it.

    Settings of a run are named as in ``clearconv train``, unless the command has them too.

    Parameters
    ----------
    text : str
        From below the command line: see `translated`.
    command : click.Command, optional
        The command that was given; by default the one that is running.
    """
    context = click.get_current_context(silent=True)
    if command is None and context is not None:
        command = context.command
    own = () if command is None else command.params
    return translated(text, {**flags_of(TRAIN), **flags_of(own)})


def translated(text: str, flags: Flags) -> str:
    """Return a message in which the settings that have one of these flags are named by it.

    Parameters
    ----------
    text : str
        A setting, with or without a value, or a call is in backticks: `` `lr` ``,
        `` `folds=7` ``, `` `augmentation={'flip': 0}` ``.
    flags : mapping of str to click.Parameter
        From `flags_of`.

    Returns
    -------
    str
        With ``--lr``, ``--folds 7``, ``--no-flip``; other words in backticks stay as they are.
    """
    return _CODE.sub(lambda code: _as_words(code[1], flags) or code[0], text)


def quoted(path: object) -> str:
    """Quote a path as a word of a command."""
    return quote(printable(path))


def _as_words(code: str, flags: Flags) -> str | None:
    """Translate what was in backticks; None if it means nothing on a command line."""
    if code in flags:
        return flags[code].opts[0]
    if code in _COMMANDS:
        return _COMMANDS[code]
    try:
        code = code if re.match(r"[\w.]+\(", code) else f"_({code})"
        call = ast.parse(code, mode="eval").body
        if not isinstance(call, ast.Call):
            return None
        command = ast.unparse(call.func)
        if command in _COMMANDS:
            values = [*call.args, *(keyword.value for keyword in call.keywords)]
            return " ".join([_COMMANDS[command], *map(_argument, values)])
        if call.args or command != "_":
            return None
        return " ".join(_words(keyword, flags, code) for keyword in call.keywords)
    except Exception:  # words of the user's own, such as the name of a file
        return None


def _argument(node: ast.expr) -> str:
    """Return a word of a command: text quoted for the shell, a name such as DATA as it is."""
    return quote(str(node.value)) if isinstance(node, ast.Constant) else ast.unparse(node)


def _words(keyword: ast.keyword, flags: Flags, code: str) -> str:
    """Return the words that give one setting its value."""
    name, node = str(keyword.arg), keyword.value
    number = isinstance(node, ast.Constant) and type(node.value) in (int, float)
    if number and name not in FORMS:  # as it was written: 1e-05
        return f"{flags[name].opts[0]} {ast.get_source_segment(code, node)}"
    given = _value(node) if name == "augmentation" else {name: _value(node)}
    return join(word for name, value in given.items() for word in written(flags[name], value))


def _value(node: ast.expr) -> Any:
    """Return the value of code; a name such as NAME or RUN stands for what the reader knows."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Tuple | ast.List):
        return tuple(map(_value, node.elts))
    if isinstance(node, ast.Call) and ast.unparse(node.func) == "range":
        return range(*map(ast.literal_eval, node.args))
    return ast.literal_eval(node)
