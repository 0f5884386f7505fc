"""Every distinct convolution of the networks by itself: forward and both gradients, one thread.

The cases are read off the networks' layers: those of ``ops/conv2d/cases.py`` are small, and chosen
for their geometry. Kernels are compared here, not memory: PyTorch's process gives none back (see
child.py).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import prod
from time import perf_counter

import numpy as np
import torch

from benchmarks.child import run_alone
from benchmarks.measure import Step, alternate
from benchmarks.networks import NETWORKS
from benchmarks.results import Convolution
from clearconv import Conv2d
from clearconv.ops import conv2d
from clearconv.ops.tellings import native_module, set_threads

BLOCK = 0.03  # seconds of one timed block
TASKS = ("forward", "input gradient", "weight gradient")


@dataclass(frozen=True)
class Case:
    """A convolution as a network has it; all of them are square."""

    shape: tuple[int, int, int, int]  # N, C, H, W
    output: tuple[int, int, int, int]  # N, O, OH, OW
    kernel: int
    stride: int
    padding: int
    groups: int

    @property
    def operations(self) -> int:
        """Multiplications and additions, of each of the three tasks."""
        return 2 * prod(self.output) * (self.shape[1] // self.groups) * self.kernel**2


def cases(names: Iterable[str]) -> dict[Case, tuple[list[str], bool]]:
    """Return each distinct convolution with its networks, and whether one needs dL/dx."""
    found: dict[Case, tuple[list[str], bool]] = {}
    for name in names:
        network = NETWORKS[name]
        model = network.make(network.classes).build(network.shape)
        layers = [layer for layer in model.leaves() if isinstance(layer, Conv2d)]
        for layer in layers:
            how = layer.arguments
            case = Case(
                (network.batch, *layer.input_shape),
                (network.batch, *layer.output_shape),
                *(how[key] for key in ("kernel_size", "stride", "padding", "groups")),
            )
            owners, inner = found.get(case, ([], False))
            owners += [name] if name not in owners else []
            found[case] = owners, inner or layer is not layers[0]
    return found


def peak(seconds: float = 0.3) -> float:
    """Return the operations a second of the register tile by itself, the best of five tries."""
    native = native_module()
    if native is None:
        raise RuntimeError("clearconv was installed without a compiler: nothing to measure")
    times, rates = 1000, []
    while len(rates) < 5:
        start = perf_counter()
        done = native.run_tile(times)
        elapsed = perf_counter() - start
        if elapsed < seconds / 5:
            times *= 2
        else:
            rates.append(2 * done / elapsed)
    return max(rates)


def compare_all(
    names: Iterable[str], seconds: float, tell: Callable[[str], None]
) -> list[Convolution]:
    """Time each distinct convolution of the networks."""
    rows = []
    for case, (owners, inner) in cases(names).items():
        for task in TASKS:
            if task == "input gradient" and not inner:
                continue  # a first layer owes none
            times = run_alone(race, case, task, seconds, keep_memory=True)
            ours = times.pop("ours")
            layout = min(times, key=times.__getitem__)
            row = Convolution(
                networks=", ".join(owners),
                shape=case.shape,
                filters=case.output[1],
                kernel=case.kernel,
                stride=case.stride,
                padding=case.padding,
                groups=case.groups,
                task=task,
                operations=case.operations,
                ours=ours,
                theirs=times[layout],
                layout=layout,
            )
            tell(
                f"{row.networks:24} {row.shape!s:20} -> {row.filters:3} {row.kernel}x{row.kernel}"
                f"/{row.stride} groups {row.groups:3} {task:15} ours {row.rate / 1e9:6.1f} GF/s"
                f"  ratio {row.ratio:5.2f}"
            )
            rows.append(row)
    return rows


def race(case: Case, task: str, seconds: float) -> dict[str, float]:
    """Return the seconds a call of ours and of PyTorch in both layouts."""
    set_threads(1)
    torch.set_num_threads(1)
    random = np.random.default_rng(0)
    weight_shape = (case.output[1], case.shape[1] // case.groups, case.kernel, case.kernel)
    x, grad_y = (_channels_last(random, shape) for shape in (case.shape, case.output))
    weight = random.standard_normal(weight_shape, np.float32)
    steps = {"ours": _ours(case, task, x, weight, grad_y)}
    for layout, form in (("NCHW", torch.contiguous_format), ("NHWC", torch.channels_last)):
        tensors = (torch.from_numpy(array) for array in (x, weight, grad_y))
        steps[layout] = _theirs(case, task, *(t.contiguous(memory_format=form) for t in tensors))
    for step in steps.values():
        step()
    return alternate(steps, seconds, BLOCK)


def _channels_last(random: np.random.Generator, shape: tuple[int, int, int, int]) -> np.ndarray:
    N, C, H, W = shape
    return random.standard_normal((N, H, W, C), np.float32).transpose(0, 3, 1, 2)  # (N, C, H, W)


def _ours(case: Case, task: str, x: np.ndarray, weight: np.ndarray, grad_y: np.ndarray) -> Step:
    how = (case.stride, case.padding, 1, case.groups)
    return {
        "forward": lambda: conv2d.forward(x, weight, None, *how),
        "input gradient": lambda: conv2d.backward_input(grad_y, weight, x.shape, *how),
        "weight gradient": lambda: conv2d.backward_weight(grad_y, x, weight.shape, *how),
    }[task]


def _theirs(
    case: Case, task: str, x: torch.Tensor, weight: torch.Tensor, grad_y: torch.Tensor
) -> Step:
    stride, padding, dilation = ([n, n] for n in (case.stride, case.padding, 1))
    if task == "forward":
        how = (stride, padding, dilation, case.groups)
        return lambda: torch.nn.functional.conv2d(x, weight, None, *how)
    wanted = [task == "input gradient", task == "weight gradient", False]
    backward = torch.ops.aten.convolution_backward
    how = (stride, padding, dilation, False, [0, 0], case.groups, wanted)
    return lambda: backward(grad_y, x, weight, None, *how)
