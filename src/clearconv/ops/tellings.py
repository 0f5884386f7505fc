"""The tellings, and which of them runs: decided only here."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from operator import index
from types import ModuleType
from typing import TYPE_CHECKING, Any
from warnings import warn

from clearconv.errors import ArgumentError, BackendError

if TYPE_CHECKING:  # the command line reads this file before NumPy is needed
    from clearconv.ops.chapter import Case


@dataclass(frozen=True)
class Telling:
    """One way of writing the chapters.

    Attributes
    ----------
    name : str
        Name of the telling in ``backend=``.
    load : callable
        Given a chapter, returns the module or submodule that holds its functions, or None if
        the chapter does not have this telling here. If that module has a function ``supports``, it
        is given a ``Case`` and returns whether the telling can compute it.
    lacking : callable
        Given a chapter for which `load` returns None, returns why.
    """

    name: str
    load: Callable[[str], Any]
    lacking: Callable[[str], str]


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
        return _fastest(chapter)
    _check(wanted)
    telling = TELLINGS[wanted]
    found = telling.load(chapter)
    if found is None:
        raise BackendError(
            f"{chapter}: backend {wanted!r} was asked for, but {telling.lacking(chapter)}. "
            "Use `backend='matrix'`, or leave `backend` out to get the fastest one present."
        )
    return found


def available(chapter: str, case: "Case | None" = None) -> tuple[str, ...]:
    """Name the tellings of `chapter` that can run here; with a case, those that can compute it."""
    found = {name: telling.load(chapter) for name, telling in TELLINGS.items()}
    return tuple(
        name
        for name, module in found.items()
        if module is not None
        and (case is None or not hasattr(module, "supports") or module.supports(case))
    )


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
    """Set the number of threads of the compiled kernels.

    No result depends on it. At first they use OMP_NUM_THREADS threads, or else as many as the
    process has cores. It applies to the whole process; a call from a second Python thread, while
    the others are busy, computes on its own thread alone.

    Parameters
    ----------
    count : int
        Number of threads, at least 1. More than the number of cores is allowed, but slower.

    Returns
    -------
    before : int
        Previous number of threads.

    Raises
    ------
    ArgumentError
        If `count` is not an integer of at least 1.

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
def _loops(chapter: str) -> ModuleType:
    return import_module(f"clearconv.ops.{chapter}.loops")


@cache
def _matrix(chapter: str) -> ModuleType:
    return import_module(f"clearconv.ops.{chapter}.matrix")


@cache
def _native(chapter: str) -> Any:
    return getattr(native_module(), chapter, None)


def _not_compiled(chapter: str) -> str:
    if native_module() is None:
        return (
            "the compiled module is not installed; install clearconv where a C++ compiler is found"
        )
    return f"{chapter} has no native telling yet"


def _not_written(chapter: str) -> str:
    return f"{chapter} does not have this telling"


#: A row for each, the one to read first at the top, the fastest at the bottom.
TELLINGS = {
    telling.name: telling
    for telling in (
        Telling("loops", _loops, _not_written),
        Telling("matrix", _matrix, _not_written),
        Telling("native", _native, _not_compiled),
    )
}
BACKENDS = tuple(TELLINGS)


@cache
def _fastest(chapter: str) -> Any:
    loaded = (telling.load(chapter) for telling in reversed(TELLINGS.values()))
    return next(module for module in loaded if module is not None)


def _check(name: str) -> None:
    if name not in TELLINGS:
        raise BackendError(f"backend {name!r} is not known; choose one of {', '.join(BACKENDS)}.")
