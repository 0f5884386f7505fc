"""Examine a learner's file: find its layers, run each, compare, and say what fits."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from clearconv.doctor.find import Found, find
from clearconv.doctor.helpers import blame_helpers
from clearconv.doctor.kinds import KINDS
from clearconv.doctor.named import Named
from clearconv.doctor.overlooked import overlooked
from clearconv.doctor.sandbox import Confines, Patient, run
from clearconv.doctor.trouble import sentence, syntax, with_text
from clearconv.doctor.verdict import Examination
from clearconv.doctor.visit import visit
from clearconv.errors import ArgumentError


def examine(
    path: str | Path,
    *,
    functions: Sequence[Named] = (),
    only: Sequence[str] = (),
    conventions: Mapping[str, str] | None = None,
    confines: Confines | None = None,
    watch: Callable[[str, int, int], None] | None = None,
) -> Examination:
    """Run a learner's layers on cases where mistakes cannot hide, and name what is wrong.

    Parameters
    ----------
    path : str or Path
        A Python file.
    functions : sequence of Named
        Functions to examine; empty to look for layers by names and arguments.
    only : sequence of str
        Kinds, classes or functions to examine; empty for all that are found.
    conventions : mapping, optional
        Conventions by key, if they are not to be inferred.
    confines : Confines, optional
        Time and memory.
    watch : callable, optional
        Called before each layer with its name, its number from 1, and the number of layers.

    Returns
    -------
    Examination

    Raises
    ------
    ArgumentError
        If `only` or `functions` name nothing that is there.
    """
    path = Path(path).resolve()
    examination = Examination(path)
    source = path.read_text("utf-8-sig", "replace")
    if path.suffix == ".ipynb":
        examination.unreadable = (
            "it is a notebook; write its code to a Python file first: "
            f"jupyter nbconvert --to script '{path.name}'"
        )
        return examination
    try:
        found = [one for one in find(source, functions) if one.kind in KINDS]
    except (SyntaxError, ValueError, RecursionError) as error:
        said = syntax(error) if isinstance(error, SyntaxError) else str(error)
        examination.unreadable = f"it is not valid Python 3: {said}"
        return examination
    _check_named(source, functions, found)
    wanted = [(i, one) for i, one in enumerate(find(source, functions)) if one in found]
    wanted = [(i, one) for i, one in wanted if not only or _is_wanted(one, only)]
    if only and not wanted:
        there = ", ".join(dict.fromkeys(one.name for one in found)) or "nothing"
        raise ArgumentError(f"`only` {', '.join(only)} is not in {path.name}. It has: {there}.")
    if not (only or functions):
        examination.notes += overlooked(source, found)
    if not wanted:
        return examination
    patient = Patient(path, tuple(functions), False, confines or Confines())
    patient = _loaded(patient, examination, source)
    if not examination.unreadable:
        for place, (number, one) in enumerate(wanted, 1):
            if watch is not None:
                watch(f"{one.kind} {one.name}", place, len(wanted))
            verdict = visit(patient, source, number, one, conventions or {})
            if one.doubt and not verdict.forward_right:
                name = one.calls["forward"].name if one.family == "functions" else one.name
                examination.notes.append(
                    f"{name} in line {one.line} was not examined: {one.doubt}. If it is "
                    f"one {one.kind} nevertheless, name its function with `functions`"
                )
            else:
                examination.verdicts.append(verdict)
        blame_helpers(source, examination.verdicts)
    return examination


def _check_named(source: str, functions: Sequence[Named], found: Sequence[Found]) -> None:
    there = {call.name for one in found for call in one.calls.values()}
    for one in functions:
        if one.function not in there:
            raise ArgumentError(
                f"`functions` {one.kind}.{one.part}={one.function}: the file defines no function "
                f"{one.function} at its top level."
            )


def _is_wanted(found: Found, only: Sequence[str]) -> bool:
    names = {found.kind, found.name, *(call.name for call in found.calls.values())}
    return bool(names & set(only))


def _loaded(patient: Patient, examination: Examination, source: str) -> Patient:
    """Load the file; if that fails, try only its definitions."""
    loading, _ = run(patient, None, [])
    if loading.trouble is None:
        return patient
    said = sentence(with_text(loading.trouble, source), loading=True)
    patient = replace(patient, definitions=True)
    again, _ = run(patient, None, [])
    if again.trouble is not None:
        examination.unreadable = f"it cannot be loaded: {said}"
        return patient
    note = f"The file does not load: {said}. Only its imports, functions and classes were loaded"
    if "Error" not in loading.trouble["type"] or loading.trouble["type"] == "EOFError":
        note += "; put what should run under if __name__ == '__main__':"
    examination.notes.append(note)
    return patient
