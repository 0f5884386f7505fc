"""Image files as they are given on a command line: by name, or by the folder they are in."""

from pathlib import Path

from clearconv.cli._frame import Misused


def expanded(images: tuple[str, ...]) -> list[Path]:
    """Put a folder's images, at any depth, in its place; training leaves out the same litter."""
    found: list[Path] = []
    for image in map(Path, images):
        if not image.is_dir():
            found.append(image)
            continue
        from clearconv.data._layout import files_below

        endings = _endings()
        inside = sorted(path for path in files_below(image) if path.suffix.lower() in endings)
        if not inside:
            raise Misused(f"{image} holds no image: none of {', '.join(sorted(endings))}.")
        found += inside
    return found


def _endings() -> set[str]:
    from PIL import Image

    from clearconv.data._decode import FORMATS

    return {end for end, kind in Image.registered_extensions().items() if kind in FORMATS}
