"""Code in colour: blocks of a page, and whole source files with a name for every line."""

import ast
import re
from html import escape
from pathlib import PurePosixPath

from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.util import ClassNotFound

#: What is shown in colour, by the end of a file's name.
LANGUAGES = {".py": "python", ".cpp": "cpp", ".h": "cpp", ".toml": "toml", ".txt": "text"}

#: The first line of a telling: "# ops/conv2d/loops.py: forward".
HEAD = re.compile(r"(?:#|//) ((?:ops|native|examples)/[\w/]+\.(?:py|cpp|h)): ([\w.]+)\n")

#: Which telling a Python file holds; another file of a chapter serves both.
TELLINGS = {"loops": "loops", "matrix": "matrix"}


def place(shown: str) -> str:
    """Return where in the repository the file lies that a HEAD names."""
    return shown if shown.startswith("examples/") else f"src/clearconv/{shown}"


def coloured(text: str, language: str) -> str:
    """Return code as HTML, a line of it on each line."""
    try:
        lexer = get_lexer_by_name(language or "text", stripnl=False)
    except ClassNotFound:
        return escape(text, quote=False)
    return str(highlight(text, lexer, HtmlFormatter(nowrap=True)))


def block(text: str, language: str) -> str:
    """Return a code block."""
    return f"<pre><code>{coloured(text, language)}</code></pre>\n"


def telling(text: str, language: str, address: str) -> str:
    """Return decisive lines of a telling under the name of where they stand.

    Parameters
    ----------
    text : str
        The block, its first line a HEAD.
    language : str
        As named at the fence.
    address : str
        Where the source is to be read.
    """
    head = HEAD.match(text)
    assert head
    name = PurePosixPath(head[1])
    telling = (
        "native" if name.suffix in (".cpp", ".h") else TELLINGS.get(name.stem, "loops and matrix")
    )
    label = "" if name.parts[0] == "examples" else f"<b>{telling}</b> "
    where = f'<a href="{escape(address)}">{escape(f"{name.name}: {head[2]}")}</a>'
    return (
        f"<figure><figcaption>{label}{where}</figcaption>"
        f"<pre><code>{_narrow(text[head.end() :], language)}</code></pre></figure>\n"
    )


def _narrow(text: str, language: str) -> str:
    """Fit code into a column: little indentation, and a long line goes on under its beginning."""
    lines, depths = [], []
    for line in text.rstrip("\n").split("\n"):
        bare = line.lstrip()
        depths.append(min(len(line) - len(bare), 8))
        lines.append(" " * depths[-1] + bare)
    html = coloured("\n".join(lines), language).rstrip("\n").split("\n")
    return "".join(
        f'<span class="line" style="--deep:{depth + 2}ch">{line}</span>'
        for depth, line in zip(depths, html, strict=True)
    )


def source(path: str, text: str) -> str:
    """Return the body of a page that shows a file; line 12 is ``#L12``."""
    language = LANGUAGES.get(PurePosixPath(path).suffix, "text")
    rows = coloured(text, language).rstrip("\n").split("\n")
    lines = "".join(f'<span id="L{n}">{row}\n</span>' for n, row in enumerate(rows, 1))
    return f'<h1>{escape(path)}</h1>\n<pre class="source"><code>{lines}</code></pre>\n'


def definition(path: str, text: str, name: str) -> range:
    """Return the lines, counted from 0, of a function or class; empty where there is none.

    A method is named with its class, ``Composed.forward``; in C++ a struct by itself.
    """
    if path.endswith(".py"):
        within: ast.AST = ast.parse(text)
        for part in name.split("."):
            inner = ast.iter_child_nodes(within)
            found = [node for node in inner if getattr(node, "name", None) == part]
            if not found:
                return range(0)
            within = found[0]
        assert isinstance(within, ast.FunctionDef | ast.ClassDef)
        return range(within.lineno - 1, within.end_lineno or 0)
    lines = text.split("\n")
    for number, line in enumerate(lines):
        head = " ".join(lines[number : number + 4]).partition("{")[0]
        if re.match(rf"\w.*\b{name}\b", line) and ";" not in head:
            ends = (n for n in range(number, len(lines)) if lines[n].startswith("}"))
            return range(number, next(ends, len(lines)))
    return range(0)
