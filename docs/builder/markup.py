"""Markdown to HTML: GitHub's dialect and anchors, formulas as MathML, tellings side by side."""

import re
from collections.abc import Callable
from typing import Any

from latex2mathml.converter import convert
from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.anchors import anchors_plugin
from mdit_py_plugins.dollarmath import dollarmath_plugin

from builder import code

#: A formula in a line of text with more letters than this may be wider than a phone.
_LONG = 40

#: Makes of a link, as it is written, the one that works in the site.
Resolve = Callable[[str], str]


def render(text: str, resolve: Resolve, source_line: Callable[[str, str], str]) -> str:
    """Return a page's HTML.

    Parameters
    ----------
    text : str
        Markdown.
    resolve : callable
        Is given every address of a link or an image, and returns the one to write.
    source_line : callable
        Is given a file, as a telling names it, and a definition in it, and returns its address.
    """
    markdown = MarkdownIt("gfm-like", {"linkify": False})
    markdown.use(dollarmath_plugin, renderer=_formula)
    markdown.use(anchors_plugin, max_level=4, slug_func=slug, permalink=True, permalinkSymbol="#")
    markdown.add_render_rule("fence", _fence)
    markdown.add_render_rule("table_open", lambda *_: '<div class="scroll"><table>\n')
    markdown.add_render_rule("table_close", lambda *_: "</table></div>\n")
    env = {"source_line": source_line}
    tokens = markdown.parse(text, env)
    for token in _all(tokens):
        for name in ("href", "src"):
            if name in token.attrs and "header-anchor" not in str(token.attrs.get("class")):
                token.attrs[name] = resolve(str(token.attrs[name]))
    return str(markdown.renderer.render(tokens, markdown.options, env))


def slug(heading: str) -> str:
    """Return the anchor that GitHub gives a heading."""
    kept = re.sub(r"[^\w\- ]", "", heading.strip().lower())
    return kept.replace(" ", "-")


def _all(tokens: list[Token]) -> list[Token]:
    return [inner for token in tokens for inner in (token, *(token.children or []))]


def _formula(latex: str, how: dict[str, Any]) -> str:
    if how["display_mode"]:
        return str(convert(latex, display="block"))
    formula = str(convert(latex, display="inline"))
    return f'<span class="long">{formula}</span>' if len(latex) > _LONG else formula


def _fence(_: Any, tokens: list[Token], index: int, options: Any, env: dict[str, Any]) -> str:
    """Set a block of code; tellings that follow on each other stand in one row."""
    token = tokens[index]
    language = token.info.split()[0] if token.info else ""
    head = code.HEAD.match(token.content)
    if not head:
        return code.block(token.content, language)
    html = code.telling(token.content, language, env["source_line"](head[1], head[2]))
    opens = "" if _is_telling(tokens, index - 1) else '<div class="tellings">\n'
    closes = "" if _is_telling(tokens, index + 1) else "</div>\n"
    return f"{opens}{html}{closes}"


def _is_telling(tokens: list[Token], index: int) -> bool:
    if not 0 <= index < len(tokens) or tokens[index].type != "fence":
        return False
    return bool(code.HEAD.match(tokens[index].content))
