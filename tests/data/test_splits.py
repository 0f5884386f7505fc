"""Splits: shares, seeds, completion, files."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clearconv.data import Split, complete_split, make_split, open_data, read_split, write_split
from clearconv.errors import DataError

PARTS = ("train", "validation", "test")


def parts(split):
    return [getattr(split, part).tolist() for part in PARTS]


@settings(max_examples=60, deadline=None)
@given(
    labels=st.lists(st.integers(0, 4), min_size=1, max_size=120),
    seed=st.integers(0, 2**31),
    ratios=st.tuples(st.integers(1, 9), st.integers(0, 5), st.integers(0, 5)),
)
def test_every_class_is_shared_out_by_the_ratios(labels, seed, ratios):
    labels = np.array(labels)
    split = make_split(labels, seed, ratios)
    members = parts(split)
    assert sorted(sum(members, [])) == list(range(len(labels)))
    for label in set(labels.tolist()):
        n = int((labels == label).sum())
        for part, share in zip(members, ratios, strict=True):
            count = int((labels[part] == label).sum()) if part else 0
            quota = n * share / sum(ratios)
            if share == 0:
                assert count == 0
            elif n >= 3:
                assert count >= 1
                # One from the largest remainder, and up to two given to parts that had none.
                assert abs(count - quota) <= 2 + 1e-9
            else:
                assert abs(count - quota) < 1
    for part in members:
        assert part == sorted(part)
    again = make_split(labels, seed, ratios)
    assert parts(again) == members


def test_counts_by_hand():
    """8:1:1 of 25 is 20, 2.5, 2.5: the tie goes to validation; of 4 is 3.2, 0.4, 0.4."""
    split = make_split(np.repeat([0, 1, 2], [25, 4, 2]), seed=0)
    labels = np.repeat([0, 1, 2], [25, 4, 2])
    counts = [np.bincount(labels[part], minlength=3).tolist() for part in parts(split)]
    assert counts == [[20, 2, 2], [3, 1, 0], [2, 1, 0]]


def test_other_seeds_give_other_splits():
    labels = np.repeat([0, 1], 50)
    assert len({tuple(make_split(labels, seed).test.tolist()) for seed in range(10)}) == 10


def test_impossible_ratios_are_refused():
    for ratios in ((0, 1, 1), (1, -1, 1), (1, 1), (float("nan"), 1, 1)):
        with pytest.raises(DataError, match="three shares are needed"):
            make_split(np.zeros(9, dtype=np.int64), 0, ratios)


def with_split(source, train, validation, test):
    source.split = Split(*(np.array(part, dtype=np.int64) for part in (train, validation, test)))
    return source


def test_missing_parts_are_taken_from_train(folder):
    source = open_data(folder(count=30))  # 90 images
    train = [i for i in range(90) if i % 3]  # 20 of each class
    rest = [i for i in range(90) if not i % 3]

    split = complete_split(source, seed=3)
    assert [len(part) for part in parts(split)] == [72, 9, 9]

    split = complete_split(with_split(source, train, [], rest), seed=3)
    assert split.test.tolist() == rest
    assert sorted([*split.train, *split.validation]) == train
    assert np.bincount(source.labels[split.validation]).tolist() == [2, 2, 2]

    split = complete_split(with_split(source, train, rest, []), seed=3)
    assert split.validation.tolist() == rest
    assert sorted([*split.train, *split.test]) == train
    assert np.bincount(source.labels[split.test]).tolist() == [2, 2, 2]

    given = with_split(source, train, rest[:15], rest[15:])
    assert complete_split(given, seed=3) is given.split


def test_written_and_read_back(folder, tmp_path):
    source = open_data(folder(count=10))
    split = make_split(source.labels, seed=5)
    write_split(tmp_path / "split.json", split, source)
    content = json.loads((tmp_path / "split.json").read_text())
    assert list(content) == ["classes", "train", "validation", "test"]
    assert content["test"] == [source.files[i] for i in split.test]
    again = read_split(tmp_path / "split.json", source)
    assert parts(again) == parts(split)
    assert again.problems == ()
    # The same images by other numbers: the split follows the names.
    other = open_data(source.root, classes=["red", "green", "blue"])
    moved = read_split(tmp_path / "split.json", other)
    assert [other.files[i] for i in moved.test] == content["test"]


def test_files_by_hand(folder, tmp_path):
    source = open_data(folder(count=2))
    path = tmp_path / "split.json"

    def read(**content):
        path.write_text(json.dumps(content))
        return read_split(path, source)

    for key in ("validation", "valid", "val"):
        split = read(about="x", train=["red/01.png", "blue/00.png"], **{key: ["red/00.png"]})
        assert parts(split) == [[5, 0], [4], []]  # in the file's order
        assert "names 3 images of pets in no part: blue/01.png, green/00.png" in split.problems[0]
    for words, content in {
        "2 files that pets lacks: a/1.png, b/1.png. Does the split belong to other": {
            "train": ["a/1.png", "b/1.png", "red/00.png"]
        },
        "Its classes are a, b, the data was opened with blue, green, red": {
            "classes": ["a", "b"],
            "train": ["a/1.png"],
        },
        "1 files more than once: red/00.png": {"train": ["red/00.png"], "test": ["red/00.png"]},
        "both validation and val": {"train": ["red/00.png"], "validation": [], "val": []},
        "'train' is not a list of file names": {"train": "red/00.png"},
        "'test' is not a list": {"train": ["red/00.png"], "test": [3]},
        "names no file under 'train'": {"test": ["red/00.png"]},
    }.items():
        with pytest.raises(DataError, match=words):
            read(**content)
    path.write_text("[1]")
    with pytest.raises(DataError, match="holds a list"):
        read_split(path, source)
    path.write_text("{")
    with pytest.raises(DataError, match=r"is not JSON: .* split the data again"):
        read_split(path, source)
    with pytest.raises(DataError, match="cannot be read: No such file"):
        read_split(tmp_path / "none.json", source)
