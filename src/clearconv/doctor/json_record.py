"""What the doctor found as plain data, for graders."""

from typing import Any

import numpy as np

from clearconv.doctor.counter import Counter
from clearconv.doctor.kinds import KINDS, Slip
from clearconv.doctor.layout import Array
from clearconv.doctor.share import spoken_slip
from clearconv.doctor.verdict import Examination, Verdict
from clearconv.doctor.words import understood


def record(examination: Examination) -> dict[str, Any]:
    """Return an examination as what JSON can hold; ``docs/doctor.md`` says what each key means.

    Parameters
    ----------
    examination : Examination
        Examination of a file.
    """
    return {
        "file": str(examination.path),
        "right": examination.right,
        "unreadable": examination.unreadable or None,
        "notes": examination.notes,
        "layers": [_layer(verdict) for verdict in examination.verdicts],
    }


def _layer(verdict: Verdict) -> dict[str, Any]:
    found, match = verdict.found, verdict.match
    slips = {slip.key: slip for slip in KINDS[found.kind].slips}
    return {
        "kind": found.kind,
        "name": found.name,
        "line": found.line,
        "functions": {part: call.name for part, call in found.calls.items()},
        "right": verdict.right,
        "understood": understood(verdict),
        "conventions": dict(match.conventions) if match else {},
        "cases": verdict.cases,
        "results": {
            name: {
                "right": not off,
                "cases": len(match.seen[name]),
                "wrong_in": [verdict.cases[number] for number in off],
            }
            for name, off in ((name, match.off(name)) for name in match.seen)
        }
        if match
        else {},
        "sure": sorted(match.sure) if match else [],
        "complete": match.complete if match else True,
        "explanations": [sorted(one) for one in match.sets] if match else [],
        "mistakes": {
            key: _mistake(verdict, slips[key])
            for key in sorted({key for one in match.sets for key in one} if match else ())
        },
        "not_explained": verdict.places,
        "stopped": verdict.stopped or None,
        "stopped_in": verdict.stops,
        "counter_examples": [_counter(one) for one in verdict.counters],
        "remarks": verdict.remarks,
    }


def _mistake(verdict: Verdict, slip: Slip) -> dict[str, Any]:
    quote = verdict.quotes.get(slip.key)
    slip = spoken_slip(slip, verdict.layout)
    return {
        "title": slip.title,
        "why": " ".join(slip.why.split()),
        "remedy": " ".join(slip.remedy.split()),
        "link": f"docs/{slip.link}",
        "line": quote.line if quote and quote.sure else None,
        "text": quote.text if quote and quote.sure else None,
    }


def _counter(counter: Counter) -> dict[str, Any]:
    return {
        "result": counter.name,
        "inputs": {name: _numbers(array) for name, array in counter.case.arrays.items()},
        "options": {name: _plain(value) for name, value in counter.case.options.items()},
        "got": _numbers(counter.got),
        "expected": _numbers(counter.want),
    }


def _numbers(array: Array) -> Any:
    """Return nested lists, with NaN and infinity, which JSON does not have, as words."""
    if np.isfinite(array).all():
        return array.tolist()
    words = array.astype(object)
    for place in np.argwhere(~np.isfinite(array)):
        words[tuple(place)] = str(array[tuple(place)])
    return words.tolist()


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
