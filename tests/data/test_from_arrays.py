"""Arrays in memory as data: what may stand for a class."""

import numpy as np
import pytest
from PIL import Image

from clearconv.data import from_arrays
from clearconv.errors import DataError

IMAGES = np.random.default_rng(0).integers(0, 256, (6, 5, 5), dtype=np.uint8)
WORDS = ["dark", "light", "dark", "light", "light", "dark"]
NEW = hasattr(np.dtypes, "StringDType")  # NumPy 2


class Column:
    """A column of a table, as far as NumPy asks: pandas' Series and Categorical are such."""

    dtype = "category"

    def __init__(self, values):
        self.values = values

    def __array__(self, dtype=None, copy=None):
        return np.array(self.values, dtype=object)


@pytest.mark.parametrize(
    "make",
    [
        list,
        tuple,
        np.array,
        Column,
        lambda words: np.array(words, dtype=object),
        lambda words: np.array(words, dtype="S"),
        lambda words: [word.encode() for word in words],
        lambda words: [np.str_(word) for word in words],
        lambda words: np.array([words[0].encode(), *words[1:]], dtype=object),
        lambda words: np.ma.masked_array(words, mask=False),
        *([lambda w: np.array(w, np.dtypes.StringDType())] if NEW else []),
    ],
)
def test_texts(make):
    source, plain = from_arrays(IMAGES, make(WORDS)), from_arrays(IMAGES, np.array(WORDS))
    assert source.classes == ("dark", "light")
    assert source.labels.tolist() == [0, 1, 0, 1, 1, 0]
    assert source.sha256() == plain.sha256()  # a run goes on with either


def test_letters_beyond_ascii_in_bytes():
    labels = [word.encode() for word in ("grün", "rot", "grün", "rot", "rot", "rot")]
    assert from_arrays(IMAGES, labels).classes == ("grün", "rot")


@pytest.mark.parametrize(
    "make", [list, Column, np.uint8, lambda y: np.array(y, dtype=object), np.int64]
)
def test_whole_numbers(make):
    source = from_arrays(IMAGES, make([10, 9, 9, 10, 9, 9]))
    assert source.classes == ("9", "10")
    assert source.labels.tolist() == [1, 0, 0, 1, 0, 0]


NAType = type("NAType", (), {"__repr__": lambda self: "<NA>"})


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (["a", None, "b", None, "a", "b"], r"2 of the 6 train labels are missing \(None, first"),
        (["a", "b", float("nan"), "a", "b", "a"], r"1 of the 6 train labels is missing \(nan, fi"),
        (Column(["a", "b", NAType(), "a", "b", "a"]), r"missing \(<NA>, first at index 2\)"),
        ([0, 1, None, 0, 1, 0], r"1 of the 6 train labels is missing.*first at index 2"),
        (np.array([0, 1, np.nan, np.nan, 1, 0]), "2 of the 6 train labels are missing"),
        (np.ma.masked_array([0, 1, 0, 1, 0, 1], mask=[0, 0, 0, 0, 0, 1]), "1 of the 6 train"),
        (["a", 1, "b", 2, "a", "b"], r"are text \('b'\) and whole number \(2\), but.*one kind"),
        ([True, 1, 2, 1, 2, 1], r"are bool \(True\) and whole number"),
        ([0.0, 1.0, 0.0, 1.0, 0.0, 1.0], r"are float \(1.0\), but .*labels.astype\(int\)"),
        ([0.5, 1.0, 0.0, 1.0, 0.0, 1.0], r"are float .*\[str\(label\) for label in labels\]"),
        ([b"\xff", b"a", b"a", b"a", b"a", b"a"], r"label b'\\xff' is not UTF-8"),
        (np.eye(6, 2, dtype=int), r"have shape \(6, 2\).*np.argmax\(labels, axis=1\)"),
        (np.array(WORDS)[:, None], r"have shape \(6, 1\).*np.ravel\(labels\)"),
        (WORDS[:4], r"have shape \(4,\)"),
    ],
)
def test_labels_that_cannot_be_used(labels, words):
    with pytest.raises(DataError, match=words):
        from_arrays(IMAGES, labels)


@pytest.mark.parametrize(
    ("images", "found", "remedy"),
    [
        (list(IMAGES), "list", "np.stack(x)"),
        (tuple(IMAGES), "tuple", "np.stack(x)"),
        ([*IMAGES[:5], IMAGES[0][:3]], "list", None),
        (
            [Image.fromarray(x) for x in np.zeros((6, 4, 4, 3), np.uint8)],
            "list",
            "np.stack([np.asarray(i) for i in x])",
        ),
        (
            [Image.new(mode, (4, 4)) for mode in ("L", "P", "RGB", "LA", "1", "CMYK")],
            "list",
            "np.stack([np.asarray(i.convert('RGB')) for i in x])",
        ),
        ([Image.new("L", (4, 4 + k)) for k in range(6)], "list", None),
        ((IMAGES.astype(np.uint16) * 257), "uint16", "(x // 257).astype('uint8')"),
        (IMAGES.astype(np.uint16), "uint16", "x.astype('uint8')"),
        (IMAGES.astype(np.int64), "int64", "x.astype('uint8')"),
        (IMAGES.astype(np.int64) - 300, "int64", None),
        (IMAGES > 100, "bool", "x.astype('uint8') * 255"),
        (IMAGES / 255, "float64", "(255 * x).round().astype('uint8')"),
        (IMAGES.astype(np.float32), "float32", "x.round().astype('uint8')"),
        (IMAGES / 100 - 1, "float64", None),
        (np.full((6, 4, 4), np.nan), "float64", None),
        (None, "NoneType", None),
    ],
)
def test_images_of_another_kind_get_the_remedy_that_keeps_them(images, found, remedy):
    with pytest.raises(DataError) as caught:
        from_arrays(images, WORDS)
    message = str(caught.value)
    assert f"images are {found}" in message
    assert (f"{remedy}." in message) if remedy else (" with " not in message)
    if remedy:
        made = eval(remedy, {"np": np, "x": images})
        assert from_arrays(made, WORDS).pixels.dtype == np.uint8
        if found in ("uint16", "int64", "float64", "float32"):
            assert np.array_equal(made, IMAGES)
