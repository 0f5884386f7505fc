"""Messages are whole sentences, and never megabytes."""

import pytest

from clearconv import errors
from clearconv.words import cut


def test_a_text_is_shortened_in_the_middle():
    assert cut("short") == "short"
    assert cut("a" * 2000) == "a" * 2000
    whole = "begin" + "x" * 10**6 + "end"
    assert len(cut(whole)) <= 2000
    assert cut(whole).startswith("beginx") and " ... " in cut(whole) and cut(whole).endswith("xend")


@pytest.mark.parametrize("kind", errors.ClearconvError.__subclasses__())
def test_no_error_is_longer_than_a_screen(kind):
    assert str(kind("one line")) == "one line"
    assert len(str(kind("x" * 10**6))) <= 2000
