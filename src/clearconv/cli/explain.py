"""``clearconv explain runs/photos-1 new.jpg``: why an image gets its class."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from clearconv.cli.flags.images import expanded
from clearconv.cli.flags.kinds import RunPath
from clearconv.cli.frame import Failure, command
from clearconv.cli.screen.messages import complain
from clearconv.files import shortened, write_atomically
from clearconv.words import counted, printable, table

if TYPE_CHECKING:
    from clearconv.explain import Explanation
    from clearconv.pages import Pixels

_AGREEMENT = (
    "agreement: rank correlation of Grad-CAM and occlusion; 1 is the same order of places,\n"
    "0 no relation: then believe neither"
)
_NOTHING = (
    "-: Grad-CAM is 0 everywhere: no map of this layer, averaged over its places, speaks for the\n"
    "class; try an earlier --layer"
)


@command(
    """
    clearconv explain runs/photos-1 new.jpg
    clearconv explain runs/photos-1 holiday/ --out why
    clearconv explain runs/photos-1 new.jpg --class dog --layer residual2
    """
)
@click.argument("run", type=RunPath())
@click.argument("images", nargs=-1, required=True, metavar="IMAGE...", type=click.Path())
@click.option(
    "--class", "name", metavar="NAME", help="Class to explain.  [the most probable of each image]"
)
@click.option("--layer", metavar="PATH", help="Layer that Grad-CAM uses.  [the last with maps]")
@click.option(
    "--out",
    metavar="FOLDER",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for the pictures.  [RUN/explanations]",
)
@click.pass_context
def explain(
    ctx: click.Context,
    run: Path,
    images: tuple[str, ...],
    name: str | None,
    layer: str | None,
    out: Path | None,
) -> None:
    """Show which parts of each IMAGE support its class, by the model of RUN.

    RUN is a run folder or a model file; an IMAGE may be a folder of images. For each image a PNG is
    written: the image as the model sees it, Grad-CAM over it, and the drop of the probability where
    a grey patch covers it. Yellow supports the class; blue, in the third picture, opposes it.
    """
    from clearconv.explain import Explanation, explain_images

    folder = out if out is not None else (run if run.is_dir() else run.parent) / "explanations"
    found = list(explain_images(run, expanded(images), name, layer))
    good = [item for item in found if isinstance(item, Explanation)]
    rows: list[tuple[object, ...]] = []
    taken: set[str] = set()
    for item in good:
        path = folder / _free(item, taken)
        _write(path, _picture(item))
        alike = f"{item.agreement:.2f}" if item.heat.any() else "-"
        numbers = f"{item.probability:.3f}", alike
        rows.append((item.file, item.name, *numbers, path.name))
    if good:
        H, W = good[0].size
        click.echo(f"Grad-CAM at {printable(good[0].layer)}, input {H} x {W}")
        click.echo(f"pictures in {printable(folder)}\n")
        head = ("file", "class", "probability", "agreement", "picture")
        for line in table(head, rows, right=(2, 3)):
            click.echo(line)
        click.echo(f"\n{_AGREEMENT}")
        if not all(item.heat.any() for item in good):
            click.echo(_NOTHING)
    bad = [item for item in found if not isinstance(item, Explanation)]
    complain(map(str, bad))
    if bad:
        click.echo(f"{len(bad)} of {counted(len(found), 'image')} could not be read", err=True)
        ctx.exit(Failure.exit_code)


def _write(path: Path, picture: "Pixels") -> None:
    """Write the whole picture, or say what prevents it; an earlier one is then kept."""
    from clearconv.pages import check_replaceable, png

    check_replaceable(path, "picture")
    content = png(picture)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, content)
    except OSError as error:
        raise Failure(
            f"{path} cannot be written ({error.strerror or error}). Choose another place with "
            "--out."
        ) from None


def _free(item: "Explanation", taken: set[str]) -> str:
    """Name the picture after image and class; two images may have the same name."""
    parts = (re.sub(r"[^\w.-]+", "_", part) for part in (Path(item.file).stem, item.name))
    stem = "-explained-".join(map(shortened, parts))
    number, name = 1, f"{stem}.png"
    while name in taken:
        number += 1
        name = f"{stem}-{number}.png"
    taken.add(name)
    return name


def _picture(item: "Explanation") -> "Pixels":
    from clearconv.explain.pictures import overlay
    from clearconv.pages import side_by_side

    return side_by_side(
        (
            (f"{item.name} {item.probability:.3f}", item.pixels),
            (f"Grad-CAM, {item.layer}", overlay(item.pixels, item.heat)),
            (
                f"occlusion, drop up to {max(0.0, float(item.drop.max())):.2f}",
                overlay(item.pixels, item.drop),
            ),
        )
    )
