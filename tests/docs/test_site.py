"""The pages as a site: all there, formulas set, every link alive, nothing asked of a network."""

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag

import pytest

from browser import Browser, chromium
from builder import markup, reading, site

ROOT = Path(__file__).parents[2]
PLACES = tuple(reading.ORDER.values())
VOID = {"br", "col", "hr", "img", "input", "link", "meta"}


class Read(HTMLParser):
    """What the tests want to know of a page."""

    def __init__(self, text):
        super().__init__()
        self.links, self.anchors, self.tags, self.open, self.prose = [], set(), [], [], ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        known = dict(attrs)
        self.tags.append(tag)
        if tag not in VOID:
            self.open.append(tag)
        if "id" in known:
            assert known["id"] not in self.anchors, f"two places are called {known['id']}"
            self.anchors.add(known["id"])
        for name in ("href", "src"):
            if known.get(name):
                self.links.append(known[name])

    def handle_endtag(self, tag):
        if tag in VOID:
            return
        assert self.open.pop() == tag, f"</{tag}> closes something else"

    def handle_data(self, data):
        if not {"pre", "code", "style", "title"} & set(self.open):
            self.prose += data


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Build with the command that people type, and read every page."""
    folder = tmp_path_factory.mktemp("built") / "site"
    done = subprocess.run(
        [sys.executable, str(ROOT / "docs" / "build.py"), str(folder)],
        capture_output=True,
        text=True,
        check=True,
    )
    read = {file: Read(file.read_text("utf-8")) for file in sorted(folder.rglob("*.html"))}
    assert done.stdout == f"{len(read)} pages\n{folder / 'index.html'}\n"
    return folder, read


@pytest.mark.ci
def test_every_page_is_there_and_in_the_navigation(built):
    folder, read = built
    listed = reading.pages(ROOT)
    assert {page.path for page in listed} >= {"README.md", "docs/conv2d.md", "CONTRIBUTING.md"}
    addresses = [page.address for page in listed]
    assert len(set(addresses)) == len(addresses)
    for file, page in read.items():
        known = {(file.parent / link).resolve() for link in page.links if ":" not in link}
        assert {(folder / address).resolve() for address in addresses} <= known


def test_every_page_has_a_place_in_the_reading_order():
    lost = [page.path for page in reading.pages(ROOT) if page.path not in sum(PLACES, ())]
    assert lost == [], "give it one in docs/builder/reading.py"
    missing = [path for path in sum(PLACES, ()) if not (ROOT / path).is_file()]
    assert missing == []


@pytest.mark.ci
def test_no_link_is_dead(built):
    folder, read = built
    for file, page in read.items():
        for link in page.links:
            where, anchor = urldefrag(link)
            if where.startswith(("https:", "http:", "data:")):
                continue
            target = (file.parent / unquote(where)).resolve() if where else file
            assert target.is_file(), f"{file.relative_to(folder)} links to {link}"
            assert folder in target.parents
            if anchor:
                assert unquote(anchor) in read[target].anchors, f"{file.name}: {link}"


@pytest.mark.ci
def test_every_formula_is_set(built):
    _, read = built
    assert sum(page.tags.count("math") for page in read.values()) > 300
    for file, page in read.items():
        assert "$" not in page.prose, file.name
        # in MathML a backslash is left only where a command was not understood
        assert "\\" not in page.prose, file.name


@pytest.mark.ci
def test_nothing_is_asked_of_a_network(built):
    folder, read = built
    for file, page in read.items():
        assert "script" not in page.tags
        assert not re.search(r"url\(|@import", file.read_text("utf-8").split("</style>")[0])
        for tag in re.findall(r"<(?:img|link|source|iframe)\b[^>]*>", file.read_text("utf-8")):
            assert "http" not in tag
    assert not list(folder.rglob("*.js"))


@pytest.mark.ci
def test_tellings_stand_in_one_row_and_lead_to_their_line(built):
    folder, _ = built
    text = (folder / "conv2d.html").read_text("utf-8")
    row = text.split('<div class="tellings">')[1].split("</div>")[0]
    assert re.findall(r"<b>(\w+)</b>", row) == ["loops", "matrix", "native"]
    link, line = re.search(r'href="([^"#]+)#L(\d+)"', row).groups()
    source = re.sub("<[^>]+>", "", (folder / link).read_text("utf-8").split("<code>")[1])
    assert source.split("\n")[int(line) - 1].startswith("def forward(")


def test_anchors_are_githubs():
    assert markup.slug("The tape: what is left") == "the-tape-what-is-left"
    assert markup.slug("Readers' questions") == "readers-questions"
    assert markup.slug("`clearconv show` and x_y") == "clearconv-show-and-x_y"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("# P\n[x](missing.md)", "docs/p.md links to missing.md, but there is no docs/missing.md"),
        ("# P\n![x](none.png)", "none.png"),
        ("# P\n```python\n# ops/none.py: f\nx\n```", "ops/none.py"),
    ],
)
def test_a_broken_link_is_named(tmp_path, text, said):
    (tmp_path / "docs").mkdir()
    for name in ("README.md", "CONTRIBUTING.md"):
        (tmp_path / name).write_text("# R\n")
    (tmp_path / "docs" / "p.md").write_text(text)
    with pytest.raises(site.BrokenLink, match=re.escape(said)):
        site.build(tmp_path, tmp_path / "site")


def test_a_definition_that_is_gone_is_named(tmp_path):
    (tmp_path / "docs").mkdir()
    (tmp_path / "src/clearconv/ops").mkdir(parents=True)
    (tmp_path / "src/clearconv/ops/a.py").write_text("def f():\n    pass\n")
    for name in ("README.md", "CONTRIBUTING.md"):
        (tmp_path / name).write_text("# R\n")
    (tmp_path / "docs" / "p.md").write_text("# P\n```python\n# ops/a.py: g\npass\n```\n")
    with pytest.raises(site.BrokenLink, match="no such thing"):
        site.build(tmp_path, tmp_path / "site")


@pytest.mark.skipif(chromium() is None, reason="Chromium is not installed")
@pytest.mark.ci
@pytest.mark.parametrize("width", [1280, 390])
def test_in_a_browser_nothing_fails_and_nothing_sticks_out(built, tmp_path, width):
    folder, _ = built
    browser = Browser(tmp_path)
    try:
        for page in reading.pages(ROOT):
            browser.open(folder / page.address, width)
            assert browser.problems == [], page.path
            assert browser.evaluate("document.documentElement.scrollWidth") <= width, page.path
            broken = "[...document.images].filter(i => !i.naturalWidth).length"
            assert browser.evaluate(broken) == 0, page.path
            flat = (
                "[...document.querySelectorAll('math')]"
                ".filter(m => m.getBoundingClientRect().height < 4).length"
            )
            assert browser.evaluate(flat) == 0, f"{page.path}: a formula without height"
    finally:
        browser.close()
