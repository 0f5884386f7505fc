"""idx files and the bundled digits."""

import gzip
import hashlib
import struct

import numpy as np
import pytest

from clearconv.data import class_names, complete_split, open_data
from clearconv.errors import DataError


def idx(array):
    head = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    return head + array.astype(np.uint8).tobytes()


def write(root, part, images, labels, pack=False, dot=False):
    root.mkdir(exist_ok=True)
    for kind, array in (("images", images), ("labels", labels)):
        name = f"{part}-{kind}{'.' if dot else '-'}idx{array.ndim}-ubyte"
        content = idx(array)
        if pack:
            (root / f"{name}.gz").write_bytes(gzip.compress(content))
        else:
            (root / name).write_bytes(content)


@pytest.fixture
def arrays():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (40, 5, 6), dtype=np.uint8)
    return images, (np.arange(40) * 7 % 4).astype(np.uint8)


@pytest.mark.parametrize("pack", [False, True], ids=["plain", "gzipped"])
@pytest.mark.parametrize("dot", [False, True], ids=["-idx", ".idx"])
def test_idx_files(tmp_path, arrays, pack, dot):
    images, labels = arrays
    root = tmp_path / "mini"
    write(root, "train", images[:30], labels[:30], pack, dot)
    write(root, "t10k", images[30:], labels[30:], pack, dot)
    source = open_data(root)
    assert (source.name, source.kind, source.channels, source.size) == ("mini", "idx", 1, (5, 6))
    assert source.classes == ("0", "1", "2", "3")
    np.testing.assert_array_equal(source.labels, labels)
    for i in range(40):
        np.testing.assert_array_equal(source.image(i)[..., 0], images[i])
    assert (source.files[0], source.files[29]) == ("train/00000", "train/00029")
    assert source.files[30:32] == ("test/00000", "test/00001")
    assert source.split.train.tolist() == list(range(30))
    assert source.split.test.tolist() == list(range(30, 40))
    assert len(source.split.validation) == 0
    hashes = source.sha256()
    assert len(hashes) == 4
    for name, digest in hashes.items():
        assert digest == hashlib.sha256((root / name).read_bytes()).hexdigest()
    split = complete_split(source, seed=1)
    assert split.test.tolist() == list(range(30, 40))
    assert sorted([*split.train, *split.validation]) == list(range(30))


def test_classes_of_idx_files(tmp_path, arrays):
    images, labels = arrays
    write(tmp_path / "d", "train", images[:30], labels[:30])
    write(tmp_path / "d", "t10k", images[30:], labels[30:])
    source = open_data(tmp_path / "d", classes=["3", "1"])
    keep = np.flatnonzero(np.isin(labels, [1, 3]))
    assert source.classes == ("3", "1")
    np.testing.assert_array_equal(source.labels, np.where(labels[keep] == 3, 0, 1))
    np.testing.assert_array_equal(source.image(4)[..., 0], images[keep[4]])
    assert source.files[4] == f"train/{keep[4]:05d}"
    np.testing.assert_array_equal(keep[source.split.test], keep[keep >= 30])
    assert open_data(tmp_path / "d", ["3"], least_classes=1).classes == ("3",)
    with pytest.raises(DataError, match="no class 7.*0, 1, 2, 3"):
        open_data(tmp_path / "d", classes=["3", "7"])


def test_class_names_from_the_labels_alone(tmp_path, arrays):
    images, labels = arrays
    assert class_names("digits") == open_data("digits").classes == tuple("0123456789")
    write(tmp_path / "d", "train", images[:30], labels[:30] % 3 + 9, pack=True)
    write(tmp_path / "d", "t10k", images[30:], labels[30:])
    assert class_names(tmp_path / "d") == open_data(tmp_path / "d").classes
    for path in (tmp_path / "d").glob("*images*"):
        path.write_bytes(b"damaged")
    assert class_names(tmp_path / "d") == ("0", "1", "2", "3", "9", "10", "11")
    next((tmp_path / "d").glob("t10k-labels*")).unlink()
    with pytest.raises(DataError, match="no t10k-labels"):
        class_names(tmp_path / "d")


def test_labels_need_not_start_at_zero(tmp_path, arrays):
    images, labels = arrays
    write(tmp_path / "d", "train", images, labels * 2 + 1)
    source = open_data(tmp_path / "d")
    assert source.classes == ("1", "3", "5", "7")
    np.testing.assert_array_equal(source.labels, labels)
    assert source.split is None


def test_damaged_idx_files_are_refused(tmp_path, arrays):
    images, labels = arrays
    root = tmp_path / "d"

    def refused(words):
        with pytest.raises(DataError, match=words):
            open_data(root)

    write(root, "train", images, labels[:-1])
    refused("40 images.*39 labels")
    write(root, "train", images, labels)
    write(root, "t10k", images[:, :4], labels)
    refused(r"\(5, 6\).*\(4, 6\)")
    write(root, "t10k", images[:0], labels[:0])
    refused("holds no images")
    label_file = root / "train-labels-idx1-ubyte"
    label_file.write_bytes(idx(labels)[:-3])
    refused("announces .*40 bytes, but 37 follow")
    label_file.write_bytes(b"hello")
    refused("starts with 68 65 6c 6c.*1 axis starts with 00 00 08 01")
    label_file.unlink()
    refused("no train-labels-idx1-ubyte")
    (root / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(labels))[:-12])
    refused("damaged")


def test_the_bundled_digits(tmp_path, monkeypatch):
    source = open_data("digits")
    assert (source.name, source.kind, source.root) == ("digits", "digits", None)
    assert (len(source), source.channels, source.size) == (1797, 1, (8, 8))
    assert source.classes == tuple("0123456789")
    counts = [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]  # of the data's description
    assert np.bincount(source.labels).tolist() == counts
    # The first digit's second row is 0 0 13 15 10 15 5 0 of 16.
    assert source.image(0)[1, :, 0].tolist() == [0, 0, 207, 239, 159, 239, 80, 0]
    assert {int(v) for i in range(1797) for v in np.unique(source.image(i))} == {
        int(v * 255 / 16 + 0.5) for v in range(17)
    }
    assert (source.files[7], source.split) == ("digits/0007", None)
    assert list(source.sha256()) == ["digits.npz"]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "digits").mkdir()
    assert len(open_data("digits")) == 1797
    with pytest.raises(DataError, match="holds nothing"):
        open_data("./digits")


@pytest.mark.data
def test_mnist(shared):
    source = open_data(shared / "mnist")
    assert source.labels[source.split.train].size == 60000
    counts = np.bincount(source.labels[source.split.test]).tolist()
    assert counts == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    pixels = source.pixels[source.split.train] / np.float32(255)
    assert abs(pixels.mean(dtype=np.float64) - 0.130660) < 1e-6
