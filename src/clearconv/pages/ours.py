"""What may be replaced: files that clearconv itself wrote, known by what is in them."""

from pathlib import Path

from clearconv.errors import RunError

#: Stands in the head of every page, and in the text of every picture.
GENERATOR = "clearconv"
META = f'<meta name="generator" content="{GENERATOR}">'

_LOOK = 2**16  # bytes in which a mark stands
_PNG = b"\x89PNG\r\n\x1a\n"
_MARKS = {
    # the second is in pages that were written before there was the first
    "page": (META.encode(), b'<body class="clearconv">'),
    "picture": (b"Software\0" + GENERATOR.encode(),),
}


def check_replaceable(path: Path, kind: str) -> None:
    """Raise where a page or a picture would replace a file of another kind.

    Parameters
    ----------
    path : Path
        Where it is to be written.
    kind : {"page", "picture"}
        What is to be written: an HTML page, or a PNG.

    Raises
    ------
    RunError
        If the file is there and clearconv did not write it as such; names the file. Nothing is
        changed.
    """
    try:
        if not path.exists():
            return
        content = b""
        if path.is_file():
            with path.open("rb") as file:
                content = file.read(_LOOK)
            if not content:
                return  # nothing to lose
    except OSError as error:
        raise RunError(
            f"{path} cannot be read ({error.strerror or error}), so it is not replaced. Choose "
            "another place (--out)."
        ) from None
    begins = content.startswith(_PNG if kind == "picture" else b"<!DOCTYPE html>")
    if not (begins and any(mark in content for mark in _MARKS[kind])):
        raise RunError(
            f"{path} is there already, and is not a {kind} that clearconv wrote, so it is kept as "
            "it is. Choose another place (--out), or move it away."
        )
