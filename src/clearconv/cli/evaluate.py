"""``clearconv evaluate runs/photos-1``: test a trained model."""

import json
from pathlib import Path

import click

from clearconv.cli.flags.kinds import RunPath
from clearconv.cli.frame import Failure, command
from clearconv.cli.screen.evaluation import accuracy, refusals, sureness, tables
from clearconv.cli.screen.messages import remark, warn
from clearconv.cli.screen.progress import Reading
from clearconv.runs import files


@command(
    f"""
    clearconv evaluate runs/photos-1
    clearconv evaluate runs/photos-1 other-photos/
    clearconv evaluate runs/photos-1/{files.BEST} other-photos/
    clearconv evaluate runs/photos-1 other-photos/ --abstain
    """
)
@click.argument("run", type=RunPath())
@click.argument("data", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
@click.option(
    "--abstain",
    is_flag=True,
    help="Count how often the model would abstain, also on classes that it does not know.",
)
def evaluate(run: Path, data: str | None, as_json: bool, abstain: bool) -> None:
    """Test the model of RUN on images whose classes are known.

    RUN is a run folder or a model file. By default its own test images are used; with other DATA,
    their test part if they bring one, else every image. Classes that the model does not know are
    left out.
    """
    from clearconv.runs.open import open_run
    from clearconv.train import evaluate as test

    if data is None and run.is_file():
        raise click.UsageError(
            f"{run} is a model file, which has no data of its own: give DATA too."
        )
    opened = open_run(run)
    remark(opened.preprocessing.notes)
    progress = Reading()
    try:
        evaluation = test(opened, data, abstain=abstain, callbacks=[progress])
    finally:
        progress.bar.close()
    if not evaluation.total:
        raise Failure("there are no images to test on.")
    warn(*evaluation.problems)
    if as_json:
        click.echo(json.dumps(evaluation.to_dict(), indent=1, allow_nan=False))
        return
    for line in tables(evaluation, "--json lists all"):
        click.echo(line)
    click.echo()
    if abstain:
        for line in refusals(evaluation):
            click.echo(line)
        click.echo()
    for line in sureness(evaluation, "test on more images"):
        click.echo(line)
    click.echo(accuracy(evaluation))
