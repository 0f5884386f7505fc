"""``clearconv glassbox runs/digits-1 digits/1264``: a pass as a page, every number explained."""

import re
from pathlib import Path
from typing import Any

import click

from clearconv.cli.flags.kinds import Option, RunPath
from clearconv.cli.flags.spelling import spelled
from clearconv.cli.flags.values import read
from clearconv.cli.frame import Misused, command
from clearconv.cli.screen.progress import Reading
from clearconv.files import shortened
from clearconv.words import meant, printable

_EXAMPLE = "example"


class _Which(RunPath):
    """A run, or the word example."""

    def convert(self, value: Any, parameter: Any, ctx: click.Context | None) -> Any:
        """Return the path if it exists, or the word."""
        if value == _EXAMPLE:
            return value
        if not Path(value).exists() and meant(value, [_EXAMPLE]):
            self.fail(f"{value} does not exist. Did you mean 'clearconv glassbox {_EXAMPLE}'?")
        return super().convert(value, parameter, ctx)


@command(
    """
    clearconv glassbox example
    clearconv glassbox runs/digits-1 digits/1264
    clearconv glassbox runs/photos-1 new.jpg --label dog
    clearconv glassbox runs/photos-1 new.jpg --layer conv1 --maps 8-15
    clearconv glassbox runs/photos-1 new.jpg --training
    """
)
@click.argument("run", metavar="RUN", type=_Which())
@click.argument("image", required=False)
@click.option("--label", metavar="CLASS", help="Class for the loss.  [the image's own]")
@click.option(
    "--layer",
    "layers",
    metavar="PATH",
    multiple=True,
    help="Layer to include with all its maps; may be repeated.",
)
@click.option("--maps", metavar="A-B", callback=read, help="Only these maps of --layer.")
@click.option("--training", is_flag=True, help="Show a training step instead of evaluation.")
@click.option(
    "--batch-size",
    cls=Option,  # leaves the range out of the help
    metavar="N",
    type=click.IntRange(min=2),
    help="Batch size for --training.  [the run's, at most 16]",
)
@click.option(
    "--out",
    "--output",
    "out",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File for the page.  [in RUN/glassbox, named after IMAGE]",
)
def glassbox(
    run: str | Path,
    image: str | None,
    label: str | None,
    layers: tuple[str, ...],
    maps: list[int] | None,
    training: bool,
    batch_size: int | None,
    out: Path | None,
) -> None:
    """Write a page on which every number of a pass shows where it comes from.

    The pass is that of IMAGE, forward and backward, through the model of RUN, a run folder or a
    model file. IMAGE is a file, or an image of the run's data by the name that its report gives.
    `clearconv glassbox example` needs neither: it shows the article's worked example.
    """
    if maps is not None and not layers:
        raise Misused("--maps selects maps of a layer; name the layer too: --layer conv1.")
    if batch_size is not None and not training:
        raise Misused("--batch-size is for --training; evaluation shows one image.")
    if run == _EXAMPLE:
        if image is not None or label is not None or training:
            raise Misused("the example brings its own image; leave IMAGE and options out.")
        _write_example(out or Path("glassbox-example.html"), layers, maps)
        return
    if image is None:
        raise Misused(f"an image is missing. Write clearconv glassbox {run} IMAGE.")
    _write_run(Path(run), image, label, training, batch_size, out, layers=layers, maps=maps)


def _write_example(out: Path, layers: tuple[str, ...], maps: list[int] | None) -> None:
    from clearconv.glassbox import ABOUT_EXAMPLE, article_example, write_glass_box

    path = write_glass_box(
        out,
        article_example(),
        title="Glass box: the article's example",
        lead=ABOUT_EXAMPLE,
        layers=layers,
        maps=maps,
        spell=spelled,
    )
    click.echo(printable(path))


def _write_run(
    run: Path,
    image: str,
    label: str | None,
    training: bool,
    batch_size: int | None,
    out: Path | None,
    **options: Any,
) -> None:
    from clearconv.glassbox import lead_of, trace_image, write_glass_box
    from clearconv.pages import check_replaceable, picture

    if out is not None:
        check_replaceable(out, "glass box")  # before all the work
    watcher = Reading()
    try:
        traced = trace_image(
            run, image, label, training=training, batch_size=batch_size, progress=watcher.reading
        )
    finally:
        watcher.bar.close()
    folder = (run if run.is_dir() else run.parent) / "glassbox"
    lead = [spelled(line) for line in lead_of(traced)]
    name = Path(image).name if Path(image).exists() else image
    path = write_glass_box(
        out or folder / f"{_stem(image, label, training)}.html",
        traced.trace,
        title=f"Glass box: {name}",
        lead=lead,
        picture=picture(traced.pixels, f"{name}, as the model sees it"),
        spell=spelled,
        **options,
    )
    click.echo(printable(lead[0]))
    click.echo(printable(path))


def _stem(image: str, label: str | None, training: bool) -> str:
    """Name a page after its image and mode; another label or mode has a page of its own."""
    parts = ["-".join(Path(image).with_suffix("").parts[-2:]) or "image"]
    parts += [f"as-{label}"] if label is not None else []
    cleaned = [re.sub(r"[^\w.-]+", "_", part).strip("._-") or "image" for part in parts]
    return "-".join([*map(shortened, cleaned), *(["training"] if training else [])])
