"""Real photographs: read, split as given, prepared as the reference network's training did."""

import json

import numpy as np
import pytest

from clearconv.data import Augmentation, Batches, Preprocessing, load_image, open_data, read_split

pytestmark = pytest.mark.data


@pytest.fixture(scope="module")
def few(shared, tmp_path_factory):
    """Return a folder of links to 20 photographs of each of three classes."""
    root = tmp_path_factory.mktemp("few")
    for name in ("dog", "panda", "bird"):
        (root / name).mkdir()
        for path in sorted((shared / "animals" / name).iterdir())[:20]:
            (root / name / path.name).symlink_to(path)
    return root


def test_photographs(few, shared):
    source = open_data(few)
    assert len(source) == 60
    assert source.problems == ()
    for i in (0, 25, 59):
        image = source.image(i)
        assert image.ndim == 3
        assert min(image.shape[:2]) <= 256
        np.testing.assert_array_equal(image, load_image(shared / "animals" / source.files[i]))
    how = Preprocessing((224, 224))
    batches = Batches(source, np.arange(60), how, 32, augmentation=Augmentation.photos())
    for batch in batches:
        assert batch.x.min() >= 0
        assert batch.x.max() <= 1
        assert batch.x.std() > 0.1


def test_the_reference_split(shared, monkeypatch):
    """Its 3,000 file names are exactly those of the three classes."""
    classes = ["dog", "panda", "bird"]
    path = shared / "reference" / "seed_cnn" / "split.json"
    tiny = np.zeros((1, 1, 3), dtype=np.uint8)
    # Decoding is not what this test is about.
    monkeypatch.setattr(
        "clearconv.data.sources.folder.decode_sized",
        lambda data, side, definition: (tiny.copy(), (1, 1)),
    )
    source = open_data(shared / "animals", classes)
    split = read_split(path, source)
    assert split.problems == ()
    assert [len(part) for part in (split.train, split.validation, split.test)] == [2400, 300, 300]
    expected = json.loads(path.read_text())
    for part, key in ((split.train, "train"), (split.validation, "valid"), (split.test, "test")):
        assert [source.files[i] for i in part] == expected[key]
        names = [classes[label] for label in source.labels[part]]
        assert names == [file.split("/")[0] for file in expected[key]]


def test_two_scans_of_one_photograph_are_twins_and_other_photographs_are_not(shared, tmp_path):
    """dog/275 and dog/403 differ in size and in every pixel; a person sees one picture."""
    for i in range(240, 440):
        (tmp_path / "dog").mkdir(exist_ok=True)
        (tmp_path / "dog" / f"{i}.jpg").symlink_to(shared / "animals" / "dog" / f"{i}.jpg")
    source = open_data(tmp_path, least_classes=1)
    (second,) = np.flatnonzero(source.twins.alike != np.arange(200))
    assert source.files[second] == "dog/403.jpg"
    assert source.files[source.twins.alike[second]] == "dog/275.jpg"
    assert source.twins.same[second] == second
