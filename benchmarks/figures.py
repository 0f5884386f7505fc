"""What it all comes to: the figures of merit, each beside its target."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from benchmarks.results import Cell, Convolution, Run, geometric_mean


@dataclass(frozen=True)
class Figure:
    """One figure of merit."""

    what: str
    found: str
    target: str = ""
    met: bool | None = None


#: Mode -> (name, geometric mean wanted, least wanted of any network).
_MODES = {"train": ("training step", 2.0, 1.2), "infer": ("inference", 1.5, 1.0)}


def figures(run: Run) -> list[Figure]:
    """Return the figures that this run has the numbers for."""
    found: list[Figure] = []
    for mode, (name, mean, least) in _MODES.items():
        of_mode = [cell for cell in run.cells if cell.mode == mode]
        for threads in sorted({cell.threads for cell in of_mode}):
            cells = [cell for cell in of_mode if cell.threads == threads]
            where = f"{name}, {threads} thread{'s' if threads > 1 else ''}"
            found += _speeds(where, cells, mean, least)
    found += _shares(run)
    if run.memory:
        fine = [row for row in run.memory if row.ours_growth <= row.theirs_growth]
        count = f"{len(fine)} of {len(run.memory)} networks"
        what = "peak memory of a training step no higher than PyTorch's"
        found.append(Figure(what, count, "all", len(fine) == len(run.memory)))
    for row in run.pipeline:
        if row.what == "both" and row.threads == 2:
            times = row.ours / row.training
            what = f"images decoded and augmented for each one trained on, {row.photos}, 2 threads"
            found.append(Figure(what, f"{times:.1f}", "2", times >= 2))
    return found


def _speeds(where: str, cells: list[Cell], mean: float, least: float) -> Iterable[Figure]:
    ratios = [cell.ratio for cell in cells]
    overall = geometric_mean(ratios)
    slowest = min(cells, key=lambda cell: cell.ratio)
    what = f"{where}: geometric mean of {len(cells)}"
    yield Figure(what, f"{overall:.2f}", f"{mean}", overall >= mean)
    found = f"{slowest.ratio:.2f} ({slowest.network})"
    yield Figure(f"{where}: lowest", found, f"{least}", slowest.ratio >= least)
    for name, ratio in _OTHERS.items():
        others = [value for cell in cells if (value := ratio(cell)) is not None]
        if others:
            yield Figure(f"{where}: geometric mean, {name}", f"{geometric_mean(others):.2f}")


_OTHERS: dict[str, Callable[[Cell], float | None]] = {
    "each side alone": lambda cell: cell.alone_ratio,
    "memory kept": lambda cell: cell.kept_ratio,
}


def _shares(run: Run) -> Iterable[Figure]:
    for size, target in ((3, 0.80), (1, 0.55)):
        for task in dict.fromkeys(row.task for row in run.convolutions):
            rows = [row for row in run.convolutions if row.task == task and _counts(row, size)]
            if not rows:
                continue
            low = min(rows, key=lambda row: row.rate)
            enough = sum(row.rate >= target * run.peak for row in rows)
            yield Figure(
                f"{size}x{size} convolutions, {task}: lowest share of the peak",
                f"{low.rate / run.peak:.0%}; {enough} of {len(rows)} reach the target",
                f"{target:.0%}",
                enough == len(rows),
            )


def _counts(row: Convolution, size: int) -> bool:
    """Whether a convolution is one that the target is for: whole vectors of channels."""
    channels = (row.shape[1], row.filters)
    return row.kernel == size and row.groups == 1 and all(c % 16 == 0 and c >= 32 for c in channels)
