"""clearconv.set_threads: what it refuses, and what it says where there are no compiled kernels."""

import numpy as np
import pytest

import clearconv
from clearconv.ops import tellings as _backend


@pytest.mark.parametrize("count", [0, -2, 1.0, 2.5, "2", None, True, np.float32(1)])
def test_anything_but_a_positive_integer_is_refused(count):
    with pytest.raises(clearconv.ArgumentError, match=r"set_threads\(.*integer of at least 1.*all"):
        clearconv.set_threads(count)


def test_without_compiled_kernels_it_says_that_nothing_changes(monkeypatch):
    monkeypatch.setattr(_backend, "native_module", lambda: None)
    with pytest.warns(UserWarning, match="without its compiled kernels.*OMP_NUM_THREADS"):
        assert clearconv.set_threads(3) == 1
    with pytest.raises(clearconv.ArgumentError):
        clearconv.set_threads(0)
