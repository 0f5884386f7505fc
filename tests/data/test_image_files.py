"""Every kind of image file comes out as upright 8-bit RGB, or as a reason why not."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from clearconv.data import load_image, side_for
from clearconv.errors import DataError


@pytest.mark.parametrize("ending", ["png", "bmp", "tiff", "webp", "PNG", "Bmp"])
def test_lossless_formats(tmp_path, picture, ending):
    pixels = picture()
    path = tmp_path / f"a.{ending}"
    Image.fromarray(pixels).save(path, **({"lossless": True} if ending == "webp" else {}))
    loaded = load_image(path)
    assert loaded.dtype == np.uint8
    np.testing.assert_array_equal(loaded, pixels)


@pytest.mark.parametrize("ending", ["jpg", "jpeg", "JPG", "JPEG"])
def test_jpeg(tmp_path, picture, ending):
    pixels = picture(size=(64, 48))
    Image.fromarray(pixels).save(tmp_path / f"a.{ending}", quality=95, subsampling=0)
    difference = load_image(tmp_path / f"a.{ending}").astype(int) - pixels
    assert np.abs(difference).max() <= 12


def test_a_telephones_multi_picture_jpeg(tmp_path, picture):
    first, second = (Image.fromarray(picture(seed, size=(64, 48))) for seed in (0, 1))
    path = tmp_path / "a.jpg"
    first.save(path, format="MPO", save_all=True, append_images=[second], quality=95)
    assert np.abs(load_image(path).astype(int) - picture(0, size=(64, 48))).max() <= 20


def test_the_content_counts_not_the_ending(tmp_path, picture):
    Image.fromarray(picture()).save(tmp_path / "a.jpg", format="PNG")
    np.testing.assert_array_equal(load_image(tmp_path / "a.jpg"), picture())


def test_grey_and_black_and_white(tmp_path):
    grey = np.arange(48, dtype=np.uint8).reshape(6, 8) * 5
    Image.fromarray(grey).save(tmp_path / "grey.png")
    np.testing.assert_array_equal(load_image(tmp_path / "grey.png"), np.dstack([grey] * 3))
    Image.fromarray(grey > 100).save(tmp_path / "bits.png")
    bits = np.where(grey > 100, 255, 0)
    np.testing.assert_array_equal(load_image(tmp_path / "bits.png"), np.dstack([bits] * 3))


def test_16_bit_grey_is_scaled_not_clipped(tmp_path):
    values = np.array([[0, 128, 129, 257], [32896, 40000, 65278, 65535]], dtype=np.uint16)
    expected = np.array([[0, 0, 1, 1], [128, 156, 254, 255]])  # round(v / 257)
    for ending in ("png", "tiff"):
        Image.fromarray(values).save(tmp_path / f"a.{ending}")
        loaded = load_image(tmp_path / f"a.{ending}")
        np.testing.assert_array_equal(loaded, np.dstack([expected] * 3), err_msg=ending)


def test_16_bit_colour(tmp_path):
    """Pillow cannot write it, so by hand: header, one row of two pixels, end."""

    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    row = b"\0" + struct.pack(">6H", 0, 32896, 65535, 65535, 257, 0)
    content = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 1, 16, 2, 0, 0, 0))
    content += chunk(b"IDAT", zlib.compress(row)) + chunk(b"IEND", b"")
    (tmp_path / "a.png").write_bytes(content)
    np.testing.assert_array_equal(load_image(tmp_path / "a.png"), [[[0, 128, 255], [255, 1, 0]]])


def test_transparency_lies_on_white(tmp_path):
    pixels = np.zeros((1, 3, 4), dtype=np.uint8)
    pixels[0, :, 0] = 200
    pixels[0, :, 3] = (255, 0, 51)  # opaque, clear, one fifth
    expected = [[[200, 0, 0], [255, 255, 255], [244, 204, 204]]]
    for ending in ("png", "webp"):
        path = tmp_path / f"a.{ending}"
        Image.fromarray(pixels).save(path, **({"lossless": True} if ending == "webp" else {}))
        assert np.abs(load_image(path).astype(int) - expected).max() <= 1, ending
    grey_alpha = Image.merge("LA", [Image.new("L", (2, 1), 100), Image.new("L", (2, 1), 0)])
    grey_alpha.save(tmp_path / "la.png")
    np.testing.assert_array_equal(load_image(tmp_path / "la.png"), np.full((1, 2, 3), 255))


@pytest.mark.parametrize("ending", ["png", "gif"])
def test_palette_with_a_transparent_entry(tmp_path, ending):
    picture = Image.new("P", (3, 1))
    picture.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90])
    picture.putdata([0, 1, 2])
    picture.save(tmp_path / f"plain.{ending}")
    colours = [[[10, 20, 30], [40, 50, 60], [70, 80, 90]]]
    np.testing.assert_array_equal(load_image(tmp_path / f"plain.{ending}"), colours)
    picture.save(tmp_path / f"clear.{ending}", transparency=1)
    colours[0][1] = [255, 255, 255]
    np.testing.assert_array_equal(load_image(tmp_path / f"clear.{ending}"), colours)


def test_one_transparent_colour_of_an_rgb_png(tmp_path):
    pixels = np.array([[[1, 2, 3], [9, 8, 7]]], dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png", transparency=(9, 8, 7))
    np.testing.assert_array_equal(load_image(tmp_path / "a.png"), [[[1, 2, 3], [255, 255, 255]]])


def test_an_animation_gives_its_first_frame(tmp_path):
    frames = [Image.new("RGB", (5, 4), colour) for colour in ("red", "blue")]
    for ending in ("gif", "webp"):
        path = tmp_path / f"a.{ending}"
        frames[0].save(path, save_all=True, append_images=frames[1:], quality=100)
        loaded = load_image(path)
        assert loaded.shape == (4, 5, 3)
        assert np.abs(loaded.astype(int) - (255, 0, 0)).max() <= 5


def test_cmyk_jpeg(tmp_path):
    Image.new("CMYK", (16, 16), (0, 255, 255, 0)).save(tmp_path / "a.jpg", quality=95)
    assert np.abs(load_image(tmp_path / "a.jpg").astype(int) - (255, 0, 0)).max() <= 4


#: EXIF orientation -> the stored pixels of an upright picture, by the standard's words on where
#: row 0 and column 0 lie.
STORED = {
    1: lambda u: u,  # top, left
    2: lambda u: u[:, ::-1],  # top, right
    3: lambda u: u[::-1, ::-1],  # bottom, right
    4: lambda u: u[::-1],  # bottom, left
    5: lambda u: u.transpose(1, 0, 2),  # left, top
    6: lambda u: u.transpose(1, 0, 2)[::-1],  # right, top
    7: lambda u: u.transpose(1, 0, 2)[::-1, ::-1],  # right, bottom
    8: lambda u: u.transpose(1, 0, 2)[:, ::-1],  # left, bottom
}


@pytest.mark.parametrize("orientation", STORED)
def test_exif_orientation(tmp_path, picture, orientation):
    upright = picture(size=(16, 24))
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = Image.fromarray(np.ascontiguousarray(STORED[orientation](upright)))
    stored.save(tmp_path / "a.png", exif=exif)
    np.testing.assert_array_equal(load_image(tmp_path / "a.png"), upright)
    stored.save(tmp_path / "a.jpg", exif=exif, quality=95, subsampling=0)
    assert np.abs(load_image(tmp_path / "a.jpg").astype(int) - upright).max() <= 20


def test_damaged_exif_says_nothing(tmp_path, picture):
    Image.fromarray(picture()).save(tmp_path / "a.png", exif=b"Exif\0\0garbage!")
    np.testing.assert_array_equal(load_image(tmp_path / "a.png"), picture())


def test_large_pictures_are_reduced_to_the_shorter_side(tmp_path, picture):
    large = picture(size=(90, 60))
    Image.fromarray(large).save(tmp_path / "a.png")
    assert load_image(tmp_path / "a.png", side=40).shape == (60, 40, 3)
    assert load_image(tmp_path / "a.png", side=None).shape == (90, 60, 3)
    assert load_image(tmp_path / "a.png", side=60).shape == (90, 60, 3)
    Image.fromarray(picture(size=(600, 900))).save(tmp_path / "b.jpg")
    small = load_image(tmp_path / "b.jpg", side=50)  # decoded at a reduced size
    assert small.shape == (50, 75, 3)
    full = Image.fromarray(load_image(tmp_path / "b.jpg", side=None))
    expected = np.asarray(full.resize((75, 50), Image.Resampling.BOX)).astype(int)
    assert np.abs(small - expected).max() <= 8


def test_a_fine_pattern_is_averaged_not_sampled(tmp_path):
    pixels = np.zeros((512, 512, 3), dtype=np.uint8)
    pixels[:, ::2] = 255
    Image.fromarray(pixels).save(tmp_path / "a.png")
    assert np.abs(load_image(tmp_path / "a.png", side=128)[:, 4:-4].astype(int) - 128).max() <= 3


def _jpeg(tmp_path, picture):
    Image.fromarray(picture(size=(80, 80))).save(tmp_path / "whole.jpg")
    return (tmp_path / "whole.jpg").read_bytes()


def test_what_is_no_image_says_why(tmp_path, picture):
    whole = _jpeg(tmp_path, picture)
    for content, reason in {
        b"": "empty",
        b"hello": "not a JPEG, PNG",
        whole[: len(whole) // 2]: "damaged",
        b"\x89PNG\r\n\x1a\n" + b"\0" * 40: "(not a|damaged)",
        b"\0\0\0\x18ftypheic" + b"\0" * 40: "HEIC",
    }.items():
        (tmp_path / "bad.jpg").write_bytes(content)
        with pytest.raises(DataError, match=rf"bad\.jpg cannot be read: .*{reason}"):
            load_image(tmp_path / "bad.jpg")
    with pytest.raises(DataError, match="no such file"):
        load_image(tmp_path / "missing.jpg")
    with pytest.raises(DataError, match="directory"):
        load_image(tmp_path)
    Image.fromarray(np.ones((2, 2), dtype=np.float32)).save(tmp_path / "a.tiff")
    with pytest.raises(DataError, match="floating-point"):
        load_image(tmp_path / "a.tiff")


def test_the_side_that_is_kept_grows_with_the_input():
    assert [side_for(size) for size in ((28, 28), (224, 224), (225, 10), (10, 448))] == [
        256, 256, 258, 512,
    ]  # fmt: skip
