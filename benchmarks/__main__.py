"""The command ``python -m benchmarks``."""

import click

from benchmarks.agreement import Disagreement, agree
from benchmarks.child import run_alone
from benchmarks.networks import NETWORKS
from benchmarks.pytorch import VARIANTS
from benchmarks.speed import compare


def _names(context: click.Context, option: click.Option, value: str | None) -> list[str]:
    names = list(NETWORKS) if value is None else value.split(",")
    for name in names:
        if name not in NETWORKS:
            raise click.BadParameter(f"{name!r} is not known; there are {', '.join(NETWORKS)}.")
    return names


def _counts(context: click.Context, option: click.Option, value: str) -> list[int]:
    try:
        return [int(part) for part in value.split(",")]
    except ValueError:
        raise click.BadParameter(f"{value!r} is no list of numbers such as 1,2.") from None


@click.command()
@click.option("--networks", callback=_names, metavar="NAMES", help="Such as lenet,resnet20.")
@click.option("--threads", callback=_counts, default="1,2", show_default=True, metavar="N,N")
@click.option("--compile/--no-compile", "compiled", default=True, help="Also torch.compile.")
@click.option("--separate/--no-separate", default=True, help="Also each side alone.")
@click.option("--quick", is_flag=True, help="Few rounds: a first look, not a result.")
def main(
    networks: list[str], threads: list[int], compiled: bool, separate: bool, quick: bool
) -> None:
    """Compare clearconv with PyTorch on this machine."""
    seconds = 1.5 if quick else 4.5
    variants = [name for name, (_, wraps) in VARIANTS.items() if compiled or not wraps]
    for name in networks:
        try:
            found = run_alone(agree, name, NETWORKS[name])
        except Disagreement as error:
            raise click.ClickException(str(error)) from None
        click.echo(
            f"{name:13} agrees: worst gradient {found.ours64.gradients:.0e} off in float64; "
            f"{found.ours32.gradients:.0e} in float32, PyTorch's own {found.theirs32.gradients:.0e}"
        )
        for count in threads:
            compare(name, count, variants, seconds, separate, tell=click.echo)


if __name__ == "__main__":
    main(prog_name="python -m benchmarks")
