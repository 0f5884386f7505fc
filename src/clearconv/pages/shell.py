"""The HTML around a page's body: one file that loads no other."""

from base64 import b64encode
from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from html import escape
from importlib.resources import files

from clearconv.pages.ours import mark


def page(
    title: str, body: str, *, kind: str = "page", style: str = "", scripts: Sequence[str] = ()
) -> str:
    """Make a whole HTML page that needs no other file.

    Parameters
    ----------
    title : str
        Plain text for the window's title bar.
    body : str
        HTML; text from outside is already escaped.
    kind : str
        Kind of the page, such as "report": only a page of the same kind can replace it.
    style : str
        CSS of this kind of page, after the common stylesheet.
    scripts : sequence of str
        JavaScript, run in this order after the body. A page with scripts has a policy that forbids
        the browser to run any other script and to load any file.

    Returns
    -------
    html : str
        Readable at phone width, in light and dark, and on paper.
    """
    run = "".join(f"<script>{one}</script>\n" for one in scripts)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"{mark(kind)}\n"
        f"{_policy(scripts) if scripts else ''}"
        '<link rel="icon" href="data:,">\n'  # otherwise a browser asks the server for one
        f"<title>{escape(title)}</title>\n<style>\n{_style()}{style}</style>\n</head>\n"
        f'<body class="clearconv">\n<main>\n{body}\n</main>\n{run}</body>\n</html>\n'
    )


def fragment(body: str) -> str:
    """Wrap HTML so that it looks the same inside another page, such as a notebook.

    Parameters
    ----------
    body : str
        HTML; text from outside is already escaped.

    Returns
    -------
    html : str
        HTML with the stylesheet, which affects nothing outside.
    """
    return f'<div class="clearconv"><style>{_style()}</style>{body}</div>'


def _policy(scripts: Sequence[str]) -> str:
    hashes = [f"'sha256-{b64encode(sha256(one.encode()).digest()).decode()}'" for one in scripts]
    rules = (
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
        f"script-src {' '.join(hashes)}; base-uri 'none'; form-action 'none'"
    )
    return f'<meta http-equiv="Content-Security-Policy" content="{rules}">\n'


@cache
def _style() -> str:
    return files(__package__).joinpath("style.css").read_text("utf-8")
