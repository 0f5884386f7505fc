"""Every visit of the doctor runs learners' code in processes that are forked, not started."""

import pytest


@pytest.fixture(scope="module", autouse=True)
def _forked(forked):
    return forked
