"""The page on layers runs, and shows what is printed; so do the examples in docstrings."""

import doctest
import re
from pathlib import Path

import pytest

import clearconv
from clearconv import gradient_checking
from clearconv.layers.activation import kinds as activation_kinds
from clearconv.layers.wiring.container import Container

PAGE = Path(__file__).parents[2] / "docs" / "layers.md"


@pytest.fixture
def clean_registries(monkeypatch):
    monkeypatch.setattr("clearconv.layers.base.registry.registered", {})
    monkeypatch.setattr("clearconv.layers.activation.kinds._own", {})


def test_the_page_runs(clean_registries, capsys):
    text = PAGE.read_text()
    names = {"__name__": "page"}
    for block in re.finditer(r"^```python\n(.*?)^```", text, re.M | re.S):
        line = text[: block.start(1)].count("\n")
        code = compile("\n" * line + block[1], str(PAGE), "exec")
        exec(code, names)  # an assertion that fails names its line of the page
    printed = capsys.readouterr().out
    for head in ("layer +kind", "stage +layers"):
        assert re.search(rf"^```\n({head}.*?)^```", text, re.M | re.S)[1] in printed


def test_every_layer_is_on_the_page():
    text = PAGE.read_text()
    layers = [
        name
        for name in clearconv.__all__
        if isinstance(value := getattr(clearconv, name), type)
        and issubclass(value, clearconv.Layer | Container)
    ]
    assert len(layers) > 18
    assert [name for name in layers if f"`{name}" not in text] == []


@pytest.mark.parametrize("module", [activation_kinds, gradient_checking], ids=lambda m: m.__name__)
def test_docstring_examples_run(module, clean_registries):
    found = doctest.testmod(module)
    assert found.attempted and not found.failed
