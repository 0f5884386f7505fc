"""The compiled kernels; absent where clearconv was installed without a C++ compiler."""

from types import ModuleType
from typing import Any

import numpy.typing as npt

def __getattr__(chapter: str) -> ModuleType:
    """Return a chapter's submodule, with the functions of its matrix telling."""

def variant() -> str:
    """Name the instruction set in use: avx512, avx2 or baseline."""

def system_allocations() -> int:
    """Return how often kernels asked the system for more than 64 KiB."""

def run_tile(times: int) -> int:
    """Run the register tile by itself, in float32; return the multiply-adds done."""

def swap_last_axes(x: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Copy (N, R, K) to (N, K, R), contiguous."""

def get_threads() -> int:
    """Return the number of threads that kernels use."""

def set_threads(count: int) -> None:
    """Set the number of threads; no result depends on it."""
