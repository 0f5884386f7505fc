"""The page in a real browser: what it looks up is what the trace explains."""

import json

import numpy as np
import pytest

VIEWS = """
JSON.stringify([...document.querySelectorAll("#network button")].map((button) => {
  button.click();
  return [Glass.state().layer.path, Glass.state().layer.views.map((view) => view.result)];
}))
"""
#: Opens every [layer, view, index], and reads what then stands on the page.
ASK = """
JSON.stringify(%s.map(([place, view, index]) => {
  Glass.open(place, view, index);
  const products = Glass.products();
  const text = (selector) => document.querySelector(selector)?.textContent ?? "";
  return {
    heading: text("#told h3"),
    exact: document.querySelector("#told h3").dataset.exact,
    products: products && products.map(({ value }) => value ?? null),
    steps: text("#told .steps"),
    formula: document.querySelector("#how math") !== null,
    source: text("#how pre"),
    place: text("#how summary"),
  };
}))
"""
#: Quantities with a number for each image; the page shows the first image's.
BY_IMAGE = "y net grad_y grad_net grad_x mask probabilities grad".split()
WITH_IMAGES = "x y net grad_y grad_net grad_x x_hat mask probabilities target logits".split()


def number(text):
    """Read what the page wrote."""
    return float(text.replace("\N{MINUS SIGN}", "-"))


def of_first_image(term):
    return all(f.index[0] == 0 for f in term.factors if f.array in WITH_IMAGES)


def asked(trace, layers, rng, each):
    """Choose elements at random: (layer, view, path, result, index)."""
    for place, (path, results) in enumerate(layers):
        for view, result in enumerate(results):
            shape = trace.array(path, result).shape[result in BY_IMAGE :]
            for _ in range(each):
                yield place, view, path, result, [int(rng.integers(size)) for size in shape]


@pytest.mark.parametrize(
    "name", ["article", pytest.param("evaluation", marks=pytest.mark.ci), "training", "graph"]
)
def test_every_view_tells_what_the_trace_explains(browser, pages, passes, name):
    browser.problems.clear()
    browser.open(pages[name])
    trace = passes[name]
    layers = json.loads(browser.evaluate(VIEWS))
    ends = [trace.loss.path] if trace.loss else []
    assert [path for path, _ in layers] == [layer.path for layer in trace.layers] + ends
    questions = list(asked(trace, layers, np.random.default_rng(0), each=3))
    asks = json.dumps([(place, view, index or [0]) for place, view, _, _, index in questions])
    answers = json.loads(browser.evaluate(ASK % asks))
    without = set()
    for (_, _, path, result, index), got in zip(questions, answers, strict=True):
        said, where = trace.explain(path, result, index), (path, result, index)
        assert number(got["exact"]) == said.value, where
        assert got["formula"] and said.function.source in got["source"], where
        assert said.function.file in got["place"] and f"line {said.function.line}" in got["place"]
        if got["products"] is None:
            without.add((path, result))
            continue
        assert None not in got["products"], where
        first = [term for term in said.terms if of_first_image(term)]
        if len(first) == len(said.terms):
            close = pytest.approx(said.value, rel=1e-9, abs=1e-12)
            assert sum(got["products"]) == close, where
        elif result != "grad_x":  # where batch norm's statistics gather the other images
            close = pytest.approx([term.value for term in first], rel=1e-9, abs=1e-12)
            assert got["products"] == close, where
    assert browser.problems == []
    kinds = {
        trace[path].type for path, result in without if path not in ends and ".update" not in result
    }
    assert kinds <= {"Input", "Conv2d", "Linear", "Activation", "ReLU", "Dropout"}, without


def test_a_softmax_inside_a_network_is_told_number_by_number(browser, pages, passes):
    browser.open(pages["evaluation"])
    trace = passes["evaluation"]
    (place,) = [k for k, layer in enumerate(trace.layers) if layer.type == "Softmax"]
    browser.evaluate(f"Glass.open({place}, 0, [1, 1, 0])")
    lines = json.loads(
        browser.evaluate(
            'JSON.stringify([...document.querySelectorAll("#told p")].map((e) => e.textContent))'
        )
    )
    for name in ("x", "total"):  # each has a say in all channels of its place
        asked = f"Influence.of(Glass.state().layer, '{name}', [0, 1, 0], ['x', 'y']).y.sort()"
        assert browser.evaluate(asked) == [[c, 1, 0] for c in range(4)]
    x = trace.layers[place].x[0, :, 1, 0]
    power = np.exp(x - x.max())
    assert number(lines[0].split(" = ")[-1]) == pytest.approx(power[1], rel=1e-3)
    assert number(lines[1].split(" = ")[-1]) == pytest.approx(power.sum(), rel=1e-3)
    assert [number(one) for one in lines[1].split(" = ")[1].split(" + ")] == pytest.approx(
        power, rel=1e-3, abs=1e-6
    )


@pytest.mark.parametrize(
    ("name", "path", "said"),
    [
        ("evaluation", "norm1", "Mean and variance are gathered in training."),
        ("training", "norm1", "Mean and variance are of the 4 images of this batch."),
        ("evaluation", "dropout1", "Evaluation drops nothing."),
        ("evaluation", "residual1.conv1", "This layer has no bias."),
    ],
)
def test_what_the_formula_leaves_open_is_told(browser, pages, name, path, said):
    browser.open(pages[name])
    names = "[...document.querySelectorAll('#network b')].map((b) => b.textContent)"
    browser.evaluate(f"Glass.open({names}.indexOf('{path}'), 0, null)")
    read = "document.querySelector('#how').textContent"
    assert said in browser.evaluate(read)
    browser.evaluate(f"Glass.open({names}.indexOf('grouped'), 0, null)")
    assert said not in browser.evaluate(read)


def test_symbols_of_a_formula_are_those_of_the_maps(browser, pages):
    browser.open(pages["evaluation"])
    said = "document.querySelector('#how math').textContent.replace(/\\s/g, '')"
    names = "[...document.querySelectorAll('#network b')].map((b) => b.textContent)"
    grouped = f"Glass.open({names}.indexOf('grouped'), %d, null)"
    for view, start in ((0, "net"), (1, "y=f(net"), (2, "δ=f"), (3, "dx"), (4, "dw")):
        browser.evaluate(grouped % view)
        text = browser.evaluate(said)
        assert text.startswith(start), text
        assert "dy" not in text or view == 2
        if start == "dx":  # the slope has done its work in the view before
            shows = browser.evaluate("Glass.state().view.shows.join()")
            assert shows == "grad_net,weight"
    browser.evaluate("Glass.open(document.querySelectorAll('#network button').length - 1, 0, [1])")
    assert browser.evaluate(said).startswith("pk=ezk")


def test_a_click_on_a_map_opens_that_cell(browser, pages, passes):
    browser.open(pages["article"])
    trace = passes["article"]
    browser.evaluate('document.querySelectorAll("#views button")[1].click()')  # back to the input
    box = json.loads(
        browser.evaluate(
            'JSON.stringify(document.querySelector(".result canvas").getBoundingClientRect())'
        )
    )
    for r, c in ((0, 0), (3, 1), (4, 4)):
        x, y = (box["x"] + (c + 0.5) * box["width"] / 5, box["y"] + (r + 0.5) * box["height"] / 5)
        for kind in ("mousePressed", "mouseReleased"):
            browser.call(
                "Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1
            )
        shown = browser.evaluate('document.querySelector("#told h3").textContent')
        value = trace.layers[1].grad_x[0, 0, r, c]
        assert shown == f"dx[0, {r}, {c}] = {value:g}".replace("= -", "= \N{MINUS SIGN}")


def press(browser, *keys):
    for key in keys:
        for kind in ("keyDown", "keyUp"):
            text = {"text": "\r"} if key == "Enter" and kind == "keyDown" else {}
            browser.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, **text)


def test_the_keyboard_suffices(browser, pages, passes):
    browser.open(pages["training"])
    browser.evaluate('document.querySelector("#network [tabindex=\\"0\\"]").focus()')
    press(browser, "Home", "ArrowRight", "ArrowRight")
    assert browser.evaluate("Glass.state().layer.path") == passes["training"].layers[2].path
    stops = []
    for _ in range(20):
        code = {"windowsVirtualKeyCode": 9}
        for kind in ("rawKeyDown", "keyUp"):
            browser.call("Input.dispatchKeyEvent", type=kind, key="Tab", code="Tab", **code)
        stops.append(
            browser.evaluate(
                "(document.activeElement.closest('[id]') ?? document.body).id + ' ' +"
                "document.activeElement.className"
            )
        )
    assert stops[0].startswith("views")
    maps = [stop for stop in stops if stop == "planes map"]
    assert len(maps) >= 3, stops
    assert any("walk" in stop for stop in stops)
    browser.evaluate('document.querySelector(".result canvas").focus()')
    press(browser, "Home", "ArrowDown", "ArrowRight")
    cell = json.loads(browser.evaluate("JSON.stringify(Glass.state().cell)"))
    press(browser, "ArrowDown", "PageDown")
    after = json.loads(browser.evaluate("JSON.stringify(Glass.state().cell)"))
    assert after == [cell[0] + 1, cell[1] + 1, cell[2]]
    outline = browser.evaluate(
        "getComputedStyle(document.querySelector('.result canvas:focus-visible')).outlineStyle"
    )
    assert outline == "solid"


def test_an_ingredient_says_where_it_went_and_where_it_came_from(browser, pages):
    browser.open(pages["evaluation"])
    browser.evaluate('location.hash = "#layer=largest&of=y"')
    browser.evaluate("follow = Glass.open(4, 0, null)")
    assert browser.evaluate("Glass.state().layer.path") == "largest"
    browser.evaluate('document.querySelector("#planes canvas").focus()')
    press(browser, "ArrowLeft")
    assert "x[" in browser.evaluate('document.querySelector("#told h3").textContent')
    browser.evaluate('document.querySelector("#told .way").click()')
    assert browser.evaluate("Glass.state().layer.path") == "relu1"


def test_play_walks_over_the_map_and_pauses(browser, pages):
    browser.open(pages["article"])
    browser.evaluate('document.querySelector("[type=range]").value = 6')
    browser.evaluate('document.querySelector(".result canvas").focus()')
    press(browser, "Home", "ArrowUp")
    browser.evaluate('document.querySelector(".on").click()')
    assert browser.evaluate("Glass.state().cell.join()") == "0,0,1"
    browser.evaluate('document.querySelector(".back").click()')
    assert browser.evaluate("Glass.state().cell.join()") == "0,0,0"
    done = browser.call(
        "Runtime.evaluate",
        expression="""new Promise((resolve) => {
          const seen = [], play = document.querySelector(".play");
          play.click();
          const look = setInterval(() => {
            const cell = Glass.state().cell.join();
            if (seen.at(-1) !== cell) seen.push(cell);
            if (play.textContent === "Play") { clearInterval(look); resolve(seen.join(" ")); }
          }, 4);
        })""",
        awaitPromise=True,
        returnByValue=True,
    )["result"]["value"]
    assert done == "0,0,1 0,0,2 0,1,0 0,1,1 0,1,2 0,2,0 0,2,1 0,2,2"


def test_who_wants_less_motion_goes_by_steps(browser, pages):
    browser.open(pages["article"])
    for wish, gone in (("reduce", True), ("no-preference", False)):
        feature = {"name": "prefers-reduced-motion", "value": wish}
        browser.call("Emulation.setEmulatedMedia", features=[feature])
        frame = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
        browser.call("Runtime.evaluate", expression=frame, awaitPromise=True)
        assert browser.evaluate("document.querySelector('.play').hidden") is gone
        assert browser.evaluate("document.querySelector('.on').hidden") is False
