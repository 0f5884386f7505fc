"""The format of a file by its first bytes, or the reason why it cannot be read."""

#: Number of bytes read from the beginning of a file to recognise it.
LOOK = 256

FORMATS_IN_WORDS = "JPEG, PNG, BMP, GIF, WebP, AVIF or TIFF"

_MAGIC = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),  # BigTIFF
    (b"MM\0+", "TIFF"),
)
#: Lengths of a bitmap's second header; many texts start with the two letters of the first.
_BMP_HEADERS = (12, 16, 40, 52, 56, 64, 108, 124)
_OTHERS = (
    (b"\xff\x0a", "JPEG XL"),
    (b"\0\0\0\x0cJXL ", "JPEG XL"),
    (b"\0\0\0\x0cjP  ", "JPEG 2000"),
    (b"8BPS", "Photoshop"),
    (b"%PDF", "PDF"),
)
_AVIF = frozenset((b"avif", b"avis"))
_HEIC = frozenset(
    (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1")
)
#: Texts of a PNG that may contain the orientation.
_TELLING = (b"Raw profile type exif\0", b"XML:com.adobe.xmp\0")


class BrokenImage(Exception):
    """The reason why a file is not a usable picture, in a few words."""


class ForeignImage(BrokenImage):
    """The file is a picture, but in an unsupported format."""


class NoImage(BrokenImage):
    """The file does not begin as a picture does."""


class SpecialFile(BrokenImage):
    """It is a pipe, a socket, a device, or a link that leads to no file."""


def format_of(head: bytes) -> str:
    """Return the format according to a file's first bytes, or raise `BrokenImage`."""
    for mark, name in _MAGIC:
        if head.startswith(mark):
            return name
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in _BMP_HEADERS:
        return "BMP"
    if head[4:8] == b"ftyp":
        return _boxed(head)
    for mark, name in _OTHERS:
        if head.startswith(mark):
            raise ForeignImage(f"{name} files are not supported; export it as JPEG or PNG")
    raise NoImage(f"not a {FORMATS_IN_WORDS} image")


def _boxed(head: bytes) -> str:
    """Distinguish formats made of boxes, as films are, by the brands in the first one."""
    size = min(int.from_bytes(head[:4], "big"), len(head))
    brands = {head[8:12], *(head[place : place + 4] for place in range(16, size, 4))}
    if brands & _AVIF:
        return "AVIF"
    if brands & _HEIC:
        raise ForeignImage("HEIC photographs are not supported; export them as JPEG")
    if b"crx " in brands:
        raise ForeignImage("raw photographs are not supported; export them as JPEG")
    raise NoImage("a film or a sound, not an image")


def webp_size(head: bytes) -> tuple[int, int]:
    """Return width and height of a WebP image; (0, 0) if the header is not valid."""
    kind = head[12:16]
    if kind == b"VP8X":
        return _number(head[24:27]) + 1, _number(head[27:30]) + 1
    if kind == b"VP8L":
        bits = _number(head[21:25])
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 ":
        return _number(head[26:28]) & 0x3FFF, _number(head[28:30]) & 0x3FFF
    return 0, 0


def without_text(data: bytes, telling: bool) -> bytes:
    """Return a PNG without its texts and colour profile, whose size Pillow limits.

    Texts that may contain the orientation are kept if `telling`.
    """
    view, kept, start, place = memoryview(data), [], 0, 8
    while place + 8 <= len(data):
        end = place + 12 + int.from_bytes(data[place : place + 4], "big")
        kind, content = data[place + 4 : place + 8], data[place + 8 : place + 32]
        if kind in (b"tEXt", b"zTXt", b"iTXt", b"iCCP"):
            if not (telling and content.startswith(_TELLING)):
                kept.append(view[start:place])
                start = end
        place = end
    return b"".join([*kept, view[start:]]) if kept else data


def _number(content: bytes) -> int:
    return int.from_bytes(content, "little")
