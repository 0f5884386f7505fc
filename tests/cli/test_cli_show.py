"""`clearconv show`: every function of every chapter, read from the files and computed."""

import inspect
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from clearconv.cli.screen import source as _source
from clearconv.cli.screen.arrays import described, difference
from clearconv.cli.screen.source import excerpts
from clearconv.docstring import arguments, formula, readable, sections
from clearconv.ops import CHAPTERS, conv2d
from clearconv.ops.tellings import available

FUNCTIONS = [(chapter, name) for chapter in CHAPTERS for name in chapter.functions]


def test_the_list_names_every_function(run):
    lines = run("show").stdout.splitlines()
    for chapter in CHAPTERS:
        assert any(line.startswith(f"{chapter.name}: ") for line in lines)
        assert all(any(line.split()[:1] == [name] for line in lines) for name in chapter.functions)
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda chapter: chapter.name)
def test_a_chapter(run, chapter):
    result = run("show", chapter.name)
    assert result.exit_code == 0, result.stderr
    assert all(f"{chapter.name}.{name}" in result.stdout for name in chapter.functions)
    assert "\\" not in result.stdout, "TeX that was not understood"


@pytest.mark.parametrize(
    ("chapter", "name"), FUNCTIONS, ids=lambda value: getattr(value, "name", value)
)
def test_a_function(run, chapter, name):
    result = run("show", f"{chapter.name}.{name}")
    assert result.exit_code == 0, result.stderr
    before_source = result.stdout.partition("== Telling")[0]
    assert "\\" not in before_source, "TeX that was not understood"
    assert all(f"\n{title}\n\n" in before_source for title in ("Formula", "Sources", "Shapes"))
    for telling in available(chapter.name)[:2]:
        module = import_module(f"clearconv.ops.{chapter.name}.{telling}")
        function = getattr(module, name, None)
        if function is not None and function.__module__ == module.__name__:
            lines, first = inspect.getsourcelines(function)
            for number, line in enumerate(lines, first):
                assert f"{number}  {line}".rstrip() in result.stdout
    if name in chapter.worked:
        assert "NOT equal" not in result.stdout
        verdict = " = ".join(available(chapter.name)) + ": equal"
        assert any(line.startswith(verdict) for line in result.stdout.splitlines())


def test_the_worked_case_by_hand(run):
    """dw[0,0] = 1*1 + 2*0 - 1*3 + 0*1 = -2, and so on; helpers come with their function."""
    shown = run("show", "conv2d.backward_weight").stdout
    assert "-> grad_weight, shape (1, 1, 2, 2):\n  -2   3\n   5  -1\n" in shown
    assert "def _channels(" in shown
    formula = "dw[o,c,i,j] = Σ{n,p,q} dy[n,o,p,q] x_pad[n, c, p s_h + i d_h, q s_w + j d_w]"
    assert formula in " ".join(shown.split())
    assert "def forward(" not in shown
    assert "gather (ops/geometry/patches.py)" in shown


def test_the_compiled_telling_is_shown_from_every_file_of_its_chapter(run):
    shown = run("show", "conv2d.backward_weight", "--telling", "native").stdout
    opened, _, included = shown.partition("batch_sums.h")
    assert "native.cpp" in opened and "void backward_weight(" in opened
    assert "struct WeightGradient {" in included
    assert "void backward_input(" not in shown
    header = (Path(conv2d.__file__).parent / "native/direct/batch_sums.h").read_text().splitlines()
    multiplied = next(n for n, line in enumerate(header, 1) if "add_products(" in line)
    assert f"{multiplied}  {header[multiplied - 1]}" in included


def test_one_telling(run):
    shown = run("show", "conv2d.forward", "--telling", "loops").stdout
    assert "loops.py" in shown
    assert "matrix.py" not in shown


def test_differing_tellings_are_said_to_differ(run, monkeypatch):
    from clearconv.ops.conv2d import matrix

    right = matrix.backward_bias
    monkeypatch.setattr(matrix, "backward_bias", lambda *given, **how: right(*given, **how) + 1)
    assert "NOT equal: they differ by up to 1" in run("show", "conv2d.backward_bias").stdout


COMPILED = """\
#include "native.h"

#include "../elsewhere.h"

namespace clearconv {
namespace {

// Half of a number.
template <class T>
T half(T x) {  // rounds
  return x / 2;
}

struct Other {
  int a;

  int b() { return half(a); }
};

constexpr int kSize = 3;

template <class T>
void forward(const T* x,
             T* y) {
  for (int i = 0; i < kSize; ++i)
    y[i] = half(x[i]) + kZero;
}

}  // namespace
}  // namespace clearconv
"""

HEADER = """\
// Numbers.
#pragma once

#include "zero.h"

constexpr int kUnused = 1;
"""


def test_the_compiled_source_is_found_with_its_helpers(tmp_path, monkeypatch):
    native = tmp_path / "native"
    native.mkdir()
    (native / "native.cpp").write_text(COMPILED)
    (native / "native.h").write_text(HEADER)
    (native / "zero.h").write_text('#include "native.h"\n\n// None.\nconstexpr int kZero = 0;\n')
    (tmp_path / "__init__.py").write_text("")
    module = type("Module", (), {"__file__": str(tmp_path / "__init__.py")})
    monkeypatch.setattr(_source, "_module", lambda name: module)
    found, header = excerpts("halving", "forward", "native")
    assert [line for line, _ in found.pieces] == [8, 20, 22]
    assert found.pieces[0][1].startswith("// Half of a number.\ntemplate")
    assert found.pieces[2][1].endswith("y[i] = half(x[i]) + kZero;\n}")
    assert header.path.name == "zero.h"
    assert header.pieces == ((3, "// None.\nconstexpr int kZero = 0;"),)
    assert excerpts("halving", "backward", "native") == ()
    (native / "native.cpp").unlink()
    with pytest.raises(FileNotFoundError):
        excerpts("halving", "forward", "native")


@pytest.mark.parametrize(
    ("tex", "text"),
    [
        (r"y_{n,o} = b_o + \sum_i w_{o,i}\, x_{n,i}", "y[n,o] = b_o + Σ{i} w[o,i] x[n,i]"),
        (r"\frac{1}{D_{p,q}} \sum_{i,j} x^{pad}_{n,\,c}", "1/D[p,q] Σ{i,j} x_pad[n, c]"),
        (r"\frac{a + b}{\sqrt{v + \epsilon}}", "(a + b)/(√(v + ε))"),
        (r"x^2 + x^{-1} + w^T", "x² + x⁻¹ + wᵀ"),
        (r"\max_{i,j}\; x_{i,j}", "max{i,j} x[i,j]"),
        (r"a = 1, \qquad b = 2", "a = 1,   b = 2"),
        (r"[\,r \text{ is the pixel}\,]", "[r is the pixel]"),
        (r"\hat x = \Big( \frac1M \sum x \Big)", "x̂ = (1/M Σ x)"),
        (r"w \leftarrow w - \eta\, g", "w ← w - η g"),
        (r"\unheardof x", r"\unheardof x"),
    ],
)
def test_formulas_in_one_line(tex, text):
    assert formula(tex) == text


def test_a_docstring_in_parts():
    parts = sections(
        "One.\n\nTwo.\n\nParameters\n----------\nx : int\n    A.\ny, z\n    B\n    C.\n"
    )
    assert parts[""] == "One.\n\nTwo."
    assert arguments(parts["Parameters"]) == [("x", "int"), ("y, z", "B C.")]
    assert readable("See :math:`x_{1,2}` and ``y``.") == "See x[1,2] and y."


def test_arrays_as_grids():
    assert list(described("x", np.array([[1.5, -2.0]]))) == ["x, shape (1, 2):", "  1.5   -2"]
    lines = list(described("x", np.zeros((2, 1, 1, 1))))
    assert lines == ["x, shape (2, 1, 1, 1):", "  x[0, 0]", "  0", "  x[1, 0]", "  0"]
    assert list(described("x", np.zeros((0, 2))))[-1] == "  (empty)"
    assert list(described("p", 0.5)) == ["p = 0.5"]


def test_the_largest_difference():
    a, b = np.array([1.0, 2.0]), np.array([1.0, 2.5])
    assert difference((a, a), (a, b)) == 0.5
    assert difference(a, np.zeros(3)) == float("inf")
    assert difference("relu", "tanh") == float("inf")
    assert difference(np.array([np.nan]), np.array([np.nan])) == 0
    assert np.isnan(difference(np.array([np.nan]), np.array([1.0]))) is np.True_
