"""What may lie in a folder beside plain images: large, endless, foreign and odd files."""

import os
import socket
import struct
import subprocess
import sys
import threading
import zlib

import numpy as np
import pytest
from PIL import Image, PngImagePlugin, features

from clearconv.data import load_image, open_data
from clearconv.data.images import decode as _decode
from clearconv.data.images.budget import Budget
from clearconv.errors import ClearconvError, DataError, ShortageError


def png(width, height, *chunks, kind=2, bits=8):
    """Make a PNG of the header and some chunks."""
    head = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0)
    parts = [b"\x89PNG\r\n\x1a\n"]
    for name, content in ((b"IHDR", head), *chunks, (b"IEND", b"")):
        check = zlib.crc32(name + content)
        parts.append(struct.pack(">I", len(content)) + name + content + struct.pack(">I", check))
    return b"".join(parts)


def solid(width, height, channels):
    """Return the pixels of a black picture as a PNG's chunk; few bytes, whatever the size."""
    packer = zlib.compressobj(9)
    row = bytes(1 + width * channels)
    return b"IDAT", b"".join([*(packer.compress(row) for _ in range(height)), packer.flush()])


@pytest.fixture
def write(tmp_path):
    """Write a file and return its path."""

    def write(content, name="a.png"):
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return write


LONG = b"x" * (3 << 20)


@pytest.mark.parametrize(
    "text",
    [
        (b"tEXt", b"Comment\0" + 24 * LONG),
        (b"zTXt", b"Comment\0\0" + zlib.compress(LONG)),
        (b"iTXt", b"Comment\0\0\0\0\0" + LONG),
        (b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(LONG)),
        (b"iCCP", b"profile\0\0" + zlib.compress(LONG)),
        (b"iCCP", b"profile\0\7nonsense"),
    ],
)
@pytest.mark.parametrize("after", [False, True])
def test_texts_and_profiles_of_a_png_do_not_matter(write, text, after):
    idat = (b"IDAT", zlib.compress(bytes([0, 1, 2, 3, 4, 5, 6])))
    path = write(png(2, 1, *((idat, text) if after else (text, idat))))
    np.testing.assert_array_equal(load_image(path), [[[1, 2, 3], [4, 5, 6]]])


def test_a_text_that_says_which_way_is_up_is_read(tmp_path, picture):
    xmp = b'<x:xmpmeta><rdf:Description tiff:Orientation="3"/></x:xmpmeta>'
    info = PngImagePlugin.PngInfo()
    info.add_text("Comment", "c" * (2 << 20), zip=True)
    info.add_itxt("XML:com.adobe.xmp", xmp.decode())
    Image.fromarray(picture()).save(tmp_path / "a.png", pnginfo=info)
    np.testing.assert_array_equal(load_image(tmp_path / "a.png"), picture()[::-1, ::-1])


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow reads no AVIF")
def test_avif(folder, picture):
    root = folder(count=2)
    pixels = picture(3, (40, 56))
    for name in ("blue/new.avif", "blue/none"):
        Image.fromarray(pixels).save(root / name, "AVIF", quality=90, subsampling="4:4:4")
    source = open_data(root)
    assert source.problems == () or "same picture" in source.problems[0]
    assert np.abs(source.image(source.files.index("blue/none")).astype(int) - pixels).max() < 30


def boxed(*brands):
    content = brands[0] + b"\0\0\0\0" + b"".join(brands[1:])
    return struct.pack(">I", 8 + len(content)) + b"ftyp" + content + bytes(40)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (boxed(b"heic", b"mif1", b"heic"), "HEIC .* export them as JPEG"),
        (boxed(b"mif1", b"mif1", b"heic"), "HEIC"),
        (boxed(b"crx ", b"isom"), "raw photographs are not supported; export"),
        (boxed(b"isom", b"mp42"), "a film or a sound, not an image"),
        (b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(40), "JPEG XL files are not supported; export"),
        (b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(40), "JPEG 2000"),
        (b"BMX bicycles are not bitmaps, whatever their name.", "not a JPEG, PNG, BMP, GIF, WebP"),
    ],
)
def test_other_formats_are_called_by_name(write, content, reason):
    with pytest.raises(DataError, match=reason):
        load_image(write(content, "a.jpg"))


def test_a_missing_decoder_for_avif_says_what_to_install(write, monkeypatch):
    monkeypatch.setitem(_decode._OPENERS, "AVIF", None)
    with pytest.raises(DataError, match=r"AVIF needs Pillow 11\.3 or newer: pip install"):
        load_image(write(boxed(b"avif", b"mif1")))


def test_what_is_no_regular_file_is_left_out_by_name(folder, tmp_path):
    root = folder(count=1)
    red = root / "red"
    os.mkfifo(tmp_path / "pipe")
    os.mkfifo(red / "a.png")
    (red / "b.png").symlink_to(tmp_path / "pipe")
    (red / "c.png").symlink_to("/dev/zero")
    (red / "d.png").symlink_to("d.png")
    (root / "loop").symlink_to("loop")
    (red / "e.png").symlink_to("nowhere")
    with socket.socket(socket.AF_UNIX) as listening:
        here = os.getcwd()
        os.chdir(red)  # a socket's path must be short
        try:
            listening.bind("f.png")
        finally:
            os.chdir(here)
        problems = open_data(root).problems
    assert problems == (
        "red/a.png is left out: a pipe, not a file",
        "red/b.png is left out: a pipe, not a file",
        "red/c.png is left out: a device, not a file",
        "red/d.png is left out: a link that leads back to itself",
        "red/e.png is left out: a link to nowhere",
        "red/f.png is left out: a socket, not a file",
    )
    for name in "abcdef":
        with pytest.raises(DataError, match=rf"{name}\.png cannot be read: a "):
            load_image(red / f"{name}.png")


def test_of_a_huge_file_only_the_first_bytes_are_read(folder):
    root = folder(count=1)
    for name, head in (
        ("film.mp4", boxed(b"isom")),
        ("notes.txt", b"notes"),
        ("zeros.jpg", b""),
        ("huge.jpg", b"\xff\xd8\xff\xe0"),
        ("huge.tif", b"II*\0\x08\0\0\0"),
    ):
        (root / "red" / name).write_bytes(head)
        os.truncate(root / "red" / name, 6 << 30)
    limited = """
import resource, sys
from clearconv.data import open_data
resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))
print(*open_data(sys.argv[1]).problems, sep="\\n")
"""
    done = subprocess.run(
        [sys.executable, "-c", limited, root], capture_output=True, text=True, check=True
    )
    film, huge, tiff, notes, zeros = done.stdout.splitlines()
    assert film == "red/film.mp4 is left out: a film or a sound, not an image"
    assert huge == "red/huge.jpg is left out: it has 6,442 MB; at most 537 are read"
    assert tiff == "red/huge.tif is left out: it has 6,442 MB; at most 537 are read"
    assert notes.startswith("red/notes.txt is left out: not a JPEG")
    assert zeros.startswith("red/zeros.jpg is left out: not a JPEG")


def _bmp(width, height):
    head = struct.pack("<2sIHHI", b"BM", 0, 0, 0, 54)
    return head + struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)


def _webp(width, height):
    size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return b"RIFF" + struct.pack("<I", 22) + b"WEBPVP8X" + struct.pack("<II", 10, 2) + size


@pytest.mark.parametrize(
    ("content", "most"),
    [
        (png(16_384, 8_193, (b"IDAT", b"")), 134),
        (_bmp(16_384, 8_193), 134),
        (b"GIF89a" + struct.pack("<HHBBB", 16_384, 8_193, 0, 0, 0)
         + b"," + struct.pack("<HHHHBB", 0, 0, 16_384, 8_193, 0, 8), 134),
        (_webp(16_384, 4_097), 67),
    ],
    ids=["PNG", "BMP", "GIF", "WebP"],
)  # fmt: skip
def test_too_many_pixels_are_refused_by_the_header(write, content, most):
    with pytest.raises(DataError, match=rf" million pixels, more than the {most} million"):
        load_image(write(content))


def test_sizes_that_a_webp_announces(tmp_path):
    from clearconv.data.images.formats import webp_size

    for options in ({"lossless": True}, {"quality": 50}, {"exif": b"Exif\0\0"}):
        Image.new("RGB", (301, 77), "red").save(tmp_path / "a.webp", **options)
        assert webp_size((tmp_path / "a.webp").read_bytes()) == (301, 77)
    assert webp_size(b"RIFF0000WEBPnone") == (0, 0)


def test_rows_at_a_time_make_the_same_pixels(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    colours = Image.fromarray(rng.integers(0, 256, (31, 17, 4), np.uint8))
    palette = colours.convert("RGB").quantize(16)
    grey = Image.fromarray(rng.integers(0, 2**16, (31, 17)).astype(np.uint16))
    images = {
        "rgba.png": colours,
        "la.png": colours.convert("LA"),
        "palette.png": palette,
        "palette.gif": palette,
        "grey.png": grey,
        "wide.tiff": grey.convert("I"),
        "cmyk.tiff": colours.convert("CMYK"),
        "bits.png": colours.convert("1"),
    }
    for name, image in images.items():
        image.save(tmp_path / name, **({"transparency": 3} if name == "palette.png" else {}))
        whole = load_image(tmp_path / name)
        with monkeypatch.context() as patch:
            patch.setattr(_decode, "_BAND", 40)
            np.testing.assert_array_equal(load_image(tmp_path / name), whole, err_msg=name)


def test_large_pictures_wait_for_each_other_and_small_ones_do_not():
    budget, inside, most = Budget(10), [], []
    lock = threading.Lock()

    def take(amount):
        with budget.taking(amount):
            with lock:
                inside.append(amount)
                most.append(list(inside))
            started.wait(0.05)
            with lock:
                inside.remove(amount)

    started = threading.Event()
    amounts = [99, 10, 6, 1, 1, 1, 1, 6, 99]
    threads = [threading.Thread(target=take, args=(amount,)) for amount in amounts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(most) == 9
    assert all(sum(min(amount, 10) for amount in moment) <= 10 for moment in most)
    assert any(len(moment) > 1 for moment in most)
    with pytest.raises(ZeroDivisionError), budget.taking(3):
        raise ZeroDivisionError
    with budget.taking(10):
        pass


SCARCE = """
import resource, sys
from pathlib import Path
from clearconv.data import load_image, open_data
from clearconv.errors import ClearconvError
load_image(sys.argv[2])  # whatever is loaded on demand is there now
used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
most = used + (int(sys.argv[1]) << 20)
resource.setrlimit(resource.RLIMIT_AS, (most, most))
for path in map(Path, sys.argv[2:]):
    try:
        read = open_data(path) if path.is_dir() else load_image(path)
        print("read")
    except ClearconvError as error:
        print(type(error).__name__, error)
"""


def scarce(mebibytes, *paths):
    """Read files and folders in a process with so much memory left; return a line for each."""
    done = subprocess.run(
        [sys.executable, "-c", SCARCE, str(mebibytes), *paths],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_shortage_is_no_damage(tmp_path):
    small = tmp_path / "small.png"
    Image.new("RGB", (9, 9)).save(small)
    kinds = {
        "a.png": {},
        "a.bmp": {},
        "a.gif": {},
        "a.webp": {"quality": 1, "method": 0},
        "a.tiff": {"compression": "tiff_lzw"},
        "a.jpg": {"progressive": True},
    }
    for name, options in kinds.items():
        Image.new("RGB", (3_000, 3_000)).save(tmp_path / name, **options)
    (tmp_path / "cut.jpg").write_bytes((tmp_path / "a.jpg").read_bytes()[:2_000])
    paths = [tmp_path / name for name in kinds]
    first, *lines, last = scarce(16, small, *paths, small)
    assert (first, last) == ("read", "read")
    for path, line in zip(paths, lines, strict=True):
        assert line.startswith(f"ShortageError {path}: there is not enough memory to decode this")
    first, *lines, last = scarce(400, small, *paths, tmp_path / "cut.jpg")
    assert lines == ["read"] * len(paths)
    assert last.startswith("DataError") and "the image is damaged" in last


def test_shortage_stops_the_reading_of_a_folder(folder):
    root = folder(count=1)
    large = root / "red" / "large.png"
    large.write_bytes(png(9_000, 9_000, solid(9_000, 9_000, 1), kind=0))
    _, line = scarce(70, root / "red" / "00.png", root)
    assert line.startswith(f"ShortageError {large}: there is not enough memory"), line


def test_what_fails_for_want_of_memory_is_tried_again_alone(write, monkeypatch):
    path = write(png(2, 1, (b"IDAT", zlib.compress(bytes(7)))))
    calls = []
    opened = _decode._opened

    def short(data, kind, telling):
        calls.append(_decode._memory._left)
        if len(calls) == 1:
            raise OSError("broken data stream when reading image file")
        return opened(data, kind, telling)

    monkeypatch.setattr(_decode, "_opened", short)
    assert load_image(path).shape == (1, 2, 3)
    assert len(calls) == 2


def test_a_shortage_is_an_error_of_its_own():
    assert issubclass(ShortageError, MemoryError)
    assert issubclass(ShortageError, ClearconvError)
    assert not issubclass(ShortageError, DataError)


def test_what_is_very_long_is_not_kept(folder, picture, monkeypatch):
    from clearconv.data.sources import folder as _folder

    root = folder({f"{c}/{i}.png": picture(i, (20, 90)) for c in "ab" for i in range(2)})
    monkeypatch.setattr(_folder, "_MOST_KEPT", 20 * 90 * 3 - 1)
    source = open_data(root)
    assert source.cache == [None] * 4
    assert source.size == (20, 90)
    np.testing.assert_array_equal(source.image(1), picture(1, (20, 90)))
