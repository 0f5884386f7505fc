"""What a run's files must say, value by value, without running anything."""

import pytest

from clearconv.errors import RunError
from clearconv.runs.records.lr_curve import FINDER
from clearconv.runs.records.schema import NUMBER, SHARE, TEXT, WHOLE, Many, read, wrong


@pytest.mark.parametrize(
    ("value", "schema", "said"),
    [
        (3, WHOLE, None),
        (True, WHOLE, "n is true, but a whole number, 0 or more is expected"),
        (-1, WHOLE, "n is -1, but"),
        (10**400, NUMBER, "n is a number of more than 19 digits, but a finite number"),
        (float("nan"), NUMBER, "n is NaN, but a finite number"),
        (1.5, SHARE, "n is 1.5, but a number from 0 to 1"),
        ("x" * 10**6, NUMBER, "n is \"" + "x" * 56 + "..., but"),
        ([1, 2], TEXT, "n is a list of 2, but text"),
        (["a", None], Many(TEXT), "n[1] is null, but text"),
        ({"a": 1}, Many(TEXT), "n is an object of 1, but a list"),
        ({"a": 1}, Many(TEXT, named=True), 'n["a"] is 1, but text'),
        ({"a": 1}, {"a": WHOLE, "b": TEXT}, "n.b is missing"),
        ({"a": {"b": []}}, {"a": {"b": WHOLE}}, "n.a.b is a list of 0, but"),
        ({}, {"a?": WHOLE}, None),
        (None, {"a": WHOLE, "b?": TEXT}, "n is null, but an object with a is expected"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_place(value, schema, said):
    found = wrong(value, schema, "n")
    assert found is None if said is None else found.startswith(said)


def test_a_file_and_the_remedy_are_named(tmp_path):
    path = tmp_path / "lr_finder.json"
    for text, words in (
        ("{", "Expecting property name"),
        ("[" * 10**5, "recursion"),
        ("{}", "suggestion is missing"),
    ):
        path.write_text(text)
        with pytest.raises(RunError, match=rf"lr_finder\.json is damaged: .*{words}.* Do this\."):
            read(path, FINDER, "Do this.")
    path.write_bytes(b"\xff")
    with pytest.raises(RunError, match=r"lr_finder\.json is damaged: it is not text"):
        read(path, FINDER, "Do this.")
    with pytest.raises(RunError, match="none.json cannot be read: No such file"):
        read(tmp_path / "none.json", FINDER, "Do this.")
