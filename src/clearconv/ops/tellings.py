"""Which telling of a chapter runs: the one place where that is decided."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from importlib import import_module
from operator import index
from types import ModuleType
from typing import Any
from warnings import warn

from clearconv.errors import ArgumentError, BackendError

BACKENDS = ("loops", "matrix", "native")

_chosen: ContextVar[str | None] = ContextVar("clearconv_backend", default=None)


@contextmanager
def backend(name: str | None) -> Iterator[None]:
    """Run every operation inside the ``with`` block in one telling.

    Parameters
    ----------
    name : {"loops", "matrix", "native"} or None
        None returns to the default: native where it is compiled, else matrix.

    Raises
    ------
    BackendError
        If there is no telling of that name.

    Examples
    --------
    >>> import clearconv
    >>> with clearconv.backend("loops"):
    ...     pass
    """
    if name is not None:
        _check(name)
    token = _chosen.set(name)
    try:
        yield
    finally:
        _chosen.reset(token)


def pick(chapter: str, name: str | None) -> Any:
    """Return the module that holds the wanted telling of `chapter`.

    A telling that was asked for by name, in the call or by ``with backend(...)``, and that is
    absent is an error, never silently another one.
    """
    wanted = name if name is not None else _chosen.get()
    if wanted is None:
        compiled = _native(chapter)
        return compiled if compiled is not None else _python(chapter, "matrix")
    _check(wanted)
    if wanted != "native":
        return _python(chapter, wanted)
    compiled = _native(chapter)
    if compiled is None:
        why = (
            "the compiled module is not installed; install clearconv where a C++ compiler is found"
            if native_module() is None
            else f"{chapter} has no native telling yet"
        )
        raise BackendError(
            f"{chapter}: backend 'native' was asked for, but {why}. "
            "Use backend='matrix', or leave the backend out to get the fastest one present."
        )
    return compiled


def available(chapter: str) -> tuple[str, ...]:
    """Name the tellings of `chapter` that can run here."""
    return BACKENDS if _native(chapter) is not None else BACKENDS[:2]


@cache
def native_module() -> ModuleType | None:
    """Return the compiled module, or None where clearconv was installed without a compiler."""
    try:
        return import_module("clearconv._native")
    except ModuleNotFoundError as error:
        if error.name != "clearconv._native":
            raise
        return None


def variant() -> str:
    """Name the compiled variant that runs here, such as "avx512"; "none" without a native one."""
    module = native_module()
    return "none" if module is None else str(module.variant())


def set_threads(count: int) -> int:
    """Let the compiled kernels use so many threads.

    No result depends on it. At first they use OMP_NUM_THREADS threads, or else as many as the
    process has cores. It counts for the whole process; a call from a second Python thread, while
    the others are busy, computes on its own thread alone.

    Parameters
    ----------
    count : int
        At least 1. More than there are cores is allowed, and slower.

    Returns
    -------
    before : int
        How many they used until now.

    Raises
    ------
    ArgumentError
        If `count` is no integer of at least 1.

    Warns
    -----
    UserWarning
        Where clearconv was installed without a C++ compiler: there are no compiled kernels, so
        nothing changes, and 1 is returned. NumPy's own threads are set before it is imported, by
        OMP_NUM_THREADS.
    """
    if isinstance(count, bool) or not hasattr(count, "__index__") or index(count) < 1:
        raise ArgumentError(
            f"set_threads({count!r}): an integer of at least 1 is needed. Leave the call out to "
            "use all cores."
        )
    module = native_module()
    if module is None:
        warn(
            "set_threads: clearconv was installed without its compiled kernels, so there are no "
            "threads to set and nothing changes. NumPy's own threads are set by OMP_NUM_THREADS, "
            "before Python starts.",
            stacklevel=2,
        )
        return 1
    before = int(module.get_threads())
    module.set_threads(index(count))
    return before


@cache
def _native(chapter: str) -> Any:
    return getattr(native_module(), chapter, None)


@cache
def _python(chapter: str, telling: str) -> ModuleType:
    return import_module(f"clearconv.ops.{chapter}.{telling}")


def _check(name: str) -> None:
    if name not in BACKENDS:
        raise BackendError(f"backend {name!r} is not known; choose one of {', '.join(BACKENDS)}.")
