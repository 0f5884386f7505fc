"""``clearconv verify model.onnx``: run an exported file in several engines."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from clearconv.cli.flags.images import expanded
from clearconv.cli.frame import Failure, command
from clearconv.words import counted, printable, table

if TYPE_CHECKING:
    from clearconv.exchange.onnx.verifying.verify import Checked, Verification


@command(
    """
    clearconv verify birds.onnx
    clearconv verify birds.onnx --images holiday/
    """
)
@click.argument("file", metavar="FILE.onnx", type=click.Path(path_type=Path))
@click.option(
    "--images",
    metavar="FOLDER",
    type=click.Path(exists=True),
    help="Pictures on which the engines are compared, beside the golden one.",
)
@click.pass_context
def verify(ctx: click.Context, file: Path, images: str | None) -> None:
    """Run FILE.onnx in every engine that is installed, and compare their logits.

    The engines are ONNX Runtime, ONNX's reference evaluator, OpenVINO and OpenCV's dnn. The golden
    picture in the file must give the logits that clearconv computed; other pictures, what the first
    engine that does so gives. Times are of one picture on one thread. The exit code is 1 if an
    engine drifts, and the first operator is named at which it does.
    """
    from clearconv.exchange.onnx.verifying.verify import verify_onnx

    paths = expanded((images,)) if images is not None else []
    found = verify_onnx(file, paths)
    for line in _lines(found):
        click.echo(line)
    if not found.holds:
        drifting = [each.engine for each in found.checked if each.drifts]
        click.echo("no engine runs it" if not drifting else f"drift: {', '.join(drifting)}")
        ctx.exit(Failure.exit_code)


def _lines(found: "Verification") -> Iterator[str]:
    """Yield the lines of a table for a person."""
    head = ("engine", "version", "runs", "difference", "same answers", "ms")
    rows = [_row(each) for each in found.checked]
    others = f" and {counted(found.images, 'image')}" if found.images else ""
    yield f"{printable(found.file)}: the golden input{others}"
    yield from table(head, rows, right=(3, 4, 5))
    for each in found.checked:
        if each.why:
            what = "does not run" if each.difference is None else "does not run the preprocessing"
            yield printable(f"{each.engine} {what}: {each.why}")
        if each.parts_at:
            yield printable(f"{each.engine} departs at: {each.parts_at}")


def _row(each: "Checked") -> tuple[str, ...]:
    if each.difference is None or each.milliseconds is None:
        return (each.engine, each.version, "no", "-", "-", "-")
    runs = "all" if each.whole else "the network"
    same = f"{each.same} of {each.images}"
    return (
        each.engine,
        each.version,
        runs,
        f"{each.difference:.1e}",
        same,
        f"{each.milliseconds:.1f}",
    )
