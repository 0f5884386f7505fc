"""What a plan says of the data."""

import json

import numpy as np
import pytest
from PIL import Image

from clearconv.data import write_split
from clearconv.planning import plan, survey
from clearconv.train import prepare
from clearconv.words import width


def pictures(root, label, count, size, seed, mode="RGB"):
    rng = np.random.default_rng(seed)
    (root / label).mkdir(parents=True, exist_ok=True)
    for number in range(count):
        small = rng.integers(0, 256, (6, 6, 3), dtype=np.uint8)
        large = Image.fromarray(small).convert(mode).resize(size[::-1], Image.Resampling.BICUBIC)
        large.save(root / label / f"{number:02d}.png")


@pytest.fixture
def pets(tmp_path):
    """30 wide pictures of dogs, 8 grey high ones of cats, a copy and a text."""
    root = tmp_path / "pets"
    pictures(root, "dog", 30, (70, 100), seed=1)
    pictures(root, "cat", 8, (120, 64), seed=2, mode="L")
    Image.open(root / "dog" / "03.png").save(root / "dog" / "copy.jpg", quality=70)
    (root / "dog" / "equal.png").write_bytes((root / "dog" / "05.png").read_bytes())
    (root / "cat" / "notes.txt").write_text("no image")
    return root


def test_the_numbers_of_a_folder(pets):
    run = prepare(str(pets), image_size=66, model="seed_cnn")
    found = survey(run)
    assert found.classes == ("cat", "dog")
    assert found.images == (8, 32)
    assert found.imbalance == 4
    assert {name: sum(counts) for name, counts in found.parts.items()} == {
        "train": 32,  # 26 of 32 dogs, 6 of 8 cats
        "validation": 4,
        "test": 4,
    }
    assert (found.smallest, found.median, found.largest) == ((70, 100), (70, 100), (120, 64))
    assert found.below_input == 8  # the cats are 64 wide
    assert found.grey == 8
    assert found.left_out == 1
    assert found.same == (("dog/05.png", "dog/equal.png"),)
    assert found.alike == (("dog/03.png", "dog/copy.jpg"), ("dog/05.png", "dog/equal.png"))
    assert found.straddling == 0
    assert [line.split()[0] for line in found.problems] == ["cat/notes.txt"]
    weights, few, folds = found.advice
    assert weights.startswith(
        "dog has 4.0 times as many images as cat: consider `class_weights=True`"
    )
    assert few.endswith("cat")
    assert folds.startswith("4 test images are few to judge by: consider `folds=5`")
    json.dumps(found.to_dict())


def test_folds_are_advised_where_they_help(pets, tmp_path):
    run = prepare(str(pets), image_size=66, model="seed_cnn")
    write_split(tmp_path / "split.json", run.split, run.source)
    run = prepare(str(pets), image_size=66, model="seed_cnn", split=str(tmp_path / "split.json"))
    assert not any("`folds" in line for line in survey(run).advice)
    assert not any("`folds" in line for line in survey(prepare("digits")).advice)


def test_class_weights_are_not_advised_twice(pets):
    run = prepare(str(pets), image_size=66, model="seed_cnn", class_weights=True)
    assert not any("`class_weights" in line for line in survey(run).advice)


def test_of_many_small_classes_the_first_few_are_named(tmp_path):
    rng = np.random.default_rng(0)
    labels = [f"kind{number:03}" for number in range(30) for _ in range(3)]
    images = rng.integers(0, 255, (len(labels), 28, 28), np.uint8)
    found = survey(prepare((images, labels), model="lenet"))
    (advice,) = found.advice
    assert advice.endswith("kind008, kind009 and 20 more")


def test_copies_in_two_parts_of_a_given_split_are_counted(pets, tmp_path):
    dogs, cats = (
        [f"{label}/{i:02d}.png" for i in range(n)] for label, n in (("dog", 30), ("cat", 8))
    )
    split = {
        "train": [*dogs[:20], *cats[:4]],
        "validation": [*dogs[20:25], *cats[4:6], "dog/equal.png"],
        "test": [*dogs[25:], *cats[6:], "dog/copy.jpg"],
    }
    (tmp_path / "split.json").write_text(json.dumps(split))
    found = survey(prepare(str(pets), image_size=66, split=str(tmp_path / "split.json")))
    assert found.straddling == 2
    assert sum("in two parts of the split" in line for line in found.problems) == 2


def test_names_of_classes_are_aligned_whatever_their_script(tmp_path):
    """A Chinese character takes two columns of a terminal."""
    for number, name in enumerate(("\N{CJK UNIFIED IDEOGRAPH-732B}", "dog")):
        pictures(tmp_path, name, 6, (20, 20), seed=number)
    lines = str(plan(tmp_path, image_size=8, model="digits_cnn", epochs=1)).splitlines()
    assert len({width(line) for line in lines[2:7]}) == 1, lines[2:7]


def test_a_search_that_was_cut_short_is_not_called_clean(pets, monkeypatch):
    assert "unknown" not in str(plan(pets, image_size=66, model="seed_cnn", epochs=1))
    monkeypatch.setattr("clearconv.data.splitting.twins._IN_VAIN", -2000)
    text = str(plan(pets, image_size=66, model="seed_cnn", epochs=1))
    assert "equal to the pixel" in text and "unknown for 2 images" in text
    assert "Warning: 2 images, such as dog/03.png, resemble so many others" in text
