"""Files that may be replaced: those that clearconv itself wrote, recognised by their content."""

from pathlib import Path

from clearconv.errors import RunError

#: The mark in the head of every page, and in the text of every picture.
GENERATOR = "clearconv"

_LOOK = 2**16  # bytes at the start that contain a mark
_PNG = b"\x89PNG\r\n\x1a\n"
_OLDER = b'<body class="clearconv">'  # for pages written before there was a mark


def mark(kind: str) -> str:
    """Return the mark for a page's head, which says that clearconv wrote it and its kind."""
    return f'<meta name="generator" content="{GENERATOR} {kind}">'


def check_replaceable(path: Path, kind: str, *, movable: bool = True) -> None:
    """Raise if a page or a picture would replace a file of another kind.

    Parameters
    ----------
    path : Path
        File to write.
    kind : str
        Kind of the file: "picture" for a PNG, else the kind of an HTML page, such as "report".
    movable : bool
        Whether the caller can choose another place by a setting `out`.

    Raises
    ------
    RunError
        If the file exists and clearconv did not write it as this kind; the message names the file.
        Nothing is changed.
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
            f"{path} cannot be read ({error.strerror or error}), so it is not replaced. "
            f"{'Choose another place (`out`)' if movable else 'Move it away'}."
        ) from None
    if kind == "picture":
        ours = content.startswith(_PNG) and b"Software\0" + GENERATOR.encode() in content
    else:
        marked = b'name="generator"' in content
        known = mark(kind).encode() if marked else _OLDER
        ours = content.startswith(b"<!DOCTYPE html>") and known in content
    if not ours:
        raise RunError(
            f"{path} already exists and is not a {kind} that clearconv wrote, so it is kept as it "
            f"is. {'Choose another place (`out`), or move it away' if movable else 'Move it away'}."
        )
