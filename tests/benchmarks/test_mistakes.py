"""The table of docs/doctor.md: what it counts, and that it is the catalogue's."""

from pathlib import Path

import pytest

from benchmarks.mistakes import MARKS, Pairs, markdown, pairs, rows, written
from benchmarks.older_checks import all_ones, numeric, random_errors
from clearconv.doctor.kinds import KINDS

PAGE = (Path(__file__).parents[2] / "docs" / "doctor.md").read_text("utf-8")
TABLES = PAGE.partition(MARKS[0])[2].partition(MARKS[1])[0]


def lines_of(kind):
    """Return the lines of the page's table of a kind."""
    part = TABLES.partition(f"### {kind}\n")[2].partition("\n### ")[0]
    return [line for line in part.splitlines() if line.startswith("| ")][2:]


@pytest.mark.parametrize("name", KINDS)
def test_the_page_has_every_mistake(name):
    titles = [line.split(" | ")[0].removeprefix("| ") for line in lines_of(name)]
    assert titles == [slip.title for slip in KINDS[name].slips]


@pytest.mark.parametrize("name", ["relu", "dropout"])
def test_the_page_says_what_is_found(name):
    made = markdown(rows(name), []).partition(f"### {name}\n")[2]
    assert [line for line in made.splitlines() if line.startswith("| ")][2:] == lines_of(name)


def test_what_the_page_promises():
    """Every mistake exposed and correctly named alone, four fifths of the pairs in part."""
    whole = [line for line in TABLES.splitlines() if line.startswith("| **all**")]
    alone, together = ([cell.strip() for cell in line.split("|")[2:-1]] for line in whole)
    assert alone[0] == alone[-3] == alone[-2] and alone[-1] == "0"
    assert int(alone[0]) == sum(len(kind.slips) for kind in KINDS.values()) >= 30
    tried, exposed, one = (int(cell.split()[0]) for cell in together[:3])
    assert tried == sum(len(k.slips) * (len(k.slips) - 1) // 2 for k in KINDS.values())
    assert exposed >= 0.99 * tried and one >= 0.8 * tried


def test_pairs_are_counted():
    found = pairs("sigmoid", 6)
    assert (found.tried, found.exposed, found.one) == (6, 6, 6)
    assert found.one >= found.both
    assert pairs("sigmoid", 6) == found != pairs("sigmoid", 7)


def test_the_older_checks_are_blind_where_they_are_said_to_be():
    conv, pool = KINDS["conv2d"], KINDS["max_pool2d"]
    assert all_ones(conv, "forward-no-bias") and not all_ones(conv, "weight-mean")
    assert not random_errors(pool, "assign") and random_errors(pool, "every-pixel")
    relu = KINDS["relu"]
    assert not all_ones(relu, "mask-twice") and random_errors(relu, "mask-twice")
    assert numeric(conv, "no-turn") and not numeric(conv, "input-one-stride")


def test_the_page_around_the_tables_is_kept():
    page = f"before\n{MARKS[0]}\nold\n{MARKS[1]}\nafter\n"
    assert written(page, "new") == f"before\n{MARKS[0]}\n\nnew\n\n{MARKS[1]}\nafter\n"
    assert "| **all** | 4 | 4 (100 %) | 2 (50 %) |" in markdown([], [Pairs("relu", 4, 4, 2, 1, 0)])


@pytest.mark.slow
def test_the_whole_page_is_what_the_script_writes():
    alone = [row for name in KINDS for row in rows(name)]
    assert TABLES.strip() == markdown(alone, [pairs(name) for name in KINDS])
