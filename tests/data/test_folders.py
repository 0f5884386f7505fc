"""Image folders: layouts, what is left out, what is refused."""

import hashlib
import os
import threading
import tracemalloc

import numpy as np
import pytest

from clearconv.cli.flags.values import read_classes, write_classes
from clearconv.data import Batches, Preprocessing, class_names, open_data
from clearconv.errors import DataError


def test_a_folder_of_class_folders(folder, picture):
    root = folder(count=4)
    source = open_data(root)
    assert (source.name, source.kind, source.root) == ("pets", "photos", root)
    assert source.classes == ("blue", "green", "red")
    assert source.channels == 3
    assert source.size == (24, 32)
    assert source.split is None
    assert (source.problems, source.skipped, len(source)) == ((), 0, 12)
    assert source.files[:5] == tuple(f"blue/{i:02d}.png" for i in range(4)) + ("green/00.png",)
    assert source.labels.dtype == np.int64
    np.testing.assert_array_equal(source.labels, np.repeat([0, 1, 2], 4))
    np.testing.assert_array_equal(source.image(5), picture(101, colour=(30, 200, 60)))
    assert not source.image(0).flags.writeable
    hashes = source.sha256()
    assert tuple(hashes) == source.files
    expected = hashlib.sha256((root / "red/03.png").read_bytes()).hexdigest()
    assert hashes["red/03.png"] == expected


def test_progress_counts_every_file(folder):
    calls = []
    open_data(folder(count=3), progress=lambda *call: calls.append(call))
    assert calls == [(done, 9) for done in range(1, 10)]


def test_classes_are_selected_and_ordered(folder):
    root = folder(count=2)
    source = open_data(root, classes=["red", "blue"])
    assert source.classes == ("red", "blue")
    assert source.files == ("red/00.png", "red/01.png", "blue/00.png", "blue/01.png")
    assert source.labels.tolist() == [0, 0, 1, 1]
    for wanted, words in {
        ("red", "pink"): "no class pink. Its classes are blue, green, red",
        ("red",): "at least two",
        ("red", "blue", "red"): "twice",
        (): "at least two",
        "red": "list of class names",
    }.items():
        with pytest.raises(DataError, match=words):
            open_data(root, classes=wanted)


def test_odd_class_names_are_listed_as_they_are_given(folder, picture):
    names = (" dog ", '"q"', "big, cat", "plain")
    root = folder({f"{name}/0.png": picture(i) for i, name in enumerate(names)})
    listed = '" dog ", """q""", "big, cat", plain'
    with pytest.raises(DataError) as caught:
        open_data(root, classes=["plain", "pink", "a,b"])
    assert str(caught.value).endswith(f'no class pink, "a,b". Its classes are {listed}.')
    with pytest.raises(DataError) as caught:
        open_data(root, classes=["big, cat", " dog ", "big, cat"])
    assert 'twice ("big, cat", " dog ", "big, cat")' in str(caught.value)
    assert read_classes(listed) == names
    assert read_classes(write_classes(names)) == names


def test_of_many_classes_a_message_names_the_first_few(folder, picture):
    root = folder({f"{number:02}/0.png": picture(number) for number in range(40)})
    with pytest.raises(
        DataError, match=r"no class pink\. Its classes are 00, .*, 09 and 30 more\.$"
    ):
        open_data(root, classes=["00", "pink"])


def test_pixels_are_the_same_with_and_without_the_cache(folder, picture):
    root = folder({f"{c}/{i}.jpg": picture(i, (300, 420)) for c in "ab" for i in range(3)})
    kept, fresh = open_data(root, cache_side=100), open_data(root, cache_side=100, cache_bytes=0)
    partly = open_data(root, cache_side=100, cache_bytes=100 * 140 * 3 * 2)
    assert sum(image is not None for image in partly.cache) == 2
    for i in range(6):
        assert kept.image(i).shape == (100, 140, 3)
        np.testing.assert_array_equal(kept.image(i), fresh.image(i))
        np.testing.assert_array_equal(kept.image(i), partly.image(i))
    assert not fresh.image(0).flags.writeable


def test_images_of_several_sizes_have_no_common_size(folder, picture):
    root = folder({"a/1.png": picture(1, (8, 9)), "b/1.png": picture(2, (9, 8))})
    assert open_data(root).size is None


def test_hidden_files_and_litter_are_not_seen(folder, picture):
    root = folder(count=1)
    extra = {
        ".hidden/1.png": picture(7),
        "__MACOSX/red/1.png": picture(7),
        "red/.DS_Store": b"x",
        "red/._00.png": b"x",
        "red/Thumbs.db": b"x",
        "red/__MACOSX/1.png": picture(7),
        ".DS_Store": b"x",
        "index.csv": b"a,b",
    }
    folder(extra)
    source = open_data(root)
    assert (len(source), source.problems, source.skipped) == (3, (), 0)


def test_subfolders_links_and_foreign_names(folder, picture):
    root = folder(
        {
            "café/深い/b.png": picture(1),
            "café/a.png": picture(2),
            "Zug/x y.png": picture(3),
            "away.png": picture(4),
        },
    )
    os.rename(root / "away.png", root.parent / "away.png")
    os.symlink(root.parent / "away.png", root / "Zug" / "link.png")
    os.symlink(root / "nowhere.png", root / "Zug" / "dead.png")
    os.symlink(root / "Zug", root / "Zug" / "loop")
    source = open_data(root)
    assert source.classes == ("Zug", "café")
    assert source.files == ("Zug/link.png", "Zug/x y.png", "café/a.png", "café/深い/b.png")
    np.testing.assert_array_equal(source.image(0), picture(4))
    assert source.problems == ("Zug/dead.png is left out: a link to nowhere",)
    assert source.skipped == 1


def test_the_order_does_not_hang_on_the_file_system(folder, picture, monkeypatch):
    root = folder(count=4)
    expected = open_data(root).files
    listing = os.scandir

    class Shuffled:
        def __init__(self, path):
            with listing(path) as entries:
                self.entries = sorted(entries, key=lambda e: hashlib.md5(e.name.encode()).digest())

        def __enter__(self):
            return iter(self.entries)

        def __exit__(self, *_):
            return None

    monkeypatch.setattr(os, "scandir", Shuffled)
    assert open_data(root).files == expected


def test_bad_files_are_named_counted_and_left_out(folder, picture):
    root = folder(count=2)
    whole = (root / "red/00.png").read_bytes()
    folder({"red/a.jpg": b"", "red/b.png": whole[:90], "blue/c.txt": b"notes"})
    folder({"loose.png": picture(9)})
    source = open_data(root)
    assert len(source) == 6
    assert source.skipped == 4
    loose, notes, empty, damaged = source.problems
    assert loose == "loose.png is outside every class folder and is left out"
    assert notes.startswith("blue/c.txt is left out: not a JPEG")
    assert empty == "red/a.jpg is left out: the file is empty"
    assert damaged.startswith("red/b.png is left out: the image is damaged")


def test_the_same_picture_under_two_classes(folder, picture):
    root = folder(count=2)
    (root / "red/twin.png").write_bytes((root / "blue/01.png").read_bytes())
    (root / "red/again.png").write_bytes((root / "red/00.png").read_bytes())
    source = open_data(root)
    assert source.problems == (
        "blue/01.png and red/twin.png are the same picture under two classes (blue and red)",
    )
    assert len(source) == 8


def test_the_same_picture_in_another_format(folder, picture):
    root = folder(count=2)
    folder({"red/twin.bmp": picture(1, colour=(20, 40, 220))})
    folder({"red/turned.png": picture(1, colour=(20, 40, 220)).reshape(32, 24, 3)})
    warning = "blue/01.png and red/twin.bmp are the same picture under two classes (blue and red)"
    assert open_data(root).problems == (warning,)
    assert open_data(root, cache_bytes=0).problems == (warning,)
    assert len(set(open_data(root).sha256().values())) == 8


def test_a_warning_of_many_twins_stays_a_line(folder, picture):
    root = folder(count=2)
    same = (root / "blue/01.png").read_bytes()
    folder({f"blue/again{i:02d}.png": same for i in range(39)} | {"red/twin.png": same})
    assert open_data(root).problems == (
        "blue/01.png, red/twin.png, blue/again00.png and 38 more are the same picture under two "
        "classes (blue and red)",
    )
    folder({f"{c}/1.png": same for c in ("white", "black")})
    assert open_data(root).problems == (
        "black/1.png, blue/01.png, red/twin.png and 40 more are the same picture under 4 classes "
        "(black, blue, red and 1 more)",
    )
    files = {f"{part}/{c}/{i}.png": same for part in ("train", "val") for c in "a" for i in "123"}
    ready = folder(files | {"train/b/1.png": picture(5)}, name="ready")
    assert open_data(ready).problems == (
        "train/a/1.png, val/a/1.png, train/a/2.png and 3 more are the same picture in two parts "
        "of the split",
    )


@pytest.mark.parametrize("validation", ["val", "valid", "validation", "Val"])
def test_a_ready_split(folder, picture, validation):
    files = {}
    for part, count in (("train", 3), (validation, 2), ("test", 1)):
        for label in ("a", "b"):
            for i in range(count):
                files[f"{part}/{label}/{i}.png"] = picture(len(files))
    source = open_data(folder(files))
    assert source.classes == ("a", "b")
    split = source.split
    names = [
        [source.files[i] for i in part] for part in (split.train, split.validation, split.test)
    ]
    assert names[0] == [f"train/{label}/{i}.png" for label in "ab" for i in range(3)]
    assert names[1] == [f"{validation}/{label}/{i}.png" for label in "ab" for i in range(2)]
    assert names[2] == ["test/a/0.png", "test/b/0.png"]


def test_odd_ready_splits(folder, picture):
    files = {
        f"{part}/{c}/1.png": picture(7 * len(part) + ord(c))
        for part in ("train", "test")
        for c in "ab"
    }
    root = folder(files)
    source = open_data(root)
    assert len(source.split.validation) == 0
    (root / "test/b/2.png").write_bytes((root / "train/b/1.png").read_bytes())
    folder({"extra/c/1.png": picture(3)})
    assert open_data(root).problems == (
        "extra/ is next to the folders of the split and is left out",
        "train/b/1.png and test/b/2.png are the same picture in two parts of the split",
    )
    folder({"test/zebra/1.png": picture(5)})
    with pytest.raises(DataError, match=r"test has classes that .*train lacks: zebra.*a, b"):
        open_data(root)
    assert open_data(root, classes=["b", "a"]).classes == ("b", "a")
    folder({"val/a/1.png": picture(6), "valid/a/1.png": picture(6)})
    with pytest.raises(DataError, match="val.*valid.*the same part"):
        open_data(root)


def test_classes_named_like_parts_are_classes(folder, picture):
    root = folder({"train/1.png": picture(1), "bus/1.png": picture(2), "test/1.png": picture(3)})
    assert open_data(root).classes == ("bus", "test", "train")


def test_parts_without_a_training_part_are_no_classes(folder, picture):
    parts = {f"{part}/{c}/1.png": picture(1) for part in ("val", "test") for c in "ab"}
    root = folder(parts)
    for reads in (open_data, class_names):
        with pytest.raises(DataError, match=r"test, val.*train/ is missing.*pets/train.*pets/test"):
            reads(root)
    assert open_data(root / "test").classes == ("a", "b")
    folder({"train/1.png": picture(1)})
    with pytest.raises(DataError, match="but train/ without sub-folders"):
        open_data(root)
    flat = folder({"train/a/1.png": picture(1), "test/1.png": picture(2)}, name="flat")
    with pytest.raises(DataError, match="but test/ without sub-folders.*elsewhere"):
        open_data(flat)
    plain = folder({f"{part}/1.png": picture(len(part)) for part in ("val", "test")}, name="plain")
    assert open_data(plain).classes == ("test", "val")


def test_one_class_is_enough_to_judge(folder, picture):
    root = folder({"cat/old/1.png": picture(1), "cat/new/1.png": picture(2)})
    assert open_data(root, least_classes=1).classes == ("cat",)
    assert open_data(folder(count=2), ["red"], least_classes=1).files == (
        "red/00.png",
        "red/01.png",
    )
    for classes, least in (((), 1), ((), 0), (("red",), 2), (("red", "blue"), 3)):
        with pytest.raises(DataError, match=f"selects {len(classes)} of .* at least"):
            open_data(root, classes, least_classes=least)
    with pytest.raises(DataError, match=r"only 4 classes \(blue.*at least 5 are needed"):
        open_data(root, least_classes=5)


def test_class_names_without_a_look_at_the_images(folder):
    root = folder({"b/1.png": b"no image", "a/1.png": b"", ".c/1.png": b"", "list.txt": b""})
    assert class_names(root) == ("a", "b")
    ready = folder(
        {f"{part}/{c}/1": b"" for part, c in (("train", 7), ("val", 7), ("train", 3))}, name="ready"
    )
    assert class_names(ready) == ("3", "7")
    assert class_names(folder({"cat/1.png": b""}, name="one")) == ("cat",)
    with pytest.raises(DataError, match="nowhere does not exist"):
        class_names(root / "nowhere")
    with pytest.raises(DataError, match="no sub-folders"):
        class_names(folder({"1.png": b""}, name="loose"))


def test_what_cannot_be_used_says_what_was_found(folder, picture, tmp_path):
    with pytest.raises(DataError, match=r"nothing-here does not exist.*one sub-folder.*digits"):
        open_data(tmp_path / "nothing-here")
    (tmp_path / "file").write_text("x")
    with pytest.raises(DataError, match="is a file"):
        open_data(tmp_path / "file")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="empty holds nothing.*empty/cat/"):
        open_data(tmp_path / "empty")
    with pytest.raises(DataError, match="loose holds 2 images but no sub-folders"):
        open_data(folder({"1.png": picture(1), "2.JPG": b"x", "3.txt": b"x"}, name="loose"))
    with pytest.raises(DataError, match=r"only one class \(cat\)"):
        open_data(folder({"cat/1.png": picture(1)}, name="one"))
    with pytest.raises(DataError, match=r"did you mean .*deep/photos\?"):
        open_data(folder({"photos/a/1.png": picture(1), "photos/b/1.png": picture(2)}, name="deep"))
    broken = folder({"a/1.png": picture(1), "b/1.png": b"", "b/2.png": b"x"}, name="broken")
    with pytest.raises(DataError, match="no usable image of class b .2 files.*b/1.png.*empty"):
        open_data(broken)
    (broken / "c").mkdir()
    with pytest.raises(DataError, match="class b, c"):
        open_data(broken)
    untrained = {"train/a/1.png": picture(1), "train/b/x.txt": b"x", "test/b/1.png": picture(2)}
    with pytest.raises(DataError, match=r"\(train\): no usable image of class b"):
        open_data(folder(untrained, name="untrained"))


def test_a_file_that_vanishes_is_named(folder):
    source = open_data(folder(count=1), cache_bytes=0)
    (source.root / source.files[1]).unlink()
    with pytest.raises(DataError, match="green/00.png.*no such file"):
        source.image(1)


def test_memory_is_bounded_by_the_budget_and_a_few_images_ahead(folder, monkeypatch):
    noise = np.random.default_rng(0)
    root = folder(
        {
            f"{c}/{i}.png": noise.integers(0, 256, (200, 200, 3), np.uint8)
            for i in range(30)
            for c in "ab"
        }
    )
    monkeypatch.setattr("clearconv.data.sources.folder.cores", lambda: 2)
    one = 200 * 200 * 3
    tracemalloc.start()
    try:
        source = open_data(root, cache_bytes=5 * one)
        _, peak = tracemalloc.get_traced_memory()
        assert sum(image is not None for image in source.cache) == 5
        # of each file in the queue: the pixels twice (Pillow's bytes, the array) and the file
        assert peak < (5 + 3 * 10) * one < 60 * one
        tracemalloc.reset_peak()
        for epoch in range(2):
            for _ in Batches(source, np.arange(60), Preprocessing((32, 32)), 4, epoch=epoch):
                pass
        kept, peak = tracemalloc.get_traced_memory()
        assert sum(image is not None for image in source.cache) == 5
        assert kept < 7 * one
        assert peak < (5 + 3 * 10) * one
    finally:
        tracemalloc.stop()


def test_a_slow_file_makes_the_others_wait(folder, monkeypatch):
    from clearconv.data.sources import folder as _folder

    release, lock, started = threading.Event(), threading.Lock(), []
    decode = _folder.decode_sized

    def slow(data, side, definition):
        with lock:
            started.append(len(started))
        if started[0] == 0 and threading.current_thread().name.endswith("_0"):
            release.wait(0.5)  # the first thread is stuck in the first file
        return decode(data, side, definition)

    monkeypatch.setattr(_folder, "decode_sized", slow)
    monkeypatch.setattr(_folder, "cores", lambda: 2)
    seen = []

    def progress(done, total):
        if not seen:
            seen.append(len(started))
        release.set()

    assert len(open_data(folder(count=20), progress=progress)) == 60
    assert seen[0] <= 10  # of 60: those in the queue when the first was done
