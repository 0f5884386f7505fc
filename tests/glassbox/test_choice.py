"""What a page holds of a network that is too large for it, and that it says so."""

import numpy as np
import pytest

import clearconv as cc
from clearconv.errors import ArgumentError
from clearconv.glassbox import glass_box
from clearconv.glassbox.choice import choose
from clearconv.glassbox.packing import Packing, wrapped
from clearconv.glassbox.views import Views

INNER = "layer1.0.conv2"


@pytest.fixture(scope="module")
def large():
    """Trace a residual network; all its numbers are some megabytes."""
    model = cc.models.resnet20(10).build((3, 64, 64), seed=0)
    x = np.random.default_rng(0).standard_normal((3, 64, 64)).astype(np.float32)
    return cc.trace(model, x, 3)


def packed(trace, picks):
    """Count the bytes that a page with this choice really holds."""
    views = Views(trace, picks)
    views.layers()
    return sum(len(array["data"]) * 3 // 4 for array in views.packing.arrays)


@pytest.mark.parametrize("budget", [3e4, 1e5, 4e5, 1.5e6, 1e8])
def test_the_choice_stays_within_its_budget(large, budget):
    picks = choose(large, int(budget))
    held = packed(large, picks)
    assert held <= 1.02 * budget or budget < 2e5  # the image itself is 100 KB
    if budget == 1e8:
        assert all(len(picks[one.path]) == one.y.shape[1] for one in large.layers)
    elif budget > 2e5:
        assert held > 0.5 * budget  # and uses it
    if budget > 1e6:
        assert all(picks.values())  # something of every layer


def test_layers_asked_for_come_first(large):
    (source,) = large[INNER].sources
    picks = choose(large, 1_500_000, [INNER])
    assert len(picks[INNER]) == large[INNER].y.shape[1]
    assert len(picks[source]) == large[source].y.shape[1]
    some = choose(large, 1_500_000, [INNER], [3, 5, 4])
    assert some[INNER] == [3, 4, 5]
    block = choose(large, 1_500_000, ["layer3"])
    inside = [len(block[path]) for path in block if path.startswith("layer3.")]
    assert len(inside) > 3 and min(inside) > 3


def test_the_loss_may_be_asked_for_too(large):
    assert choose(large, 1_500_000, [large.loss.path]) == choose(large, 1_500_000)


def test_what_cannot_be_is_refused(large):
    with pytest.raises(ArgumentError, match="map 16 of .* its maps are 0 to 15"):
        choose(large, 600_000, [INNER], [14, 16])
    with pytest.raises(ArgumentError, match="there is no layer 'conv99'"):
        choose(large, 600_000, ["conv99"])
    with pytest.raises(ArgumentError, match="fewer maps"):
        choose(large, 120_000, [INNER], list(range(16)))


@pytest.mark.ci
def test_a_large_network_makes_a_page_below_ten_megabytes(large):
    model = cc.models.resnet18(1000).build((3, 224, 224), seed=0)
    x = np.random.default_rng(0).standard_normal((3, 224, 224)).astype(np.float32)
    trace = cc.trace(model, x, 999, optimiser=cc.AdamW(model, 1e-3))
    html = glass_box(trace)
    assert 5e6 < len(html.encode()) < 10e6
    assert "4 of 64 maps of layer1.0.conv1: 0-3" in html
    assert "`layers=['layer1.0.conv1'], maps=range(4, 8)`" in html
    assert choose(trace, 6_800_000)["fc"][-1] == 999  # the class in question is there


def test_an_array_counts_once_and_a_mask_takes_bytes():
    packing = Packing()
    numbers = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    first = packing.add(numbers, [None, None, None])
    assert packing.add(numbers.copy(), [[0, 1], None, None]) == first
    assert packing.add(numbers, [[1], None, None]) != first
    mask = packing.arrays[packing.add(np.array([0.0, 1.0, 1.0]), [None])]
    assert mask["kind"] == "u1" and mask["limit"] == 1
    assert packing.arrays[first]["limit"] == packing.arrays[first]["scale"] == 23


def test_outliers_do_not_grey_the_rest():
    rng = np.random.default_rng(0)
    numbers = rng.uniform(0.5, 1, 2000)
    numbers[7] = -1000.0
    packing = Packing()
    made = packing.arrays[packing.add(numbers, [None])]
    assert made["limit"] == 1000 and made["scale"] == pytest.approx(1, rel=0.05)


@pytest.mark.parametrize(("length", "row"), [(1, 1), (3, 3), (8, 8), (10, 5), (512, 32), (257, 17)])
def test_a_vector_stands_in_even_rows(length, row):
    assert wrapped(length) == row
