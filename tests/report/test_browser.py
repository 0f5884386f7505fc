"""The page in a real browser: nothing fails, everything shows, at a desk, on a phone, on paper."""

import pytest

from browser import Browser, chromium

pytestmark = pytest.mark.skipif(
    chromium() is None, reason="Chromium is not installed (Debian's package: chromium)"
)

PICTURES = "[...document.images].filter(i => !i.naturalWidth || !i.clientWidth).length"
WIDER = """
[...document.querySelectorAll("main *")]
  .filter(e => !e.closest(".scroll, svg") && e.getBoundingClientRect().right > innerWidth + 1)
  .map(e => e.tagName + "." + e.className)
"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    made = Browser(tmp_path_factory.mktemp("profile"))
    yield made
    made.close()


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("name", ["digits", "photos", "many"])
def test_nothing_fails_and_everything_shows(browser, request, name, width):
    browser.problems.clear()
    browser.open(request.getfixturevalue(name) / "report.html", width)
    assert browser.problems == []
    assert browser.evaluate("document.images.length") > 10
    assert browser.evaluate(PICTURES) == 0
    assert browser.evaluate("document.documentElement.scrollWidth") <= width
    assert browser.evaluate(WIDER) == []
    charts = browser.evaluate(
        "[...document.querySelectorAll('svg.chart')].map(s => s.getBoundingClientRect().width)"
    )
    assert len(charts) == 7 and min(charts) > 200
    smallest = browser.evaluate(
        "Math.min(...[...document.querySelectorAll('svg.chart text')]"
        ".map(t => t.getBoundingClientRect().height))"
    )
    assert smallest > 10  # pixels: legible on a phone too


@pytest.mark.parametrize("dark", [False, True])
def test_text_stands_out_from_the_page(browser, digits, dark):
    """WCAG's contrast of at least 4.5 for text and 3 for lines, in light and in dark."""
    browser.open(digits / "report.html", dark=dark)

    def luminance(script):
        numbers = browser.evaluate(script).removeprefix("rgb(").rstrip(")").split(",")
        parts = [float(number) / 255 for number in numbers]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return sum(w * p for w, p in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    paper = luminance("getComputedStyle(document.body).backgroundColor")
    assert (paper < 0.1) is dark
    for selector, least in ((".lead", 4.5), (".soft", 4.5), (".k1", 3), (".k2", 3)):
        ink = luminance(f"getComputedStyle(document.querySelector('{selector}')).color")
        light, deep = max(ink, paper), min(ink, paper)
        assert (light + 0.05) / (deep + 0.05) >= least, selector


def test_a_click_on_a_confusion_leads_to_its_pictures(browser, digits):
    browser.open(digits / "report.html")
    browser.evaluate("document.querySelector('table.matrix a').click()")
    heading = browser.evaluate("document.querySelector(':target').textContent")
    assert "taken for" in heading


def test_it_prints(browser, digits, tmp_path):
    browser.open(digits / "report.html")
    browser.pdf(tmp_path / "report.pdf")
    content = (tmp_path / "report.pdf").read_bytes()
    assert content.startswith(b"%PDF") and len(content) > 20_000
