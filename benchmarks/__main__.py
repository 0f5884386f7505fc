"""The command ``python -m benchmarks``."""

from pathlib import Path

import click
from rich.console import Console

from benchmarks import convs, memory
from benchmarks import pipeline as pipelines
from benchmarks.agreement import Disagreement, agree
from benchmarks.child import run_alone
from benchmarks.machine import machine
from benchmarks.networks import NETWORKS
from benchmarks.pytorch import VARIANTS
from benchmarks.results import Agreement, Run, read_json, write_json
from benchmarks.speed import compare
from benchmarks.table import markdown, show


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


_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command()
@click.option("--networks", "names", callback=_names, metavar="NAMES", help="lenet,resnet20,...")
@click.option("--threads", callback=_counts, default="1,2", show_default=True, metavar="N,N")
@click.option("--compile/--no-compile", "compiled", default=True, help="Also torch.compile.")
@click.option("--separate/--no-separate", default=True, help="Also each side alone.")
@click.option("--convs/--no-convs", "convolutions", default=True, help="Each convolution, too.")
@click.option("--memory/--no-memory", "memories", default=True, help="Peak memory, too.")
@click.option("--pipeline/--no-pipeline", default=True, help="Images decoded and augmented, too.")
@click.option("--only-pipeline", is_flag=True, help="Nothing but that; joined by --read.")
@click.option("--quick", is_flag=True, help="Few rounds: a first look, not a result.")
@click.option("--runs", default=1, show_default=True, help="Measure so often, take the medians.")
@click.option("--read", multiple=True, type=_FILE, help="Take these JSON files instead.")
@click.option("--json", "json_file", type=_FILE, help="Write every run's numbers.")
@click.option("--markdown", "markdown_file", type=_FILE, help="Write docs/benchmarks.md, say.")
def main(
    runs: int, read: tuple[Path, ...], json_file: Path | None, markdown_file: Path | None, **how
) -> None:
    """Compare clearconv with PyTorch on this machine, which should be idle.

    First both must agree in loss, gradients and weights after a step.
    """
    found = [run for file in read for run in read_json(file)]
    for number in range(0 if found and not how["only_pipeline"] else runs):
        click.echo(f"run {number + 1} of {runs}")
        found.append(_measure(**how))
        if json_file is not None:
            write_json(json_file, found)  # after each run: a later one may be cut short
    if json_file is not None and read:
        write_json(json_file, found)
    console = Console()
    show(console if console.is_terminal else Console(width=140), found)
    if markdown_file is not None:
        markdown_file.write_text(markdown(found))


def _measure(
    names: list[str],
    threads: list[int],
    compiled: bool,
    separate: bool,
    convolutions: bool,
    memories: bool,
    pipeline: bool,
    only_pipeline: bool,
    quick: bool,
) -> Run:
    if only_pipeline:
        return _pipeline(Run(machine(), 0.0), threads, quick)
    variants = [name for name, (_, wraps) in VARIANTS.items() if compiled or not wraps]
    run = Run(machine(), run_alone(convs.peak))
    click.echo(f"{run.machine['processor']}, register tile's peak {run.peak / 1e9:.0f} GF/s")
    for name in names:
        run.agreements.append(_agreement(name))
    for name in names:
        for count in threads:
            seconds = 1.5 if quick else 4.0
            cells = compare(name, count, variants, seconds, separate, tell=click.echo)
            run.cells.extend(cells)
    if memories:
        run.memory.extend(memory.measure(names, tell=click.echo))
    if convolutions:
        seconds = 0.3 if quick else 0.8
        run.convolutions.extend(convs.compare_all(names, seconds, tell=click.echo))
    return _pipeline(run, threads, quick) if pipeline else run


def _pipeline(run: Run, threads: list[int], quick: bool) -> Run:
    for count in threads:
        seconds = 1.5 if quick else 6.0
        run.pipeline.extend(pipelines.compare(count, seconds, tell=click.echo))
    return run


def _agreement(name: str) -> Agreement:
    try:
        found = run_alone(agree, name, NETWORKS[name])
    except Disagreement as error:
        raise click.ClickException(str(error)) from None
    click.echo(
        f"{name:13} agrees: worst gradient {found.ours64.gradients:.0e} off in float64; "
        f"{found.ours32.gradients:.0e} in float32, PyTorch's own {found.theirs32.gradients:.0e}"
    )
    return found


if __name__ == "__main__":
    main(prog_name="python -m benchmarks")
