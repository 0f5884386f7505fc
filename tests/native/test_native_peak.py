"""The register tile by itself says how much it did."""

import pytest

from clearconv.ops.tellings import native_module

native = native_module()


@pytest.mark.skipif(native is None, reason="clearconv was built without a compiler")
def test_multiply_adds_are_those_of_whole_tiles():
    once = native.run_tile(1)
    assert once > 0 and once % 192 == 0  # as deep as a panel of float32
    assert native.run_tile(7) == 7 * once
