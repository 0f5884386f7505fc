"""``clearconv plan photos/``: the contents of the data, and a run's time and memory."""

import json
from typing import Any

import click

from clearconv.cli.flags.options import settings, variations
from clearconv.cli.flags.spelling import spelled
from clearconv.cli.flags.starting import open_start
from clearconv.cli.frame import command
from clearconv.cli.screen.progress import Reading
from clearconv.planning import plan as make_plan
from clearconv.words import utf8


@command(
    """
    clearconv plan photos/
    clearconv plan photos/ --model resnet18 --epochs 30
    clearconv plan photos/ --json
    """
)
@click.argument("data")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@settings
def plan(data: str, as_json: bool, no_augmentation: bool, **given: Any) -> None:
    """Look at DATA before training, and forecast the run.

    Shows the images of each class and part, their sizes, copies of one picture and unusable files;
    then how much time and memory `clearconv train DATA` with the same options would take, measured
    in a few steps on a copy of the network. Nothing is written.
    """
    progress = Reading()
    given["augmentation"] = variations(given, no_augmentation)
    open_start(given)
    try:
        found = make_plan(data, callbacks=[progress], **given)
    finally:
        progress.bar.close()
    if as_json:
        content = found.to_dict()
        for name in ("problems", "advice"):
            content["survey"][name] = [spelled(line) for line in content["survey"][name]]
        click.echo(utf8(json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)))
    else:
        click.echo(spelled(str(found)))
