"""Shards: which images belong to which, what is no subtree, and the tree that adds them up."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearconv.errors import ArgumentError, ShapeError
from clearconv.ops.geometry.shards import WHOLE, Shards
from clearconv.ops.reduction import in_tree, tree_sum


def test_thirteen_images_in_eight_shards():
    # shard s holds images 13 s // 8 up to 13 (s + 1) // 8: 0, 1, 3, 4, 6, 8, 9, 11, 13
    assert [(one.start, one.stop) for one in WHOLE.of(13)] == [
        (0, 1),
        (1, 3),
        (3, 4),
        (4, 6),
        (6, 8),
        (8, 9),
        (9, 11),
        (11, 13),
    ]


def test_shards_without_images_do_not_exist():
    assert WHOLE.of(3) == [slice(0, 1), slice(1, 2), slice(2, 3)]
    assert WHOLE.of(0) == []
    whole = Shards(images=3)
    assert [whole.part(i, 2).of(n) for i, n in ((0, 3), (1, 0))] == [WHOLE.of(3), []]


@given(
    st.integers(0, 200),
    st.sampled_from([1, 2, 4, 8, 16, 32, 64]),
    st.sampled_from([1, 2, 4, 8, 16, 32, 64]),
)
def test_parts_hold_every_image_once_and_in_order(images, total, parts):
    if parts > total:
        return
    whole = Shards(total, images=images)
    shards = whole.of(images)
    assert len(shards) == min(total, images)
    assert [n for one in shards for n in range(images)[one]] == list(range(images))
    assert max((one.stop - one.start for one in shards), default=0) <= -(-images // total)
    found = []
    for i in range(parts):
        part = whole.part(i, parts)
        at = part.cut()
        here = at.stop - at.start
        assert part.batch(here) == images
        found += [slice(at.start + one.start, at.start + one.stop) for one in part.of(here)]
    assert found == shards


def test_a_part_of_a_part():
    assert Shards(16, images=40).part(1, 2).part(3, 4) == Shards(16, 14, 2, 40)
    assert WHOLE.part(0, 1) == WHOLE
    assert WHOLE.whole and not Shards(8, 4, 4, 13).whole


def test_equal_ones_are_equal():
    assert Shards(8, 0, 8) == WHOLE
    assert hash(Shards(4)) == hash(Shards(np.int64(4)))
    assert pickle.loads(pickle.dumps(Shards(8, 4, 4, 13))) == Shards(8, 4, 4, 13)
    assert WHOLE.numbers == (8, 0, 8, -1)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"total": 6}, "power of two up to 64"),
        ({"total": 128}, "power of two up to 64"),
        ({"total": 0}, "power of two"),
        ({"total": 8.0}, "must be an integer"),
        ({"total": True}, "must be an integer"),
        ({"first": 2, "count": 4, "images": 9}, "whole subtrees"),
        ({"count": 3, "images": 9}, "whole subtrees"),
        ({"first": 8, "count": 8, "images": 9}, "whole subtrees"),
        ({"first": -4, "count": 4, "images": 9}, "whole subtrees"),
        ({"count": 4}, "Give images"),
        ({"images": -1}, "at least 0"),
    ],
)
def test_what_is_no_subtree_is_refused(given, says):
    with pytest.raises(ArgumentError, match=says):
        Shards(**given)


def test_refused_parts():
    for i, parts in ((0, 3), (2, 2), (-1, 2), (0, 16)):
        with pytest.raises(ArgumentError, match="power of two up to 8"):
            Shards(images=20).part(i, parts)
    with pytest.raises(ArgumentError, match="Give images"):
        WHOLE.part(0, 2)


def test_other_images_than_the_shards_hold():
    with pytest.raises(ShapeError, match=r"linear.x: the arrays hold 6 images, but .* holds 7"):
        Shards(8, 4, 4, 13).of(6, "linear.x")
    with pytest.raises(ShapeError, match="holds 13, 0 up to 13"):
        Shards(images=13).batch(12)


def test_the_order_of_the_tree():
    def bracket(a, b):
        return f"({a}+{b})"

    assert in_tree("01234567", bracket) == "(((0+1)+(2+3))+((4+5)+(6+7)))"
    assert in_tree("01234", bracket) == "(((0+1)+(2+3))+4)"
    assert in_tree("0", bracket) == "0"


@given(st.integers(1, 64), st.sampled_from([1, 2, 4, 8, 16]))
def test_subtrees_may_be_joined_first(shards, each):
    sums = np.random.default_rng(0).standard_normal((shards, 3)).astype("float32")
    parts = [tree_sum(sums[i : i + each]) for i in range(0, shards, each)]
    assert np.array_equal(tree_sum(parts), tree_sum(sums))


def test_another_order_gives_other_bits():
    sums = np.random.default_rng(0).standard_normal((8, 1000)).astype("float32")
    one_by_one = sums[0].copy()
    for one in sums[1:]:
        one_by_one += one
    assert not np.array_equal(one_by_one, tree_sum(sums))
    assert not np.array_equal(tree_sum([tree_sum(sums[:3]), tree_sum(sums[3:])]), tree_sum(sums))


def test_tree_sum_leaves_its_operands_alone():
    for count in (1, 2, 5):
        sums = np.ones((count, 2))
        total = tree_sum(sums)
        total += 1
        assert (sums == 1).all()


def test_tree_sum_of_numbers_none_and_into_out():
    assert tree_sum(np.array([1.0, 2.0, 4.0])) == 7
    assert tree_sum(np.zeros((0, 2, 3), "float32")).shape == (2, 3)
    out = np.full(2, np.nan, "float32")
    assert tree_sum(np.zeros((0, 2)), out=out) is out
    assert (out == 0).all()
    assert tree_sum([np.ones(2), np.ones(2)], out=out).dtype == "float32"
    assert (out == 2).all()


def test_what_tree_sum_refuses():
    with pytest.raises(ArgumentError, match="there are no sums"):
        tree_sum([])
    with pytest.raises(ShapeError, match=r"shapes \(2,\) and \(3,\)"):
        tree_sum([np.ones(2), np.ones(3)])
    with pytest.raises(ShapeError, match="out has shape"):
        tree_sum(np.ones((2, 3)), out=np.empty(2))
