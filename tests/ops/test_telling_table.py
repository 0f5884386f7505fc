"""The table of tellings: which of them runs, and what is said where one is absent."""

from types import SimpleNamespace

import pytest

import clearconv
from clearconv.errors import BackendError
from clearconv.ops import CHAPTERS, tellings
from clearconv.ops.tellings import BACKENDS, TELLINGS, Telling, available, pick

CASE = CHAPTERS[0].cases[0]


def column(monkeypatch, module):
    """Add a telling that has nothing but this module, for every chapter."""
    row = Telling("slate", lambda chapter: module, lambda chapter: f"nobody wrote {chapter} on it")
    monkeypatch.setattr(tellings, "TELLINGS", {**TELLINGS, "slate": row})


def test_every_chapter_is_told_in_loops_and_as_a_matrix():
    assert BACKENDS == ("loops", "matrix", "native")
    for chapter in CHAPTERS:
        assert available(chapter.name)[:2] == BACKENDS[:2]


def test_the_one_asked_for_runs(monkeypatch):
    mine = SimpleNamespace()
    column(monkeypatch, mine)
    assert pick("conv2d", "slate") is mine
    with clearconv.backend("loops"):
        assert pick("conv2d", None) is pick("conv2d", "loops")
        assert pick("conv2d", "slate") is mine
    assert tellings._fastest.__wrapped__("conv2d") is mine, "the last row is the fastest"


def test_an_absent_one_is_an_error_that_says_why(monkeypatch):
    column(monkeypatch, None)
    assert "slate" not in available("conv2d")
    with pytest.raises(BackendError, match="conv2d: backend 'slate' was asked for, but nobody wr"):
        pick("conv2d", "slate")
    with pytest.raises(BackendError, match="'chalk' is not known; choose one of loops, matrix, na"):
        pick("conv2d", "chalk")


def test_one_may_leave_cases_to_the_others(monkeypatch):
    column(monkeypatch, SimpleNamespace(supports=lambda case: case is not CASE))
    assert "slate" in available("conv2d") and "slate" in available("conv2d", CHAPTERS[0].cases[1])
    assert "slate" not in available("conv2d", CASE)
    assert available("conv2d", CASE)[:2] == BACKENDS[:2]
