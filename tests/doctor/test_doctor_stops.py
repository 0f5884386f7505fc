"""What stops a program, what it refuses, and what is not written: none is taken for a mistake."""

from pathlib import Path

import pytest

from clearconv.doctor import examine, record, told

#: They take long; test_doctor_find.py and its neighbours look at the same in less detail.
pytestmark = pytest.mark.slow

EXAMPLE = Path(__file__).parents[2] / "examples" / "learner.py"
COURSE = EXAMPLE.read_text()
RIGHT = COURSE.replace("dout, axis=0", "dout, axis=(0, 2, 3)").replace("WW] = w[f]", "WW] += w[f]")
MAKES = "    out = np.zeros("
BACK = "    dx_pad = np.zeros_like(x_pad)\n"
GIVES = "    return out, (x, w, b, conv_param)"
UNTURNED = ("w[f] * dout[n", "w[f][:, ::-1, ::-1] * dout[n")


def visit(folder, text, **given):
    path = Path(folder) / "mine.py"
    path.write_text(text)
    examination = examine(path, **given)
    (layer,) = record(examination)["layers"]
    return layer, " ".join(" ".join(told(examination)).split())


def after(text, line, new):
    assert text.count(line) == 1
    return text.replace(line, f"{line}{new}")


def before(text, line, new):
    assert text.count(line) == 1
    return text.replace(line, f"{new}{line}")


def test_an_assertion_about_the_output_is_no_refusal(tmp_path):
    """The geometries in which it fails are not left out, and no mistake is made of it."""
    text = before(RIGHT, GIVES, "    assert out.shape[2] < 4, 'that is too many rows'\n")
    layer, said = visit(tmp_path, text)
    assert not layer["right"] and layer["explanations"] == []
    assert "that is too many rows" in layer["stopped"] and "refuses" not in said


def test_an_assertion_on_the_way_back_is_not_explained_by_a_mistake(tmp_path):
    """Handing back too few columns stops some programs; this one says so itself, and is right."""
    text = after(RIGHT, BACK, "    assert dout.shape[2] <= dout.shape[3], 'more rows'\n")
    layer, _ = visit(tmp_path, text)
    assert layer["explanations"] == [] and not layer["right"]
    assert "more rows in line" in layer["stopped"]


def test_what_an_assertion_stops_leaves_the_other_mistakes_named(tmp_path):
    text = after(RIGHT.replace(*UNTURNED), BACK, "    assert x.shape[0] < 3, 'few images'\n")
    layer, _ = visit(tmp_path, text)
    assert layer["explanations"] == [["no-turn"]]
    assert "few images" in layer["stopped"]


@pytest.mark.parametrize(
    ("line", "part"),
    [(MAKES, "it is not written yet"), (BACK, "its backward pass is not written yet")],
)
def test_an_exercise_is_not_written_yet(tmp_path, line, part):
    layer, said = visit(tmp_path, before(RIGHT, line, "    raise NotImplementedError\n"))
    assert not layer["right"] and "refuses" not in said
    assert f"{part}: NotImplementedError in line" in layer["stopped"]
    assert set(layer["results"]) == ({"y"} if line == BACK else set())


REFUSALS = {
    "square images": "assert H == W, 'square images only'",
    "square windows": "if HH != WW: raise ValueError('square kernels only')",
    "windows that fit the image exactly": "assert not (H + 2 * pad - HH) % stride "
    "and not (W + 2 * pad - WW) % stride",
    "as many channels out as in": "assert w.shape[0] == w.shape[1]",
    "one image at a time": "assert x.shape[0] == 1",
    "stride 1": "assert stride == 1",
    "no padding": "if pad:\n        raise NotImplementedError('later')",
}


MARKED = [
    pytest.param(asked, marks=[pytest.mark.slow] if number else [])
    for number, asked in enumerate(REFUSALS)
]


@pytest.mark.parametrize("asked", MARKED)
def test_what_is_refused_is_a_limit_and_mistakes_within_it_are_named(tmp_path, asked):
    text = before(RIGHT, MAKES, f"    {REFUSALS[asked]}\n")
    layer, _ = visit(tmp_path, text.replace(*UNTURNED))
    assert layer["explanations"] == [["no-turn"]] and layer["stopped"] is None
    assert f"it takes only {asked}, " in layer["remarks"][0]


def test_right_within_what_is_not_refused_is_right(tmp_path):
    layer, _ = visit(tmp_path, before(RIGHT, MAKES, "    assert w.shape[0] == w.shape[1]\n"))
    assert layer["right"] and "as many channels out as in" in layer["remarks"][0]


@pytest.mark.slow
def test_several_limits_at_once(tmp_path):
    limits = [*REFUSALS.values()][:3]
    text = before(RIGHT, MAKES, "".join(f"    {line}\n" for line in limits))
    layer, _ = visit(tmp_path, text.replace(*UNTURNED))
    assert layer["explanations"] == [["no-turn"]]
    (remark,) = layer["remarks"]
    assert all(limit in remark for limit in [*REFUSALS][:3])


@pytest.mark.slow
def test_code_that_an_error_stops_is_examined_where_it_runs(tmp_path):
    """A crash is no limit that the code states; what else is wrong is named all the same."""
    text = RIGHT.replace("(H, W) =", "").replace(*UNTURNED)
    text = before(text, MAKES, "    np.zeros(HH) + np.zeros(WW)\n")
    layer, _ = visit(tmp_path, text)
    assert "with a kernel that is not square" in layer["stopped"] and not layer["right"]
    assert layer["explanations"] == [["no-turn"]]
    assert "it runs with square windows" in layer["remarks"][0]
