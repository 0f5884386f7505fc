"""Near twins: which pictures are found, which are not, and what is made of them."""

from io import BytesIO

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from clearconv.data import Split, complete_split, make_split, open_data, twin_problems
from clearconv.data._twins import _close, _detail, _explained, find_twins, thumbnail


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


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 999), least=st.sampled_from((0.7, 0.9, 0.99)), n=st.integers(2, 60))
def test_close_pairs_are_those_of_the_whole_table(seed, least, n):
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((4, 30))
    rows = centres[rng.integers(0, 4, n)] + rng.choice((0.1, 0.5)) * rng.standard_normal((n, 30))
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    found = {tuple(sorted(p)) for i, j in _close(rows, rows, least) for p in zip(i, j, strict=True)}
    table = rows.astype(np.float64) @ rows.astype(np.float64).T
    near = np.abs(table - least) < 1e-6  # may fall either way
    expected = {(i, j) for i in range(n) for j in range(i + 1, n) if table[i, j] >= least}
    assert all(near[pair] for pair in found ^ expected)


def test_where_everything_is_alike_the_closest_pairs_of_a_block_are_looked_at():
    rng = np.random.default_rng(1)
    rows = np.ones((100, 16)) + 0.01 * rng.standard_normal((100, 16))
    rows[57] = rows[12]
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    blocks = list(_close(rows, rows, 0.9))
    assert sum(len(i) for i, _ in blocks) == 1024 < 100 * 99 / 2
    assert (12, 57) in {
        pair for i, j in blocks for pair in zip(i.tolist(), j.tolist(), strict=True)
    }


def test_detail_by_hand():
    """A single bright pixel keeps 24/25 of itself; a ramp is all mean, away from the edge."""
    one = np.zeros((1, 9, 9))
    one[0, 4, 4] = 25
    assert _detail(one)[0, 4].tolist() == pytest.approx([0, 0, -1, -1, 24, -1, -1, 0, 0])
    ramp = np.tile(np.arange(9.0), (1, 9, 1))
    assert _detail(ramp)[0, :, 2:7] == pytest.approx(np.zeros((9, 5)))


def test_contrast_brightness_and_a_slight_shift_explain_a_picture():
    large = np.asarray(photograph(5, (340, 340)).convert("L"))
    one, two = (np.asarray(Image.fromarray(large[10:330, k : k + 320])) for k in (10, 13))
    a, b, c = (thumbnail(t[..., np.newaxis])[0][np.newaxis] for t in (one, two, large[::-1]))
    assert _explained(a, (a * 0.7 + 20).astype(np.uint8))[0] > 0.99
    assert _explained(a, b)[0] > 0.95  # three of 320 pixels
    assert _explained(a, c)[0] < 0.5


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
    from clearconv.data._split import _counts

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
