"""Results as tables: on the terminal and as the page docs/benchmarks.md."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from benchmarks.figures import figures
from benchmarks.results import Cell, Convolution, Run, merge

_MODES = {"train": "Training step", "infer": "Inference"}

_PAGE = """# clearconv beside PyTorch

This page is written by `python -m benchmarks`; see [how to run it](../CONTRIBUTING.md).
Ratios are our speed over PyTorch's: above 1, clearconv is faster.

{machine}

## How it was measured

- PyTorch's time is the best of eager NCHW, eager channels-last and `torch.compile` in both layouts
  (compilation not counted), with fused SGD and gradients set to None. A short trial of each variant
  chooses those that are measured.
- A training step is forward, loss, backward, and SGD with momentum 0.9, in float32, on one batch
  prepared in the layout that each side prefers. Dropout is on. The gradient of the input is not
  computed. Inference is the forward pass in evaluation mode.
- Ours and theirs take turns in one process. After each switch, steps are discarded for 20 ms (at
  least one); then a block of steps of 80 ms (at least one) is timed. The result is the median of
  the blocks.
- "Alone" is measured in two more processes, one for each side.
- "Memory kept" is measured like the ratio itself, in a process whose malloc is set not to return
  memory (`MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=-1`). By default glibc may return large blocks
  to the system at once, depending on what was allocated before, and PyTorch then pays for fresh
  pages in every step: its times vary up to twofold. clearconv recycles its arrays.
- {runs}
"""


@dataclass(frozen=True)
class Sheet:
    """A table with its heading; all cells are text. The first `left` columns are words."""

    title: str
    headers: tuple[str, ...]
    rows: list[tuple[str, ...]]
    note: str = ""
    left: int = 1


def sheets(runs: Sequence[Run]) -> list[Sheet]:
    """Return every table that the runs have rows for; numbers are the runs' medians."""
    run = merge(runs)
    found = [_figures(run)]
    for mode in _MODES:
        measured = [run, *(one for one in runs if one.cells)]
        each = [[cell for cell in one.cells if cell.mode == mode] for one in measured]
        found.append(_speeds(_MODES[mode], list(zip(*each, strict=True))))
    found += [_memory(run), _pipeline(run), _convolutions(run), _agreement(run), _looks(run)]
    return [sheet for sheet in found if sheet.rows]


def markdown(runs: Sequence[Run]) -> str:
    """Return the whole page."""
    full = sum(bool(run.cells) for run in runs)
    how = {0: "", 1: "One run."}.get(
        full, f"Numbers are the medians of {full} runs; the last column spans them."
    )
    for what, measured in (
        ("Alone and memory kept", [any(cell.alone_ours for cell in run.cells) for run in runs]),
        ("Each convolution", [bool(run.convolutions) for run in runs]),
        ("Input pipeline", [bool(run.pipeline) for run in runs]),
    ):
        if 0 < sum(measured) != full:
            how += f" {what}: of {sum(measured)}."
    about = [(key, value) for key, value in runs[0].machine.items()]
    if merge(runs).peak:
        peak = f"{merge(runs).peak / 1e9:.0f} GF/s, one thread, float32"
        about.append(("register tile's peak", peak))
    page = _PAGE.format(machine=_markdown_table(("", ""), about, 2), runs=how)
    for sheet in sheets(runs):
        page += f"\n## {sheet.title}\n\n{sheet.note}{chr(10) * 2 * bool(sheet.note)}"
        page += f"{_markdown_table(sheet.headers, sheet.rows, sheet.left)}\n"
    return page


def show(console: Console, runs: Sequence[Run]) -> None:
    """Print the tables."""
    for sheet in sheets(runs):
        table = Table(title=sheet.title, title_justify="left")
        for place, header in enumerate(sheet.headers):
            table.add_column(header, justify="left" if place < sheet.left else "right")
        for row in sheet.rows:
            table.add_row(*row)
        console.print(table)


def _markdown_table(headers: Sequence[str], rows: Iterable[Sequence[str]], left: int) -> str:
    marks = ["---" if place < left else "--:" for place in range(len(headers))]
    return "\n".join(f"| {' | '.join(row)} |" for row in [headers, marks, *rows])


# -- one function a table ------------------------------------------------------------------------


def _figures(run: Run) -> Sheet:
    verdict = {True: "yes", False: "no", None: ""}
    rows = [(item.what, item.found, item.target, verdict[item.met]) for item in figures(run)]
    return Sheet("Figures of merit", ("", "found", "target", "met"), rows)


def _speeds(title: str, cells: list[tuple[Cell, ...]]) -> Sheet:
    """Make a row of each cell's median, which comes first, and of its runs."""
    rows = []
    for median, *runs in cells:
        ratios = [cell.ratio for cell in runs]
        row = (
            median.network,
            str(median.threads),
            _ms(median.ours),
            _ms(median.theirs),
            median.variant,
            f"{median.ratio:.2f}",
            _ratio(median.alone_ratio),
            _ratio(median.kept_ratio),
        )
        rows.append((*row, f"{min(ratios):.2f}-{max(ratios):.2f}") if len(runs) > 1 else row)
    headers = ("network", "threads", "ours, ms", "PyTorch, ms", "PyTorch's best", "ratio")
    headers += ("alone", "memory kept", "runs")
    return Sheet(title, headers[: len(rows[0])] if rows else headers, rows)


def _memory(run: Run) -> Sheet:
    rows = [
        (
            row.network,
            _mib(row.ours_growth),
            _mib(row.theirs_growth),
            f"{row.ours_growth / max(row.theirs_growth, 1):.2f}",
            _mib(row.ours_total),
            _mib(row.theirs_total),
            row.variant,
        )
        for row in run.memory
    ]
    headers = ("network", "ours, MiB", "PyTorch, MiB", "ours / PyTorch")
    headers += ("process, ours", "process, PyTorch", "PyTorch's best")
    note = (
        "What the peak of a training step adds to a process that holds network, gradients, "
        "momentum and batch, and has taken a step with two images; then the peak of the whole "
        "process, libraries included. One thread; PyTorch at the lower of its two eager layouts."
    )
    return Sheet("Peak memory of a training step", headers, rows, note)


def _pipeline(run: Run) -> Sheet:
    rows = [
        (
            row.photos,
            row.what,
            str(row.threads),
            f"{row.ours:,.0f}",
            "" if row.theirs is None else f"{row.theirs:,.0f}",
            f"{row.training:,.0f}",
            f"{row.ours / row.training:.1f}",
        )
        for row in run.pipeline
    ]
    headers = (
        "photos",
        "",
        "threads",
        "ours, images/s",
        "PyTorch's loader",
        "training, images/s",
        "times",
    )
    note = ""
    if rows:
        first = run.pipeline[0]
        size = " x ".join(map(str, first.size))
        note = (
            "JPEG files, 256 of them: photographs of animals whose shorter side is mostly 256, and "
            f"generated ones of 500 x 375, in batches for an input of {size}: decoded and reduced; "
            "cropped, flipped, recoloured and scaled from decoded images; both, as when "
            "no decoded image may be kept. For comparison: a PyTorch DataLoader with as many "
            "processes that does the same in Pillow, and the images/s of training "
            f"{first.model} on as many threads with a prepared batch. Everything else idle."
        )
    return Sheet("Input pipeline", headers, rows, note)


def _convolutions(run: Run) -> Sheet:
    rows = [
        (
            row.networks,
            "x".join(map(str, row.shape)),
            _filters(row),
            row.task,
            f"{row.rate / 1e9:.0f}",
            f"{row.rate / run.peak:.0%}",
            f"{row.operations / row.theirs / 1e9:.0f}",
            row.layout,
            f"{row.ratio:.2f}",
        )
        for row in run.convolutions
    ]
    headers = ("networks", "input", "filters", "", "ours, GF/s", "of the peak", "PyTorch, GF/s")
    headers += ("PyTorch's best", "ratio")
    note = (
        "One thread, no bias, each call separately; operations are counted for the direct "
        "formula, so Winograd may exceed 100 %. Kernels are compared, not memory: PyTorch's "
        "process keeps its memory."
    )
    return Sheet("Each convolution", headers, rows, note, left=4)


def _filters(row: Convolution) -> str:
    text = f"{row.filters} of {row.kernel}x{row.kernel}"
    if row.stride != 1:
        text += f", stride {row.stride}"
    if row.groups != 1:
        text += ", depthwise" if row.groups == row.filters else f", {row.groups} groups"
    return text


def _agreement(run: Run) -> Sheet:
    rows = [
        (
            row.network,
            *(f"{errors.loss:.0e}" for errors in (row.ours64, row.ours32, row.theirs32)),
            *(f"{errors.gradients:.0e}" for errors in (row.ours64, row.ours32, row.theirs32)),
            *(f"{errors.weights:.0e}" for errors in (row.ours64, row.ours32, row.theirs32)),
            f"{row.bound32:.2g}",
        )
        for row in run.agreements
    ]
    sides = ("ours 64", "ours 32", "PyTorch 32")
    headers = ("network", *(f"{what}: {side}" for what in ("loss", "gradients", "weights")
                            for side in sides), "bound 32")  # fmt: skip
    note = (
        "One step from the same weights on the same batch, without dropout: the largest error of "
        "any array against PyTorch in float64, as a share of that array's largest number. In "
        "float32 rounding may decide ties in a ReLU or maximum differently, and batch norm makes "
        "many gradients small differences of large sums, also in PyTorch. Nothing is timed if a "
        "bound is exceeded; in float64 it is 1e-8."
    )
    return Sheet("Both compute the same", headers, rows, note)


def _looks(run: Run) -> Sheet:
    variants = list(dict.fromkeys(name for cell in run.cells for name in cell.looks))
    rows = [
        (
            cell.network,
            _MODES[cell.mode].lower(),
            str(cell.threads),
            *(_ms(cell.looks[name]) if name in cell.looks else "" for name in variants),
        )
        for cell in run.cells
    ]
    headers = ("network", "", "threads", *(f"{name}, ms" for name in variants))
    note = "The short looks that chose PyTorch's variants, of the first run."
    return Sheet("PyTorch's variants", headers, rows, note, left=2)


def _ms(seconds: float) -> str:
    return f"{seconds * 1e3:.2f}" if seconds < 0.1 else f"{seconds * 1e3:.0f}"


def _ratio(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _mib(size: int) -> str:
    return f"{size / 2**20:.0f}"
