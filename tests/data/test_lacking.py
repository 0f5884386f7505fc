"""Classes that a part of the split lacks: named, with the reason."""

import numpy as np
import pytest

from clearconv.data import Split, class_problems, complete_split, from_arrays, unusable


def arrays(*counts, copies=()):
    """Return noise of as many images a class; those of the classes in `copies` are all equal."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 255, (sum(counts), 24, 24), np.uint8)
    labels = np.repeat([f"kind{number}" for number in range(len(counts))], counts)
    for number in copies:
        same = labels == f"kind{number}"
        images[same] = images[same][0]
    return from_arrays(images, labels)


def test_a_class_of_copies_is_named_with_its_groups_and_the_choice():
    source = arrays(20, 20, copies=(0,))
    split = complete_split(source, 0)
    (problem,) = class_problems(source, split, together=True)
    assert problem.kind == "missing"
    assert problem.startswith("kind0 has no images to validate on or to test on: its 20 images are")
    assert "one picture and copies" in problem and "`allow_twins_apart=True`" in problem
    assert problem.endswith("The test says nothing about it")
    assert unusable(source, split, "ratios", together=True) is None
    apart = complete_split(source, 0, allow_twins_apart=True)
    assert class_problems(source, apart, together=False) == ()
    assert len(apart.test) == 4


def test_too_few_images_are_the_reason_where_they_are():
    source = arrays(20, 2)
    (problem,) = class_problems(source, complete_split(source, 0), together=True)
    assert "kind1 has no images to validate on or to test on: it has 2 images" in problem


def test_a_split_by_hand_is_told_what_it_lacks():
    source = arrays(6, 6)
    split = Split(np.arange(8), np.array([8, 9]), np.array([10, 11]))
    (problem,) = class_problems(source, split, together=False)
    assert problem == (
        "kind0 has no images to validate on or to test on: the split has 6 of it to train, "
        "0 to validate and 0 to test. The test says nothing about it"
    )
    untrained = Split(np.arange(4), np.array([4, 6]), np.array([5, 7]))
    assert "no training image of class kind1 (`split='f.json'`)" in unusable(
        source, untrained, "`split='f.json'`", together=False
    )


@pytest.mark.parametrize("copies", [(0, 1), (0,), ()])
def test_a_part_without_images_says_copies_only_where_they_are_the_reason(copies):
    source = arrays(3, 3, copies=copies)
    split = Split(np.arange(6), np.array([], int), np.array([], int))
    line = unusable(source, split, "ratios (1, 0, 0)", together=True)
    assert ("copies of one picture" in line) == bool(copies)
    assert ("the 3 images of kind1 show one picture" in line) == (1 in copies)
    assert ("ratios (1, 0, 0)" in line) == (not copies)
