"""Folders that are parts of a split, folders that are classes, and one class in two spellings."""

import json
from unicodedata import normalize

import pytest

from clearconv.data import class_names, from_arrays, open_data, read_split
from clearconv.errors import DataError

NFC, NFD = (normalize(form, "café") for form in ("NFC", "NFD"))


@pytest.fixture
def tree(folder, picture):
    """Return a maker of folders with an image in each place."""

    def make(*places, name="data"):
        numbered = {f"{place}/{len(place)}.png": k for k, place in enumerate(places)}
        return folder({file: picture(k) for file, k in numbered.items()}, name=name)

    return make


@pytest.mark.parametrize(
    ("train", "validation", "test"),
    [
        ("Training", None, "Test"),
        ("training", None, "TESTING"),
        ("Train", "Dev", "Testing"),
        ("train_set", "validation-set", "test set"),
        ("TrainData", "val", "hold-out"),
        ("train", "valid", "eval"),
        ("train", None, "evaluation"),
    ],
)
def test_folders_called_like_parts_are_parts(tree, train, validation, test):
    parts = [part for part in (train, validation, test) if part]
    source = open_data(tree(*(f"{part}/{c}" for part in parts for c in "ab")))
    assert source.classes == ("a", "b")
    split = source.split
    for name, numbers in zip((train, validation, test), vars(split).values(), strict=False):
        assert {source.files[i].split("/")[0] for i in numbers} == ({name} if name else set())


@pytest.mark.parametrize(
    "classes",
    [
        ("control", "test"),
        ("bus", "train"),
        ("bus", "car", "train"),
        ("dev", "ops", "sales"),
        ("invalid", "unsure", "valid"),
        ("testis", "training ground", "validity"),
    ],
)
def test_classes_called_like_parts_are_classes(tree, classes):
    assert open_data(tree(*classes)).classes == classes
    deep = tree(*(f"{name}/{name[0]}{k}" for name in classes for k in range(2)), name="deep")
    assert open_data(deep).classes == classes


def test_a_flat_part_beside_classes_is_no_class_unless_it_is_said(tree):
    root = tree("cat", "dog", "Test")
    with pytest.raises(DataError, match=r"has Test/, with images directly in it, beside the fold"):
        open_data(root)
    assert open_data(root, ["cat", "dog"]).classes == ("cat", "dog")
    assert open_data(root, ["cat", "dog", "Test"]).classes == ("cat", "dog", "Test")
    assert class_names(root) == ("Test", "cat", "dog")  # to evaluate with what the model knows


def test_a_part_that_repeats_the_classes_beside_it_is_no_class(tree):
    for part in ("test", "train"):
        root = tree("cat", "dog", f"{part}/cat", f"{part}/dog", name=part)
        with pytest.raises(DataError, match=f"cat, dog, and {part}/ has them again"):
            open_data(root)


def test_parts_without_class_folders_are_no_classes_unless_it_is_said(tree):
    root = tree("Training", "Testing")
    with pytest.raises(DataError, match=r"Testing/ and Training/ without sub-folders.*`classes="):
        open_data(root)
    assert open_data(root, ["Training", "Testing"]).classes == ("Training", "Testing")


# -- one name, two spellings


def test_a_class_is_the_same_however_its_accents_are_written(tree):
    for one, other in ((NFC, NFD), (NFD, NFC)):
        name = f"ready{one == NFC}"
        root = tree(*(f"train/{c}" for c in (one, "tea")), *(f"val/{c}" for c in (other, "tea")))
        root = root.rename(root.with_name(name))
        source = open_data(root)
        assert sorted(source.classes) == [NFC, "tea"]
        assert [len(part) for part in (source.split.train, source.split.validation)] == [2, 2]
        for file in source.files:
            assert (root / file).exists()
        for spelling in (NFC, NFD):
            assert open_data(root, [spelling, "tea"]).classes == (NFC, "tea")
        assert sorted(class_names(root)) == [NFC, "tea"]


def test_two_folders_of_one_name_are_an_error(tree):
    root = tree(NFC, NFD, "tea")
    if len(list(root.iterdir())) < 3:
        pytest.skip("this file system knows only one spelling")
    for reads in (open_data, class_names):
        with pytest.raises(DataError, match=r"differ only in how their accents.*'cafe\\u0301'"):
            reads(root)


def test_a_split_file_may_write_names_in_another_way(tree, tmp_path):
    source = open_data(tree(NFD, "tea"))
    names = [normalize("NFC", file) for file in source.files]
    assert names != list(source.files)
    (tmp_path / "split.json").write_text(json.dumps({"train": names}))
    assert len(read_split(tmp_path / "split.json", source).train) == 2


def test_labels_of_arrays_too(picture):
    import numpy as np

    images = np.stack([picture(k) for k in range(4)])
    source = from_arrays(images, [NFC, "tea", NFD, "tea"], test=(images[:1], [NFD]))
    assert source.classes == (NFC, "tea") and source.labels.tolist() == [0, 1, 0, 1, 0]
