"""``clearconv report runs/photos-1``: the results of a run, as a page."""

from pathlib import Path

import click

from clearconv.cli.flags.kinds import RunPath
from clearconv.cli.frame import command
from clearconv.cli.screen.progress import Reading
from clearconv.words import printable


@command(
    """
    clearconv report runs/photos-1
    clearconv report runs/photos-1 photos-moved-here/
    """
)
@click.argument("run", type=RunPath())
@click.argument("data", required=False)
def report(run: Path, data: str | None) -> None:
    """Write report.html into the folder RUN: one page that needs no other file.

    Training writes it by itself. For a run that is not finished the page shows its progress, and
    judges by the validation images. DATA is where the images are now, if they have moved.
    """
    from clearconv.cli.screen.page import COMMANDS
    from clearconv.report import write_report

    if run.is_file():
        raise click.UsageError(f"{run} is a file, but a run folder is needed.")
    watcher = Reading()
    try:
        path = write_report(run, data, progress=watcher.reading, wording=COMMANDS)
    finally:
        watcher.bar.close()
    click.echo(printable(path))
