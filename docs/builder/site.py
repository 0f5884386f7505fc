"""All pages, the source files that they link to and the pictures, in one folder."""

import posixpath
import shutil
from collections.abc import Iterable
from html import escape
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urldefrag

from builder import code, markup, reading
from builder.reading import Page
from clearconv.pages import check_replaceable
from clearconv.pages import page as shell

PICTURES = {".png", ".svg", ".jpg"}


class BrokenLink(Exception):
    """A link of a page leads nowhere."""


def build(root: Path, folder: Path) -> int:
    """Write the site.

    Parameters
    ----------
    root : Path
        The repository.
    folder : Path
        Where to; pages of an earlier build are replaced, and nothing else.

    Returns
    -------
    count : int
        How many pages.

    Raises
    ------
    BrokenLink
        If a page links to what is not there.
    """
    assert find_spec("clearconv"), "install clearconv first"
    site = _Site(root, folder)
    for page in site.pages:
        site.write_page(page)
    while site.wanted:
        site.write_source(site.wanted.pop())
    return len(site.written)


class _Site:
    def __init__(self, root: Path, folder: Path) -> None:
        self.root, self.folder = root, folder
        self.pages = reading.pages(root)
        self.of = {page.path: page for page in self.pages}
        self.wanted: set[str] = set()  # source files and folders that are linked to
        self.written: set[str] = set()
        self.style = (Path(__file__).parent / "site.css").read_text("utf-8")

    def write_page(self, page: Page) -> None:
        text = (self.root / page.path).read_text("utf-8")

        def resolve(link: str) -> str:
            return self._resolve(page.path, link)

        body = markup.render(text, resolve, self._source_line)
        place = self.pages.index(page)
        near = (self.pages[place - 1] if place else None, self.pages[place + 1 :][:1])
        self._write(page.address, page.title, body + _neighbours(near[0], *near[1]), page)

    def write_source(self, path: str) -> None:
        """Write the page of a file, or of a folder: the list of what is in it."""
        full = self.root / path
        address = _source_address(path)
        if address in self.written:
            return
        if full.is_dir():
            inside = [f"{path}/{name}" for name in _listed(full)]
            self.wanted.update(inside)
            rows = "".join(
                f'<li><a href="{_relative(_source_address(one), address)}">{escape(one)}</a></li>'
                for one in inside
            )
            body = f"<h1>{escape(path)}</h1>\n<ul>{rows}</ul>\n"
        else:
            body = code.source(path, full.read_text("utf-8"))
        self._write(address, path, body, None)

    def _resolve(self, path: str, link: str) -> str:
        """Return what to write for a link on the page at `path`."""
        where, anchor = urldefrag(link)
        if not where or where.startswith(("http:", "https:", "mailto:")):
            return link
        target = posixpath.normpath(posixpath.join(posixpath.dirname(path), where))
        full = self.root / target
        if not full.exists() or target.startswith(".."):
            raise BrokenLink(f"{path} links to {where}, but there is no {target}")
        suffix = f"#{anchor}" if anchor else ""
        if target in self.of:
            return self.of[target].address + suffix
        if full.suffix in PICTURES:
            self.folder.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(full, self.folder / full.name)
            return full.name
        self.wanted.add(target)
        return _source_address(target) + suffix

    def _source_line(self, path: str, name: str) -> str:
        """Return where a definition is to be read, of a file as a telling's first line names it."""
        target = code.place(path)
        if not (self.root / target).exists():
            raise BrokenLink(f"a telling is said to stand in {path}, but there is no {target}")
        self.wanted.add(target)
        lines = code.definition(path, (self.root / target).read_text("utf-8"), name)
        if not lines:
            raise BrokenLink(f"a telling is said to be {name} of {path}, which has no such thing")
        return f"{_source_address(target)}#L{lines.start + 1}"

    def _write(self, address: str, title: str, body: str, page: Page | None) -> None:
        home = _relative("index.html", address)
        whole = (
            f'<div class="site">\n<header><a href="{home}">clearconv</a>'
            f'<a class="jump" href="#pages">all pages</a></header>\n'
            f"<article>\n{body}</article>\n{self._navigation(address, page)}</div>"
        )
        file = self.folder / address
        file.parent.mkdir(parents=True, exist_ok=True)
        check_replaceable(file, "page")
        shown = title if title == "clearconv" else f"{title} · clearconv"
        file.write_text(shell(shown, whole, style=self.style), "utf-8")
        self.written.add(address)

    def _navigation(self, address: str, here: Page | None) -> str:
        parts = []
        for name, listed in reading.sections(self.pages).items():
            rows = "".join(
                f'<li><a href="{_relative(page.address, address)}"'
                f"{' aria-current=page' if page == here else ''}>{escape(page.title)}</a></li>"
                for page in listed
            )
            parts.append(f"<h2>{escape(name)}</h2>\n<ul>{rows}</ul>\n")
        return f'<nav id="pages" aria-label="All pages">\n{"".join(parts)}</nav>\n'


def _neighbours(before: Page | None, after: Page | None = None) -> str:
    """Links to the page before and the page after, in reading order."""
    links = [("previous", before, "← {}"), ("next", after, "{} →")]
    shown = "".join(
        f'<a class="{kind}" rel="{"prev" if kind == "previous" else kind}" '
        f'href="{page.address}">{escape(text.format(page.title))}</a>'
        for kind, page, text in links
        if page
    )
    return f'<p class="neighbours">{shown}</p>\n'


def _source_address(path: str) -> str:
    return f"source/{path}.html"


def _relative(target: str, address: str) -> str:
    return posixpath.relpath(target, posixpath.dirname(address) or ".")


def _listed(folder: Path) -> Iterable[str]:
    """Name what a folder shows: folders of source, and source."""
    for entry in sorted(folder.iterdir()):
        hidden = entry.name.startswith((".", "__pycache__"))
        if not hidden and (entry.is_dir() or entry.suffix in code.LANGUAGES):
            yield entry.name
