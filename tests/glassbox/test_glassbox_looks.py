"""The page at a desk, on a phone, in the dark and on paper; names from outside stay text."""

import json

import numpy as np
import pytest

WIDER = """
[...document.querySelectorAll("main *")]
  .filter((e) => !e.closest(".scroll, #network, pre, math"))
  .filter((e) => e.getBoundingClientRect().right > innerWidth + 1)
  .map((e) => e.tagName + "." + e.className + e.id)
"""
EVERY = """
JSON.stringify([...document.querySelectorAll("#network button")].flatMap((button, place) => {
  button.click();
  return Glass.state().layer.views.map((view, which) => {
    Glass.open(place, which, null);
    const wide = %s;
    return [view.result, document.documentElement.scrollWidth, wide];
  });
}))
"""


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("name", ["article", "training"])
@pytest.mark.ci
def test_nothing_sticks_out_in_any_view(browser, pages, name, width):
    browser.problems.clear()
    browser.open(pages[name], width)
    for result, across, wider in json.loads(browser.evaluate(EVERY % WIDER.strip())):
        assert across <= width and wider == [], result
    assert browser.problems == []


def test_names_from_outside_stay_text(browser, pages):
    browser.problems.clear()
    browser.open(pages["evaluation"])
    assert browser.evaluate("document.querySelector('h1').textContent") == "<b>odd</b>"
    assert "<img src=x" in browser.evaluate("document.querySelector('.lead').textContent")
    assert browser.evaluate("document.querySelectorAll('.opening img, h1 b').length") == 0
    places = browser.evaluate("document.querySelectorAll('#network button').length")
    browser.evaluate(f"Glass.open({places} - 1, 0, [1])")
    said = browser.evaluate("document.querySelector('#told h3').textContent")
    assert "</script><script>alert('class')</script>" in said
    assert browser.problems == []


@pytest.mark.parametrize("width", [1280, 390])
def test_the_chosen_layer_is_in_sight_and_a_long_class_within_the_page(browser, pages, width):
    browser.open(pages["evaluation"], width)
    places = browser.evaluate("document.querySelectorAll('#network button').length")
    for place in (places - 1, 0, places // 2):
        browser.evaluate(f"Glass.open({place}, 0, {'[2]' if place == places - 1 else 'null'})")
        inside = browser.evaluate(
            """(() => {
              const list = document.querySelector("#network").getBoundingClientRect();
              const one = document.querySelector("#network [tabindex='0']").getBoundingClientRect();
              return one.left >= list.left - 1 && one.right <= list.right + 1 &&
                one.top >= list.top - 1 && one.bottom <= list.bottom + 1;
            })()"""
        )
        assert inside, place
        assert browser.evaluate("document.documentElement.scrollWidth") <= width


def test_the_policy_lets_no_other_script_run(browser, pages):
    browser.open(pages["article"])
    browser.problems.clear()
    browser.evaluate(
        "script = document.createElement('script'); script.text = 'hacked = 1';"
        "document.body.append(script)"
    )
    assert browser.evaluate("typeof hacked") == "undefined"
    assert any("Content Security Policy" in problem for problem in browser.problems)


def luminance(rgb):
    parts = np.array(rgb) / 255
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def test_lightness_alone_tells_the_sign(browser, pages):
    """So that the maps can be read on grey paper, and by readers who confuse hues."""
    browser.open(pages["article"])
    scale = [k / 20 for k in range(-20, 21)]
    colours = json.loads(
        browser.evaluate(f"JSON.stringify({json.dumps(scale)}.map((v) => Planes.colour(v, 1)))")
    )
    light = [luminance(rgb) for rgb in colours]
    assert all(np.diff(light) > 0.002)
    red, green, blue = colours[20]
    assert max(red, green, blue) - min(red, green, blue) <= 4  # zero is grey
    assert browser.evaluate("Planes.colour(NaN, 1).join()") not in {
        ",".join(map(str, c)) for c in colours
    }


@pytest.mark.parametrize("dark", [False, True])
def test_text_stands_out(browser, pages, dark):
    browser.open(pages["training"], dark=dark)
    colour = "getComputedStyle(document.querySelector('%s')).%s"

    def read(selector, what):
        text = browser.evaluate(colour % (selector, what))
        return luminance([float(part) for part in text[text.index("(") + 1 : -1].split(",")[:3]])

    page = read("body", "backgroundColor")
    for selector in ("#told h3", "#layer-about", "#how .soft, .soft", ".legend", "#views button"):
        behind = read(selector, "backgroundColor") if "button" in selector else page
        low, high = sorted((read(selector, "color"), behind))
        assert (high + 0.05) / (low + 0.05) >= 4.5, selector


@pytest.mark.ci
def test_it_prints_what_is_open(browser, pages, tmp_path):
    browser.open(pages["training"])
    browser.pdf(tmp_path / "page.pdf")
    assert (tmp_path / "page.pdf").read_bytes().startswith(b"%PDF")
    browser.call("Emulation.setEmulatedMedia", media="print")
    shown = "getComputedStyle(document.querySelector('%s')).display"
    assert browser.evaluate(shown % "#walk") == "none"
    assert browser.evaluate(shown % "#told") != "none"
    browser.call("Emulation.setEmulatedMedia", media="")
