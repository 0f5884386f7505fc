"""The HTML around a page's body: one file that asks for no other."""

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
        Plain text for the window's bar.
    body : str
        HTML; what came from outside is escaped already.
    kind : str
        What the page is, such as "report": it can be replaced by one of its kind only.
    style : str
        CSS of this kind of page, behind what all share.
    scripts : sequence of str
        JavaScript, run in this order behind the body. A page with scripts carries a policy that
        forbids the browser to run any other, and to ask for any file.

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
        '<link rel="icon" href="data:,">\n'  # else a browser asks the server for one
        f"<title>{escape(title)}</title>\n<style>\n{_style()}{style}</style>\n</head>\n"
        f'<body class="clearconv">\n<main>\n{body}\n</main>\n{run}</body>\n</html>\n'
    )


def fragment(body: str) -> str:
    """Wrap HTML so that it looks the same inside another page, such as a notebook.

    Parameters
    ----------
    body : str
        HTML; what came from outside is escaped already.

    Returns
    -------
    html : str
        With the stylesheet, which touches nothing outside.
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
