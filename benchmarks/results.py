"""What the benchmark finds, as plain data; several runs become one by medians. No PyTorch here."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from math import exp, log
from pathlib import Path
from statistics import median, mode
from typing import Any


@dataclass(frozen=True)
class Errors:
    """Distance from PyTorch in float64: of the loss, of the worst gradient, the worst weight."""

    loss: float
    gradients: float
    weights: float


@dataclass(frozen=True)
class Agreement:
    """What one step from the same weights came to."""

    network: str
    bound32: float
    ours64: Errors
    ours32: Errors
    theirs32: Errors


@dataclass(frozen=True)
class Cell:
    """A network, a mode (train or infer), a number of threads; times in seconds a step.

    ``looks`` holds one short time of each PyTorch variant. The ``alone`` times come from a process
    for each side, the ``kept`` ones from a process whose malloc gives nothing back to the system.
    """

    network: str
    mode: str
    threads: int
    ours: float
    theirs: float
    variant: str
    looks: dict[str, float]
    alone_ours: float | None = None
    alone_theirs: float | None = None
    kept_ours: float | None = None
    kept_theirs: float | None = None

    @property
    def ratio(self) -> float:
        """Our speed over PyTorch's."""
        return self.theirs / self.ours

    @property
    def alone_ratio(self) -> float | None:
        """The same, each side in a process of its own."""
        return _over(self.alone_theirs, self.alone_ours)

    @property
    def kept_ratio(self) -> float | None:
        """The same, where the process keeps its memory."""
        return _over(self.kept_theirs, self.kept_ours)


@dataclass(frozen=True)
class Convolution:
    """One gradient or the forward pass of a convolution; one thread, seconds a call."""

    networks: str
    shape: tuple[int, int, int, int]  # N, C, H, W
    filters: int
    kernel: int
    stride: int
    padding: int
    groups: int
    task: str  # forward, input gradient, weight gradient
    operations: int
    ours: float
    theirs: float
    layout: str  # PyTorch's faster one

    @property
    def ratio(self) -> float:
        """Our speed over PyTorch's."""
        return self.theirs / self.ours

    @property
    def rate(self) -> float:
        """Our floating-point operations a second, counted as if computed directly."""
        return self.operations / self.ours


@dataclass(frozen=True)
class Memory:
    """Peak memory of a training step, in bytes.

    ``growth`` is what the peak adds to a process that holds network, gradients, momentum and batch
    and has taken a step with two images; ``total`` is the whole process, libraries included.
    """

    network: str
    ours_growth: int
    ours_total: int
    theirs_growth: int
    theirs_total: int
    variant: str  # of PyTorch's lower growth


@dataclass(frozen=True)
class Pipeline:
    """Images a second that are decoded, augmented, or both, on so many threads.

    ``theirs`` is PyTorch's loader; ``training`` what the default model for photographs trains at;
    ``photos`` the pictures' size, or the name of their folder.
    """

    what: str
    threads: int
    ours: float
    theirs: float | None
    training: float
    model: str
    size: tuple[int, int]
    photos: str


@dataclass(frozen=True)
class Run:
    """One run of the benchmark."""

    machine: dict[str, str]
    peak: float  # operations a second of the register tile, one thread, float32
    agreements: list[Agreement] = field(default_factory=list)
    cells: list[Cell] = field(default_factory=list)
    convolutions: list[Convolution] = field(default_factory=list)
    memory: list[Memory] = field(default_factory=list)
    pipeline: list[Pipeline] = field(default_factory=list)


def _over(above: float | None, below: float | None) -> float | None:
    return None if above is None or below is None else above / below


def geometric_mean(values: Sequence[float]) -> float:
    """Return the n-th root of the product."""
    return exp(sum(map(log, values)) / len(values))


# -- several runs ------------------------------------------------------------------------------


def merge(runs: Sequence[Run]) -> Run:
    """Return the median run: each number is the median of the runs' numbers."""
    first = runs[0]
    return replace(
        first,
        peak=median([run.peak for run in runs if run.peak] or [0.0]),
        agreements=next((run.agreements for run in runs if run.agreements), []),
        cells=_merge([run.cells for run in runs]),
        convolutions=_merge([run.convolutions for run in runs]),
        memory=_merge([run.memory for run in runs]),
        pipeline=_merge([run.pipeline for run in runs]),
    )


def _merge(lists: Sequence[list[Any]]) -> list[Any]:
    """Merge the rows of several runs, place by place; what a run left out does not count."""
    merged = []
    for rows in zip(*filter(None, lists), strict=True):
        changed = {}
        for name in _SUMMARY.keys() & vars(rows[0]).keys():
            values = [value for row in rows if (value := getattr(row, name)) is not None]
            if values:
                changed[name] = _SUMMARY[name](values)
        merged.append(replace(rows[0], **changed))
    return merged


#: What becomes of a row's field; any other is the first run's.
_SUMMARY: dict[str, Callable[[list[Any]], Any]] = {
    **dict.fromkeys(("ours", "theirs", "training", "alone_ours", "alone_theirs"), median),
    **dict.fromkeys(("kept_ours", "kept_theirs"), median),
    **dict.fromkeys(("ours_growth", "ours_total", "theirs_growth", "theirs_total"), median),
    **dict.fromkeys(("variant", "layout"), mode),
}


# -- files -------------------------------------------------------------------------------------


def write_json(path: Path, runs: Sequence[Run]) -> None:
    """Write every run whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"runs": [asdict(run) for run in runs]}, indent=1) + "\n")


def read_json(path: Path) -> list[Run]:
    """Read what ``write_json`` wrote."""
    return [_run(data) for data in json.loads(path.read_text())["runs"]]


def _run(data: dict[str, Any]) -> Run:
    return Run(
        data["machine"],
        data["peak"],
        [
            Agreement(
                **{key: Errors(**item[key]) for key in ("ours64", "ours32", "theirs32")},
                network=item["network"],
                bound32=item["bound32"],
            )
            for item in data["agreements"]
        ],
        [Cell(**item) for item in data["cells"]],
        [Convolution(**{**item, "shape": tuple(item["shape"])}) for item in data["convolutions"]],
        [Memory(**item) for item in data["memory"]],
        [
            Pipeline(**{**item, "size": tuple(item["size"])})
            for item in data.get("pipeline", [])  # older files have none
        ],
    )
