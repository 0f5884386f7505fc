"""Networks against PyTorch at its best: training step and inference.

Every measurement has a process of its own (see child.py): a short look at each variant of PyTorch,
then the race of ours against the fastest variants in one process, then each side alone.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from benchmarks.child import keep_all_memory, run_alone
from benchmarks.measure import alternate, block
from benchmarks.networks import NETWORKS, Ours
from benchmarks.pytorch import Theirs
from benchmarks.results import Cell

MODES = ("train", "infer")
CLOSE = 1.25  # variants within this factor of the best look race, at most two of them


def compare(
    name: str,
    threads: int,
    variants: Sequence[str],
    seconds: float,
    separate: bool,
    tell: Callable[[str], None],
) -> list[Cell]:
    """Time one network on both sides."""
    looks = {variant: run_alone(look, name, variant, threads) for variant in variants}
    cells = []
    for mode in MODES:
        times = {variant: looks[variant][mode] for variant in variants}
        ranked = sorted(variants, key=times.__getitem__)
        racing = [variant for variant in ranked[:2] if times[variant] < CLOSE * times[ranked[0]]]
        found = run_alone(race, name, mode, threads, racing, seconds)
        ours = found.pop("ours")
        best = min(found, key=found.__getitem__)
        cell = Cell(name, mode, threads, ours, found[best], best, times)
        if separate:
            kept = run_alone(race, name, mode, threads, racing, seconds / 2, keep_memory=True)
            measure = (name, mode, threads, seconds / 4)
            cell = replace(
                cell,
                alone_ours=run_alone(alone, None, *measure),
                alone_theirs=run_alone(alone, best, *measure),
                kept_ours=kept.pop("ours"),
                kept_theirs=min(kept.values()),
            )
        tell(_line(cell))
        cells.append(cell)
    return cells


def look(name: str, variant: str, threads: int) -> dict[str, float]:
    """Return the time of one block of each mode, the better of malloc's two ways."""
    side = _theirs(name, variant, threads)
    found = {}
    for mode in MODES:
        step = getattr(side, mode)
        step()  # compiles
        found[mode] = block(step)
    keep_all_memory()
    return {mode: min(found[mode], block(getattr(side, mode))) for mode in MODES}


def race(
    name: str, mode: str, threads: int, variants: Sequence[str], seconds: float
) -> dict[str, float]:
    """Return each side's median time, taken in turn; ours is called "ours"."""
    steps = {"ours": getattr(_ours(name, threads), mode)}
    steps |= {variant: getattr(_theirs(name, variant, threads), mode) for variant in variants}
    for step in steps.values():
        step()
    return alternate(steps, seconds)


def alone(variant: str | None, name: str, mode: str, threads: int, seconds: float) -> float:
    """Return the median time of one side, ours or a variant of theirs."""
    side = _ours(name, threads) if variant is None else _theirs(name, variant, threads)
    step = getattr(side, mode)
    step()
    return alternate({"it": step}, seconds)["it"]


def _ours(name: str, threads: int) -> Ours:
    Ours.threads(threads)
    return Ours(NETWORKS[name])


def _theirs(name: str, variant: str, threads: int) -> Theirs:
    Theirs.threads(threads)
    return Theirs(NETWORKS[name], variant)


def _line(cell: Cell) -> str:
    text = (
        f"{cell.network:13} {cell.mode:5} {cell.threads} thread{'s'[: cell.threads - 1]:1}"
        f"  ours {cell.ours * 1e3:8.2f} ms  PyTorch {cell.theirs * 1e3:8.2f} ms"
        f"  ratio {cell.ratio:5.2f}  ({cell.variant})"
    )
    if cell.alone_ratio is not None:
        text += f"  alone {cell.alone_ratio:.2f}, memory kept {cell.kept_ratio:.2f}"
    return text
