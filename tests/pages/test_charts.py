"""Charts say what the numbers say: places in the drawing, colours, titles."""

import base64
import re
from io import BytesIO
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from clearconv.errors import ShapeError
from clearconv.pages import bars, fragment, histogram, line_chart, matrix, page, picture
from clearconv.pages.axes import Axes, decades, fixed, number, rounded, span, ticks


def tree(html):
    """Parse: what is no well-formed XML raises."""
    return ElementTree.fromstring(html)


def test_ticks_are_round_and_inside():
    assert ticks(0, 1) == [0, 0.2, 0.4, 0.6, 0.8, 1]
    assert ticks(0.31, 0.98) == [0.4, 0.6, 0.8]
    assert ticks(3, 47) == [10, 20, 30, 40]
    assert ticks(1, 100, most=4) == [50, 100]
    assert decades(2e-4, 0.3) == pytest.approx([1e-3, 1e-2, 1e-1])
    assert decades(2, 5) == [2, 5]


def test_a_range_begins_and_ends_at_a_tick():
    assert rounded(0.31, 0.98) == pytest.approx((0.2, 1.0))
    assert rounded(0, 1) == pytest.approx((0, 1))
    assert rounded(0, 1.7) == pytest.approx((0, 2.0))
    assert rounded(-3, 47) == pytest.approx((-10, 50))


def test_numbers_are_short():
    assert number(0.123456) == "0.1235"
    assert number(-2) == "\N{MINUS SIGN}2"
    assert number(1e-5) == "1e\N{MINUS SIGN}5"
    assert [fixed(value) for value in (-0.004, -0.123, 1)] == ["0.00", "\N{MINUS SIGN}0.12", "1.00"]
    assert number(0.98765, percent=True) == "98.8\N{NO-BREAK SPACE}%"


def test_a_range_is_never_empty():
    for values in ([2.0], [2.0, 2.0], [], [float("nan")], [0.0], [float("inf"), 3]):
        low, high = span(values)
        assert low < high
    assert span([3.0, 5.0], least=0) == (0, 5)


def test_axes_turn_the_right_way():
    axes = Axes((0, 10), (0, 1))
    assert axes.across(10) > axes.across(0)
    assert axes.up(1) < axes.up(0)  # pixels count downwards
    log = Axes((1e-4, 1.0), (0, 1), log=True)
    assert log.across(1e-2) == pytest.approx((log.across(1e-4) + log.across(1)) / 2)


def test_a_line_stands_where_its_numbers_say():
    x, y = [1, 2, 3, 4], [0.0, 1.0, 0.5, 0.25]
    figure = tree(line_chart(x, {"loss": y}, title="Loss", x_label="epoch"))
    (line,) = figure.iter("polyline")
    places = [tuple(map(float, point.split(","))) for point in line.get("points").split()]
    axes = Axes((1, 4), (0, 1))
    expected = [(axes.across(a), axes.up(b)) for a, b in zip(x, y, strict=True)]
    assert np.abs(np.subtract(places, expected)).max() <= 0.05
    titles = [title.text for title in figure.iter("title")]
    assert titles[1] == "loss, epoch 2: 1"


def test_gaps_and_single_points():
    y = [0.5, None, 0.25, 0.125, float("nan")]
    figure = tree(line_chart(range(5), {"a": y}, title="A", x_label="step"))
    assert len(list(figure.iter("polyline"))) == 1
    assert len([dot for dot in figure.iter("circle") if dot.get("class") == "dot"]) == 1
    assert len([dot for dot in figure.iter("circle") if dot.get("class") == "aim"]) == 3


def test_several_lines_have_a_key_and_one_has_none():
    two = line_chart([1, 2], {"one": [1, 2], "two": [2, 1]}, title="T", x_label="x")
    assert re.findall(r'class="key k\d">(\w+)', two) == ["one", "two"]
    assert "key" not in line_chart([1, 2], {"one": [1, 2]}, title="T", x_label="x")


def test_the_mark_is_at_its_place():
    chart = line_chart([0, 10], {"a": [1, 2]}, title="T", x_label="x", mark=(5, "best & last"))
    figure = tree(chart)
    (mark,) = (line for line in figure.iter("line") if line.get("class") == "mark")
    assert float(mark.get("x1")) == pytest.approx(Axes((0, 10), (1, 2)).across(5))
    assert "best & last" in [text.text for text in figure.iter("text")]


def test_lines_of_another_length_are_refused():
    with pytest.raises(ShapeError, match="'a' has 3 values, but x has 2"):
        line_chart([1, 2], {"a": [1, 2, 3]}, title="T", x_label="x")
    with pytest.raises(ShapeError, match="at least one"):
        line_chart([], {"a": []}, title="T", x_label="x")


def test_names_from_outside_are_escaped():
    evil = "<script>alert(1)</script>\"'"
    for html in (
        line_chart([1, 2], {evil: [1, 2], "b": [1, 2]}, title=evil, x_label=evil, mark=(1, evil)),
        bars([(evil, 1.0)], head=(evil, evil)),
        histogram([0, 1], [1], title=evil, x_label=evil, notes=[evil], diagonal=evil),
        matrix([[1, 0], [1, 1]], [evil, "b"], corner=evil, links={(1, 0): evil}),
        picture(np.zeros((2, 2), np.uint8), evil),
        page(evil, ""),
    ):
        assert "<script" not in html
    assert "\"'" not in picture(np.zeros((2, 2), np.uint8), evil)


def test_bars_are_as_long_as_their_values():
    table = tree(bars([("a", 4.0), ("b", 1.0), ("c", -2.0)], head=("name", "value")))
    widths = [float(bar.get("style")[6:-1]) for bar in table.iter("i")]
    assert widths == [100, 25, 0]
    assert [td.text for td in table.iter("td") if td.get("class") == "number"] == [
        "4.00", "1.00", "\N{MINUS SIGN}2.00",
    ]  # fmt: skip
    shares = tree(bars([("a", 0.5), ("b", 0.25)], head=("name", "share"), whole=1.0))
    assert [bar.get("style") for bar in shares.iter("i")] == ["width:50.0%", "width:25.0%"]


def test_histogram():
    figure = tree(
        histogram([0, 0.5, 1], [0.25, None], title="T", x_label="x", percent=True, diagonal="ideal")
    )
    (bar,) = (r for r in figure.iter("rect"))
    axes = Axes((0, 1), (0, 1))
    assert float(bar.get("height")) == pytest.approx(axes.up(0) - axes.up(0.25), abs=0.1)
    (line,) = figure.iter("polyline")
    ends = f"{axes.across(0):.1f},{axes.up(0):.1f} {axes.across(1):.1f},{axes.up(1):.1f}"
    assert line.get("points") == ends
    with pytest.raises(ShapeError, match="2 edges and 2 heights"):
        histogram([0, 1], [1, 2], title="T", x_label="x")


def test_a_cell_of_the_matrix_says_its_share_by_colour_and_its_count_by_number():
    table = tree(matrix([[8, 2], [0, 0]], ["dog", "cat"], corner="C", links={(0, 1): "#d"}))
    cells = [cell for cell in table.iter("td")][1:]
    assert [cell.get("class") for cell in cells] == ["right deep", "wrong", "none", "none"]
    tints = [float(cell.get("style").removeprefix("--share:")) for cell in cells[:2]]
    assert tints == pytest.approx([0.08 + 0.87 * 0.8, 0.2 + 0.75 * 0.2], abs=0.006)
    assert cells[1].find("a").get("href") == "#d" and cells[1].find("a").text == "2"
    assert cells[1].get("title") == "2 of 10 dog predicted as cat"
    assert [head.text for head in table.iter("th")] == ["dog", "cat", "dog", "cat"]


@pytest.mark.parametrize(
    ("shape", "kind"), [((8, 8, 1), "png"), ((64, 5), "png"), ((70, 65, 3), "jpeg")]
)
def test_a_picture_carries_its_pixels(shape, kind):
    pixels = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    pixels[:] = pixels if kind == "png" else 90
    image = tree(picture(pixels, "noise").replace(">", "/>"))
    assert image.get("alt") == "noise"
    assert (image.get("height"), image.get("width")) == (str(shape[0]), str(shape[1]))
    head, data = image.get("src").split(",")
    assert head == f"data:image/{kind};base64"
    seen = np.asarray(Image.open(BytesIO(base64.b64decode(data))))
    assert np.abs(seen.astype(int) - pixels.squeeze()).max() <= (0 if kind == "png" else 2)


def test_what_is_no_picture_is_refused():
    with pytest.raises(ShapeError, match=r"\(4, 4, 2\)"):
        picture(np.zeros((4, 4, 2), np.uint8), "")


def test_a_fragment_styles_itself_alone():
    style = re.search(r"<style>(.*)</style>", fragment("<p>x</p>"), re.DOTALL)[1]
    style = re.sub(r"/\*.*?\*/", "", style, flags=re.DOTALL)
    rules = re.findall(r"([^{}]+)\{", style)
    selectors = [part.strip() for rule in rules for part in rule.split(",") if "@" not in rule]
    assert len(selectors) > 50
    assert all(part.startswith((".clearconv", "body.clearconv")) for part in selectors)


def test_a_page_asks_for_no_other_file():
    html = page("Title", "<p>body</p>")
    assert "<title>Title</title>" in html and "<p>body</p>" in html
    assert not re.findall(r"""(?:https?:|@import|url\()""", html)


def test_rules_of_its_own_come_behind_those_that_all_pages_share():
    html = page("Title", "", style=".clearconv nav { color: red }\n")
    style = re.search(r"<style>(.*)</style>", html, flags=re.DOTALL)[1]
    assert style.endswith(".clearconv nav { color: red }\n") and ".clearconv {" in style
