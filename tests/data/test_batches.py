"""Batches: content, order, the same for any number of threads, no thread left behind."""

import threading

import numpy as np
import pytest

from clearconv.data import (
    Augmentation,
    Batches,
    Preprocessing,
    channel_statistics,
    open_data,
)
from clearconv.errors import DataError
from clearconv.random import generator

HOW = Preprocessing((16, 20), mean=(0.5, 0.4, 0.3), std=(0.2, 0.2, 0.3))


@pytest.fixture
def source(folder):
    return open_data(folder(count=9))


def gathered(batches):
    made = list(batches)
    return tuple(
        np.concatenate([getattr(batch, name) for batch in made])
        for name in ("x", "labels", "samples")
    )


def threads():
    return {t for t in threading.enumerate() if t.name.startswith("clearconv")}


def test_what_a_batch_holds(source):
    indices = np.array([20, 3, 4, 26, 0, 7, 8])
    batches = Batches(source, indices, HOW, 3)
    made = list(batches)
    assert len(batches) == len(made) == 3
    assert [len(batch.labels) for batch in made] == [3, 3, 1]
    for batch in made:
        assert batch.x.dtype == np.float32
        assert batch.x.transpose(0, 2, 3, 1).flags.c_contiguous
        assert batch.labels.dtype == batch.samples.dtype == np.int64
    x, labels, samples = gathered(batches)
    np.testing.assert_array_equal(samples, indices)
    np.testing.assert_array_equal(labels, source.labels[indices])
    for k, i in enumerate(indices):
        np.testing.assert_array_equal(x[k], HOW(source.image(i)))


@pytest.mark.parametrize("augmentation", [None, Augmentation.photos(), Augmentation(rotate=20)])
def test_threads_and_repetition_change_nothing(source, augmentation):
    def make(workers, batch_size=4):
        settings = {"augmentation": augmentation, "seed": 3, "epoch": 2, "shuffle": True}
        return Batches(source, np.arange(27), HOW, batch_size, workers=workers, **settings)

    one, four = make(1), make(4)
    expected = gathered(one)
    for other in (one, four, four, make(2, batch_size=27)):
        for left, right in zip(gathered(other), expected, strict=True):
            np.testing.assert_array_equal(left, right)


def test_an_image_varies_by_seed_epoch_and_number_alone(source):
    def one(i, seed=0, epoch=0, others=()):
        batches = Batches(
            source,
            np.array([*others, i]),
            HOW,
            5,
            augmentation=Augmentation.photos(),
            seed=seed,
            epoch=epoch,
        )
        return gathered(batches)[0][-1]

    first = one(5)
    np.testing.assert_array_equal(one(5, others=[1, 2, 3, 4, 6, 7]), first)
    rng = generator(0, "augment", epoch=0, sample=5)
    varied = HOW.normalised(Augmentation.photos()(source.image(5), HOW, rng))
    np.testing.assert_array_equal(first.transpose(1, 2, 0), varied)
    for other in (one(5, epoch=1), one(5, seed=1)):
        assert np.abs(other - first).max() > 0.1


def test_shuffling_is_a_permutation_drawn_by_seed_and_epoch(source):
    indices = np.arange(3, 27)

    def order(**settings):
        return tuple(gathered(Batches(source, indices, HOW, 5, shuffle=True, **settings))[2])

    orders = {order(seed=s, epoch=e) for s in range(2) for e in range(3)}
    assert len(orders) == 6
    assert all(sorted(order) == indices.tolist() for order in orders)
    assert order() == tuple(generator(0, "shuffle").permutation(indices))


@pytest.mark.parametrize("taken", [0, 1, 3])
def test_stopping_early_leaves_no_thread(source, taken):
    before = threads()
    for n, _ in enumerate(Batches(source, np.arange(27), HOW, 2, workers=3)):
        if n == taken:
            assert threads() > before
            break
    assert threads() == before

    with pytest.raises(ZeroDivisionError):
        for _ in Batches(source, np.arange(27), HOW, 2, workers=3):
            _ = 1 / 0
    assert threads() == before
    iter(Batches(source, np.arange(27), HOW, 2))  # never advanced
    assert threads() == before


def test_two_iterations_side_by_side(source):
    batches = Batches(source, np.arange(27), HOW, 4)
    for left, right in zip(batches, batches, strict=True):
        np.testing.assert_array_equal(left.x, right.x)


def test_an_unreadable_image_is_named_and_ends_the_iteration(folder):
    source = open_data(folder(count=5), cache_bytes=0)
    (source.root / source.files[7]).write_bytes(b"")
    before = threads()
    with pytest.raises(DataError, match="green/02.png.*empty"):
        list(Batches(source, np.arange(15), HOW, 2, workers=2))
    assert threads() == before


@pytest.mark.parametrize("channels", [1, 3])
def test_arrays_are_cut_out_whole(channels):
    source = open_data("digits")
    how = Preprocessing((8, 8), channels, resize="none", mean=(0.3,) * channels)
    indices = np.arange(1796, 0, -5)
    x, labels, samples = gathered(Batches(source, indices, how, 50))
    assert x.shape == (360, channels, 8, 8)
    np.testing.assert_array_equal(labels, source.labels[indices])
    np.testing.assert_array_equal(samples, indices)
    for k, i in enumerate(indices[:20]):
        np.testing.assert_array_equal(x[k], how(source.image(i)))
    # One by one, as with an augmentation that hardly does anything, gives the same.
    slow = Batches(source, indices, how, 50, augmentation=Augmentation(flip=1e-12))
    np.testing.assert_array_equal(gathered(slow)[0], x)
    enlarged = Preprocessing((12, 12), channels, resize="squash")
    assert gathered(Batches(source, indices[:4], enlarged, 3))[0].shape == (4, channels, 12, 12)
    with pytest.raises(DataError, match="8 x 8.*9 x 9"):
        list(Batches(source, indices, Preprocessing((9, 9), channels, resize="none"), 50))


def test_what_cannot_be_batched_is_refused(source):
    for indices, words in (([], "Is that part of the split empty"), ([27], "27 images"),
                           ([-1], "-1 to -1"), ([[1]], "shape")):  # fmt: skip
        with pytest.raises(DataError, match=words):
            Batches(source, np.array(indices), HOW, 2)
    with pytest.raises(DataError, match="batch_size is 0"):
        Batches(source, np.arange(3), HOW, 0)
    with pytest.raises(DataError, match="workers is 0"):
        Batches(source, np.arange(3), HOW, 1, workers=0)


def test_channel_statistics(folder, picture):
    files = {f"{c}/{i}.png": picture(i, (8 + i, 9), (i, 50, 200)) for c in "ab" for i in range(4)}
    source = open_data(folder(files))
    indices = np.array([7, 0, 2, 5])
    pixels = np.concatenate([source.image(i).reshape(-1, 3) for i in indices]) / 255
    mean, std = channel_statistics(source, indices)
    assert np.abs(np.array(mean) - pixels.mean(axis=0)).max() < 1e-12
    assert np.abs(np.array(std) - pixels.std(axis=0)).max() < 1e-12
    with pytest.raises(DataError, match="no images"):
        channel_statistics(source, indices[:0])


def test_channel_statistics_of_a_sample():
    source = open_data("digits")
    chosen = [int(k * 1797 / 500) for k in range(500)]
    pixels = source.pixels[chosen] / 255
    mean, std = channel_statistics(source, np.arange(1797)[::-1])
    assert mean == pytest.approx([pixels.mean()], abs=1e-12)
    assert std == pytest.approx([pixels.std()], abs=1e-12)


def test_constant_images_have_a_deviation_to_divide_by(folder):
    black = np.zeros((4, 4, 3), dtype=np.uint8)
    source = open_data(folder({"a/1.png": black, "b/1.bmp": black}))
    assert channel_statistics(source, np.arange(2)) == ((0, 0, 0), (1 / 255,) * 3)


@pytest.mark.parametrize("augmentation", [None, Augmentation(flip=0.5, rotate=10)])
def test_beginning_at_a_later_batch_gives_the_rest_unchanged(source, augmentation, monkeypatch):
    given = {"shuffle": True, "seed": 3, "epoch": 2, "augmentation": augmentation}
    indices = np.arange(20)
    whole = list(Batches(source, indices, HOW, 3, **given))
    read = []
    real = type(source).image
    monkeypatch.setattr(type(source), "image", lambda self, i: read.append(i) or real(self, i))
    for first in (0, 4, 7):
        read.clear()
        batches = Batches(source, indices, HOW, 3, first=first, **given)
        rest = list(batches)
        assert len(batches) == len(rest) == 7 - first
        for batch, again in zip(whole[first:], rest, strict=True):
            np.testing.assert_array_equal(again.x, batch.x)
            np.testing.assert_array_equal(again.samples, batch.samples)
        assert len(read) == max(0, 20 - 3 * first)  # what was left out is not prepared
    with pytest.raises(DataError, match="first is 8, but 20 images make 7 batches of 3"):
        Batches(source, indices, HOW, 3, first=8, **given)


@pytest.mark.parametrize(
    ("images", "smallest", "sizes"),
    [
        (20, 1, [3, 3, 3, 3, 3, 3, 2]),
        (20, 3, [3, 3, 3, 3, 3, 5]),
        (19, 2, [3, 3, 3, 3, 3, 4]),
        (18, 3, [3, 3, 3, 3, 3, 3]),
        (4, 2, [4]),
        (1, 2, [1]),  # there is no batch before it
    ],
)
def test_a_last_batch_that_is_too_small_joins_the_one_before(source, images, smallest, sizes):
    given = {"shuffle": True, "seed": 3, "epoch": 2}
    indices = np.arange(images)
    batches = Batches(source, indices, HOW, 3, smallest=smallest, **given)
    whole = list(batches)
    assert [len(batch.samples) for batch in whole] == sizes and len(batches) == len(sizes)
    plain = np.concatenate([batch.samples for batch in Batches(source, indices, HOW, 3, **given)])
    np.testing.assert_array_equal(np.concatenate([batch.samples for batch in whole]), plain)
    for first in range(len(sizes) + 1):
        rest = Batches(source, indices, HOW, 3, smallest=smallest, first=first, **given)
        assert [b.samples.tolist() for b in rest] == [b.samples.tolist() for b in whole[first:]]
        assert len(rest) == len(sizes) - first


@pytest.mark.parametrize("smallest", [0, 4])
def test_a_smallest_batch_that_no_batch_can_be_is_refused(source, smallest):
    with pytest.raises(DataError, match=f"smallest is {smallest}, but it must be from 1 to"):
        Batches(source, np.arange(9), HOW, 3, smallest=smallest)
