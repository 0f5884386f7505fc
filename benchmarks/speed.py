"""Networks against PyTorch at its best: training step and inference."""

import gc
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch

from benchmarks.measure import alternate, block
from benchmarks.networks import NETWORKS, Ours
from benchmarks.pytorch import VARIANTS, Theirs

MODES = ("train", "infer")
CLOSE = 1.1  # variants within this factor of the best of the first look are timed in full


@dataclass(frozen=True)
class Cell:
    """One network, one number of threads, one mode; times in seconds a step."""

    network: str
    threads: int
    mode: str
    ours: float
    theirs: float
    variant: str  # PyTorch's fastest
    first_look: dict[str, float]  # every variant's time in one block

    @property
    def ratio(self) -> float:
        """Return our speed over theirs."""
        return self.theirs / self.ours


def compare(
    name: str,
    threads: Iterable[int],
    seconds: float,
    variants: Iterable[str] = tuple(VARIANTS),
    tell: Callable[[str], None] = print,
) -> list[Cell]:
    """Time one network on both sides."""
    cells = []
    for count in threads:
        Ours.threads(count)
        Theirs.threads(count)
        torch.compiler.reset()  # compiled code is for one number of threads
        ours = Ours(NETWORKS[name])
        theirs = {variant: Theirs(NETWORKS[name], variant) for variant in variants}
        for mode in MODES:
            looks = {}
            for variant, side in theirs.items():
                step = getattr(side, mode)
                step()  # compiles
                looks[variant] = block(step)
            ranked = sorted(looks, key=looks.__getitem__)[:2]
            kept = [variant for variant in ranked if looks[variant] < CLOSE * looks[ranked[0]]]
            steps = {"ours": getattr(ours, mode)}
            steps |= {variant: getattr(theirs[variant], mode) for variant in kept}
            found = alternate(steps, seconds)
            mine = found.pop("ours")
            best = min(found, key=found.__getitem__)
            cell = Cell(name, count, mode, mine, found[best], best, looks)
            tell(
                f"{name:13} {mode:5} threads {count}  ours {mine * 1e3:8.2f} ms  PyTorch "
                f"{cell.theirs * 1e3:8.2f} ms ({best})  ratio {cell.ratio:.2f}"
                f"  [{', '.join(f'{v} {t * 1e3:.1f}' for v, t in looks.items())}]"
            )
            cells.append(cell)
        del ours, theirs
        gc.collect()
    return cells
