"""Near twins: which pictures are found, which are not, and what is made of them."""

from functools import cache
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from clearconv.data import Split, complete_split, make_split, open_data, twin_problems
from clearconv.data.splitting.alikeness import (
    Details,
    coarse_vectors,
    correlation,
    correlation_at_most,
    detail,
    explained,
)
from clearconv.data.splitting.twin_words import describe_twins
from clearconv.data.splitting.twins import find_twins, thumbnail


@cache
def photograph(seed, size=(200, 270)):
    """Return colour patches of every scale, as photographs have them."""
    rng = np.random.default_rng(seed)
    sum_ = np.zeros((*size, 3))
    for cells in (3, 6, 12, 24):
        small = rng.integers(0, 256, (cells, cells, 3), dtype=np.uint8)
        large = Image.fromarray(small).resize(size[::-1], Image.Resampling.BICUBIC)
        sum_ += np.asarray(large, dtype=np.float64) / 4
    return Image.fromarray(((sum_ - 128) * 2 + 128).clip(0, 255).astype(np.uint8))


def saved(picture, kind="JPEG", **how):
    file = BytesIO()
    picture.save(file, kind, **how)
    return file.getvalue()


def cut(picture, share):
    width, height = picture.size
    across, down = round(width * share / 2), round(height * share / 2)
    return picture.crop((across, down, width - across, height - down))


COPIES = {
    "saved again": lambda p: saved(p, quality=60),
    "half the size": lambda p: saved(p.resize((p.width // 2, p.height // 2)), "PNG"),
    "larger": lambda p: saved(p.resize((p.width * 3 // 2, p.height * 3 // 2)), "WEBP", quality=80),
    "cut": lambda p: saved(cut(p, 0.02), quality=90),
    "brighter": lambda p: saved(p.point(lambda v: min(255, int(v * 1.05))), quality=90),
    "mirrored": lambda p: saved(p.transpose(Image.Transpose.FLIP_LEFT_RIGHT), quality=90),
    "grey": lambda p: saved(p.convert("L"), quality=90),
}


@pytest.fixture
def album(folder):
    """Return a folder of 24 photographs of two classes that all differ."""
    return folder(
        {f"{'ab'[i % 2]}/{i:02d}.png": saved(photograph(i), "PNG") for i in range(24)}, name="album"
    )


def test_photographs_that_differ_are_no_twins(album):
    twins = open_data(album).twins
    assert twins.same.tolist() == twins.alike.tolist() == list(range(24))


@pytest.mark.parametrize("copy", COPIES)
def test_a_copy_is_found_and_reported_under_another_class(album, folder, copy):
    folder({"b/copy.img": COPIES[copy](photograph(4))}, name="album")
    source = open_data(album)
    mine, other = source.files.index("a/04.png"), source.files.index("b/copy.img")
    assert source.twins.alike[other] == mine
    assert source.twins.same[other] == other
    assert np.sum(source.twins.alike != np.arange(25)) == 1
    assert source.problems == (
        "a/04.png and b/copy.img are nearly the same picture under two classes (a and b)",
    )


def test_small_pictures_must_be_almost_equal(folder):
    """A shoe of 28 x 28 pixels resembles others: only a slight change of values makes a twin."""
    shoe = np.asarray(photograph(1, (28, 28)).convert("L"))
    noise = np.random.default_rng(0).integers(-3, 4, shoe.shape)
    files = {
        "a/1.png": shoe,
        "a/2.png": np.clip(shoe + noise, 0, 255).astype(np.uint8),
        "a/3.png": np.roll(shoe, 1, axis=1),
        "b/1.png": shoe[:, ::-1],
        "b/2.png": np.clip(shoe + 12 * noise, 0, 255).astype(np.uint8),
    }
    assert open_data(folder(files)).twins.alike.tolist() == [0, 0, 2, 3, 4]


def test_of_the_tiniest_only_equal_ones_are_twins():
    digits = open_data("digits")
    assert digits.twins.alike.tolist() == digits.twins.same.tolist()
    first = {image.tobytes(): i for i, image in reversed(list(enumerate(digits.pixels)))}
    assert digits.twins.same.tolist() == [first[image.tobytes()] for image in digits.pixels]


def test_empty_pictures_are_no_twins(folder):
    files = {
        f"{c}/{v}.png": np.full((80, 80, 3), v + ord(c), np.uint8) for c in "ab" for v in (1, 9)
    }
    assert open_data(folder(files)).twins.alike.tolist() == [0, 1, 2, 3]


def test_chains_become_one_group_whatever_the_order():
    """a is like b, and b like c, so all are one group, named by the first."""
    base = photograph(3)
    pictures = [np.asarray(cut(base, share)) for share in (0.0, 0.03, 0.06, 0.0, 0.0)]
    pictures[4] = np.asarray(photograph(4))
    thumbs = np.array([thumbnail(picture)[0] for picture in pictures])
    digests = [picture.tobytes() for picture in pictures]
    twins = find_twins(digests, thumbs, np.full(5, 200))
    assert twins.same.tolist() == [0, 1, 2, 0, 4]
    assert twins.alike.tolist() == [0, 0, 0, 0, 4]
    back = find_twins(digests[::-1], thumbs[::-1], np.full(5, 200))
    assert back.alike.tolist() == [0, 1, 1, 1, 1]


def test_a_grey_picture_in_colour_is_seen():
    grey = np.asarray(photograph(1).convert("L").convert("RGB"))
    assert thumbnail(grey)[1]
    assert not thumbnail(np.asarray(photograph(1)))[1]


def brightened(pictures, factors):
    """Return each picture's thumbnail, and one of a copy for each factor."""
    found = [thumbnail(picture)[0] for picture in pictures]
    for factor in factors:
        found += [
            thumbnail((picture * factor).clip(0, 255).astype(np.uint8))[0] for picture in pictures
        ]
    return np.array(found)


def groups(thumbnails, side=200):
    """Return the twins of pictures that all differ."""
    n = len(thumbnails)
    return find_twins([bytes([i // 256, i % 256]) for i in range(n)], thumbnails, np.full(n, side))


@pytest.mark.parametrize("copies", [5, 6, 12])
def test_copies_are_one_group_however_many_there_are(copies):
    pictures = [np.asarray(photograph(i)) for i in range(20)]
    twins = groups(brightened(pictures, 1 + np.arange(1, copies + 1) / 100))
    assert twins.alike.tolist() == list(range(20)) * (copies + 1)
    assert len(twins.unknown) == 0


def test_many_copies_of_one_among_others():
    pictures = [np.asarray(photograph(i)) for i in range(10)]
    many = brightened([pictures[7]], np.linspace(0.7, 0.99, 400))
    twins = groups(np.concatenate((brightened(pictures, ()), many)))
    assert twins.alike.tolist() == [*range(10), *[7] * 401]


def blank(n, seed=0):
    """Return thumbnails that are all coarsely alike: a shaded sheet, its grain its own."""
    grain = np.random.default_rng(seed).normal(0, 2, (n, 32, 32))
    return (np.linspace(200, 240, 32)[:, np.newaxis] + grain).astype(np.uint8)


def test_pictures_that_are_merely_all_alike_are_compared_all_the_same():
    pictures = blank(200)
    pictures[190] = pictures[3] - 2
    pictures[180] = pictures[5][:, ::-1]
    twins = groups(pictures)
    expected = np.arange(200)
    expected[[190, 180]] = 3, 5
    assert twins.alike.tolist() == expected.tolist()
    assert len(twins.unknown) == 0


def test_what_a_search_leaves_out_is_unknown(monkeypatch):
    pictures = np.concatenate((blank(100), brightened([np.asarray(photograph(1))], [1.05])))
    monkeypatch.setattr("clearconv.data.splitting.twins._CROWDED_BLOCKS", -9)
    twins = groups(pictures)
    assert 90 < len(twins.unknown) <= 100 and twins.unknown.max() < 100
    assert twins.alike.tolist() == [*range(100), 100, 100]
    monkeypatch.undo()
    monkeypatch.setattr("clearconv.data.splitting.twins._IN_VAIN", -2000)
    twins = groups(pictures)
    assert twins.unknown.tolist() == [100, 101] and twins.alike.tolist() == list(range(102))
    (line,) = describe_twins(twins, [f"{i}.png" for i in range(102)], np.zeros(102), ("a",), None)
    assert line.startswith("2 images, such as 100.png, resemble so many others that not all were")


@pytest.mark.ci
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 999), block=st.sampled_from((5, 99)), crowd=st.sampled_from((1, 9)))
def test_groups_are_those_of_the_whole_table(seed, block, crowd):
    """Every pair is compared here, whatever the search leaves out: the same groups."""
    rng = np.random.default_rng(seed)
    some = [np.asarray(photograph(i, (80, 90))) for i in rng.integers(0, 5, 5)]
    thumbs = brightened(some, rng.uniform(0.8, 1, 3))
    noise = rng.normal(0, rng.choice((1, 15)), thumbs.shape)
    thumbs = np.concatenate((thumbs + noise, blank(6, seed), thumbs[:4, :, ::-1]))
    thumbs = thumbs.clip(0, 255).astype(np.uint8)[rng.permutation(len(thumbs))]
    n = len(thumbs)
    small = rng.random(n) < rng.choice((0, 0.5, 1))
    expected, least = np.arange(n), 0.99 if small.all() else 0.94
    pooled = thumbs.reshape(n, 16, 2, 16, 2).mean(axis=(2, 4))
    for i in range(n):
        for j in range(i + 1, n):
            either = small[i] or small[j]
            for turn in (1,) if either else (1, -1):
                near = np.corrcoef(pooled[i].ravel(), pooled[j][:, ::turn].ravel())[0, 1] >= least
                a, b = thumbs[[i]], thumbs[[j]][:, :, ::turn]
                value = np.corrcoef(a.ravel(), b.ravel())[0, 1] if either else explained(a, b)[0]
                if near and value >= (0.998 if either else 0.85):
                    expected[expected == expected[j]] = expected[i]
    names = {name: np.flatnonzero(expected == name).min() for name in expected}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("clearconv.data.splitting.twins._BLOCK", block)
        patch.setattr("clearconv.data.splitting.twins._CROWDED", crowd)
        found = find_twins([bytes([i]) for i in range(n)], thumbs, np.where(small, 40, 200))
    assert found.alike.tolist() == [names[name] for name in expected]


def test_upper_limits_are_not_below_what_they_limit():
    pictures = [np.asarray(photograph(i % 9)) for i in range(18)]
    a = brightened(pictures, ())
    b = (a[np.arange(18) // 2] + np.random.default_rng(0).normal(0, 4, a.shape)).clip(0, 255)
    b = b.astype(np.uint8)
    for mirrored in (False, True):
        limits = Details(a).explained_at_most(Details(b), mirrored)
        i, j = (t.ravel() for t in np.indices(limits.shape))
        exact = explained(a[i], b[j][:, :, :: -1 if mirrored else 1]).reshape(limits.shape)
        assert np.all(limits >= exact - 1e-5)
        assert np.mean(limits - exact) < 0.3
    one, kept = coarse_vectors(a)
    two, others = coarse_vectors(b)
    limits = correlation_at_most((one * two).sum(axis=1), kept, others)
    assert np.all(limits >= correlation(a, b) - 1e-5)


def test_detail_by_hand():
    """A single bright pixel keeps 24/25 of itself; a ramp is all mean, away from the edge."""
    one = np.zeros((1, 9, 9))
    one[0, 4, 4] = 25
    assert detail(one)[0, 4].tolist() == pytest.approx([0, 0, -1, -1, 24, -1, -1, 0, 0])
    ramp = np.tile(np.arange(9.0), (1, 9, 1))
    assert detail(ramp)[0, :, 2:7] == pytest.approx(np.zeros((9, 5)))


def test_contrast_brightness_and_a_slight_shift_explain_a_picture():
    large = np.asarray(photograph(5, (340, 340)).convert("L"))
    one, two = (np.asarray(Image.fromarray(large[10:330, k : k + 320])) for k in (10, 13))
    a, b, c = (thumbnail(t[..., np.newaxis])[0][np.newaxis] for t in (one, two, large[::-1]))
    assert explained(a, (a * 0.7 + 20).astype(np.uint8))[0] > 0.99
    assert explained(a, b)[0] > 0.95  # three of 320 pixels
    assert explained(a, c)[0] < 0.5


# -- the split


def before_groups(labels, seed, ratios, counts):
    """Share out as it was done before twins were known: cut each class's permutation."""
    from clearconv.random import generator

    rng = generator(seed, "split")
    parts = [[], [], []]
    for label in np.unique(labels):
        shuffled = rng.permutation(np.flatnonzero(labels == label)).tolist()
        ends = np.cumsum(counts(len(shuffled), np.asarray(ratios, float)))
        for part, lot in zip(parts, np.split(np.array(shuffled), ends[:2]), strict=True):
            part += lot.tolist()
    return [sorted(part) for part in parts]


def parts(split):
    return [split.train.tolist(), split.validation.tolist(), split.test.tolist()]


@settings(max_examples=60, deadline=None)
@given(
    labels=st.lists(st.integers(0, 3), min_size=1, max_size=100),
    seed=st.integers(0, 2**31),
    ratios=st.tuples(st.integers(1, 9), st.integers(0, 5), st.integers(0, 5)),
    data=st.data(),
)
def test_twins_stay_together_and_others_are_shared_out_as_ever(labels, seed, ratios, data):
    from clearconv.data.splitting.split import _counts

    n, labels = len(labels), np.array(labels)
    alone = make_split(labels, seed, ratios, np.arange(n))
    assert parts(alone) == parts(make_split(labels, seed, ratios))
    assert parts(alone) == before_groups(labels, seed, ratios, _counts)
    groups = np.arange(n)
    for _ in range(data.draw(st.integers(0, 8))):
        i, j = (data.draw(st.integers(0, n - 1)) for _ in range(2))
        groups[groups == groups[max(i, j)]] = groups[min(i, j)]
    split = parts(make_split(labels, seed, ratios, groups))
    assert sorted(sum(split, [])) == list(range(n))
    for group in set(groups.tolist()):
        members = set(np.flatnonzero(groups == group).tolist())
        assert sum(bool(members & set(part)) for part in split) == 1
    for part, share in zip(split, ratios, strict=True):
        assert share or not part


def test_shares_hold_where_a_few_pictures_have_twins():
    labels = np.repeat([0, 1], 100)
    groups = np.arange(200)
    groups[10:20:2] = groups[11:21:2]  # five pairs
    groups[[30, 31, 130]] = 30  # three under two classes
    for seed in range(20):
        split = make_split(labels, seed, (8, 1, 1), groups)
        counts = [np.bincount(labels[part], minlength=2).tolist() for part in parts(split)]
        assert counts == [[80, 80], [10, 10], [10, 10]]


@pytest.mark.parametrize(
    ("labels", "groups", "expected"),
    [
        # six clips of 20 frames a class
        (np.repeat([0, 1], 120), np.repeat(np.arange(12), 20), [[80, 20, 20]] * 2),
        # three clips that show both classes
        (np.tile([0, 1], 30), np.repeat([0, 1, 2], 20), [[10, 10, 10]] * 2),
        # two clips a class: to learn from and to test on
        (np.repeat([0, 1], 40), np.repeat(np.arange(4), 20), [[20, 0, 20]] * 2),
        # one clip of a class beside pictures that differ
        (np.repeat([0, 1], 40), [0] * 40 + list(range(1, 41)), [[40, 0, 0], [32, 4, 4]]),
        # a clip of both classes, and one or two pictures more of each
        (
            np.array([0] * 10 + [1] * 10 + [0, 0, 1]),
            [0] * 20 + [1, 2, 3],
            [[10, 1, 1], [10, 0, 1]],
        ),
    ],
)
def test_groups_are_shared_out_so_that_every_class_has_each_part(labels, groups, expected):
    for seed in range(9):
        split = parts(make_split(labels, seed, (8, 1, 1), np.array(groups)))
        counts = [[int(np.sum(labels[part] == label)) for part in split] for label in (0, 1)]
        assert counts == expected


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.lists(st.lists(st.integers(1, 30), min_size=3, max_size=6), min_size=1, max_size=3),
    seed=st.integers(0, 999),
)
def test_a_class_of_three_groups_has_every_part(sizes, seed):
    labels = np.repeat(np.arange(len(sizes)), [sum(part) for part in sizes])
    flat = sum(sizes, [])
    groups = np.repeat(np.arange(len(flat)), flat)
    for part in parts(make_split(labels, seed, (8, 1, 1), groups)):
        assert set(labels[part].tolist()) == set(range(len(sizes)))


def test_a_folder_s_twins_are_kept_in_one_part(album, folder):
    copies = {f"a/copy{i}.jpg": COPIES["cut"](photograph(i)) for i in (0, 2, 6)}
    source = open_data(folder(copies, name="album"))
    assert np.sum(source.twins.alike != np.arange(27)) == 3
    for seed in range(10):
        split = complete_split(source, seed, (2, 1, 1))
        assert twin_problems(source, split) == ()
        apart = make_split(source.labels, seed, (2, 1, 1))
        if lines := twin_problems(source, apart):
            assert all(line.endswith("in two parts of the split") for line in lines)
            break
    else:
        raise AssertionError("ten splits by chance kept three pairs together")


def test_a_split_that_is_given_is_kept_and_its_twins_are_named(folder):
    files = {f"train/{c}/{i}.jpg": saved(photograph(i)) for i in range(3) for c in "ab"[i % 2]}
    files |= {
        "test/a/9.jpg": COPIES["saved again"](photograph(0)),
        "test/b/8.jpg": saved(photograph(8)),
    }
    source = open_data(folder(files, name="ready"))
    line = "train/a/0.jpg and test/a/9.jpg are nearly the same picture in two parts of the split"
    assert source.problems == (line,)
    assert twin_problems(source, source.split) == ()  # said already
    joined = Split(np.arange(len(source)), np.array([], int), np.array([], int))
    assert twin_problems(source, joined) == ()


def test_arrays_are_compared_when_asked():
    digits = open_data("digits")
    assert "twins" not in vars(digits)
    same = np.flatnonzero(digits.twins.same != np.arange(len(digits)))
    assert twin_problems(digits, complete_split(digits, 0)) == ()
    if len(same):
        one, two = int(digits.twins.same[same[0]]), int(same[0])
        rest = np.setdiff1d(np.arange(len(digits)), [one, two])
        (line,) = twin_problems(digits, Split(np.array([one]), np.array([two]), rest[:0]))
        assert line.endswith("are the same picture in two parts of the split")
