"""Folds: every image is tested on once, classes in like proportion, twins together."""

import numpy as np
import pytest

from clearconv.data import Split, from_arrays, make_folds, usual_folds
from clearconv.errors import ArgumentError, DataError


def source(counts, copies=()):
    """Return images of noise, so many of each class; `copies` are pairs (of, as)."""
    labels = np.repeat(np.arange(len(counts)), counts)
    images = np.random.default_rng(0).integers(0, 256, (len(labels), 20, 20, 3), dtype=np.uint8)
    for of, copy in copies:
        images[copy] = images[of]
    return from_arrays(images, labels)


def test_every_image_is_tested_on_once_and_learnt_from_in_no_fold_that_tests_on_it():
    data = source([23, 11, 40])
    folds = make_folds(data, 5, seed=0)
    assert sorted(np.concatenate([fold.test for fold in folds]).tolist()) == list(range(74))
    for fold in folds:
        whole = np.concatenate([fold.train, fold.validation, fold.test])
        assert sorted(whole.tolist()) == list(range(74))
        tested = np.bincount(data.labels[fold.test], minlength=3)
        assert (abs(tested - np.array([23, 11, 40]) / 5) < 1).all()
        assert np.bincount(data.labels[fold.validation], minlength=3).tolist() == [2, 1, 4]
    sizes = [len(fold.test) for fold in folds]
    assert max(sizes) - min(sizes) <= 1


def test_twins_share_a_part_of_every_fold():
    copies = [(0, 1), (0, 2), (5, 30), (31, 32)]
    data = source([25, 25], copies)
    for seed in range(5):
        for fold in make_folds(data, 4, seed):
            part = np.empty(50, dtype=int)
            for number, name in enumerate(("train", "validation", "test")):
                part[getattr(fold, name)] = number
            for one, other in copies:
                assert part[one] == part[other]


def test_the_seed_names_the_folds():
    data = source([20, 20])
    first, again, other = (make_folds(data, 3, seed) for seed in (1, 1, 2))
    for one, two in zip(first, again, strict=True):
        assert all(
            np.array_equal(getattr(one, name), getattr(two, name))
            for name in ("train", "validation", "test")
        )
    assert any(not np.array_equal(a.test, b.test) for a, b in zip(first, other, strict=True))


def test_a_given_validation_part_keeps_its_purpose():
    data = source([10, 10])
    data.split = Split(np.arange(0, 20, 2), np.arange(1, 20, 2), np.arange(0))
    folds = make_folds(data, 5, seed=0)
    assert all(np.array_equal(fold.validation, np.arange(1, 20, 2)) for fold in folds)
    tested = np.concatenate([fold.test for fold in folds])
    assert sorted(tested.tolist()) == list(range(0, 20, 2))


@pytest.mark.parametrize("folds", [1, 0, -3, True, 2.0, "5"])
def test_fewer_than_two_folds_are_none(folds):
    with pytest.raises(ArgumentError, match="a whole number from 2 on"):
        make_folds(source([9, 9]), folds, seed=0)


def test_more_folds_than_images_of_a_class():
    with pytest.raises(DataError, match="class 1 has 4 images, .* Take `folds=4` or fewer"):
        make_folds(source([9, 4]), 5, seed=0)
    with pytest.raises(
        DataError, match=r"class 1 has 4 images, which show 2 different pict.*folds=2"
    ):
        make_folds(source([9, 4], [(9, 10), (9, 11)]), 3, seed=0)
    one = (
        r"class 1 has 4 images, which show 1 different picture \(copies stay in one fold\), .* "
        r"Leave `folds` out, where copies may lie in several parts "
        r"\(`allow_twins_apart=True`\), or give"
    )
    with pytest.raises(DataError, match=one):
        make_folds(source([9, 4], [(9, 10), (9, 11), (9, 12)]), 2, seed=0)
    with pytest.raises(DataError, match="class 1 has 1 image, .* Leave `folds` out"):
        make_folds(source([9, 1]), 2, seed=0)
    with pytest.raises(DataError, match="too few to take some for validation"):
        make_folds(source([2, 2]), 2, seed=0)


def test_data_with_a_test_part_of_their_own():
    data = source([9, 9])
    data.split = Split(np.arange(12), np.arange(0), np.arange(12, 18))
    with pytest.raises(ArgumentError, match="brings its own test part of 6 images"):
        make_folds(data, 3, seed=0)


def test_how_many_folds_to_recommend():
    assert usual_folds(source([50, 9])) == 5
    assert usual_folds(source([50, 4])) == 4
    assert len(make_folds(source([4, 4]), 4, seed=0)) == 4
    assert usual_folds(source([50, 3])) == 0
    assert usual_folds(source([50, 6], [(50, 51), (50, 52), (50, 53)])) == 0
    data = source([50, 50])
    data.split = Split(np.arange(80), np.arange(0), np.arange(80, 100))
    assert usual_folds(data) == 0
