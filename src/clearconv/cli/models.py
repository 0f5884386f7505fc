"""``clearconv models``: the bundled networks."""

import json
from typing import Any

import click

from clearconv.cli.frame import command
from clearconv.words import table


@command(
    """
    clearconv models
    clearconv models --json
    """
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def models(as_json: bool) -> None:
    """List the bundled networks, for --model of `clearconv train` and for `clearconv summary`.

    Parameters are counted for the number of classes and the input of the data with which each
    network was published. An input is channels x height x width; other sizes work, down to the
    smallest. The options are those of `clearconv.models.create`; `clearconv train` has two of
    them, --batch-norm and --dropout.
    """
    from clearconv.models import MODELS

    found = [_about(name) for name in MODELS]
    if as_json:
        click.echo(json.dumps(found, indent=1))
        return
    rows = [
        (
            one["name"],
            f"{one['parameters']:,}",
            " x ".join(map(str, one["input"])),
            one["smallest"],
            ", ".join(one["options"]) or "-",
            one["about"],
        )
        for one in found
    ]
    head = ("name", "parameters", "input", "smallest", "options", "description")
    for line in table(head, rows, right=(1, 2, 3)):
        click.echo(line)


def _about(name: str) -> dict[str, Any]:
    from clearconv.models import MODELS, create

    info = MODELS[name]
    return {
        "name": name,
        "parameters": create(name, info.classes).summary(info.input_shape).parameters,
        "classes": info.classes,
        "input": list(info.input_shape),
        "smallest": info.smallest,
        "options": sorted(info.options),
        "about": info.about,
    }
