"""Image files as given on a command line: by name, or by the folder they are in."""

from pathlib import Path

from clearconv.cli.frame import Misused


def expanded(images: tuple[str, ...]) -> list[Path]:
    """Replace a folder by its images, at any depth; training leaves out the same other files.

    As in training, a file's content decides, and a file that is left out is named. One that is
    named like an image, or is an image of an unsupported format, is kept: it is an error.
    """
    from clearconv.cli.screen.messages import warn
    from clearconv.data import Problem
    from clearconv.data.images.decode import is_meant, kind_of, why_not
    from clearconv.data.images.formats import FORMATS_IN_WORDS
    from clearconv.data.sources.layout import files_below

    found: list[Path] = []
    for image in map(Path, images):
        if not image.is_dir():
            found.append(image)
            continue
        inside = sorted(files_below(image))
        meant = [path for path in inside if is_meant(path)]
        others = {path: why_not(path) for path in inside if path not in set(meant)}
        left = (Problem(f"{p} is left out: {why}", kind_of(p, why)) for p, why in others.items())
        warn(*left)
        if not meant:
            raise Misused(f"{image} contains no images; expected {FORMATS_IN_WORDS} files.")
        found += meant
    return found
