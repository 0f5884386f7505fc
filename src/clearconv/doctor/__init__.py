"""Finds and names the mistake in a learner's own forward or backward pass.

The code runs in its own process on cases where mistakes cannot hide; its output is
compared with the truth and with a catalogue of executable mistakes.

Names are loaded when they are first used: the learner's process, which needs files of this package,
never loads the catalogue.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clearconv.doctor.examination import examine as examine
    from clearconv.doctor.json_record import record as record
    from clearconv.doctor.kinds import KINDS as KINDS
    from clearconv.doctor.matching import Match as Match
    from clearconv.doctor.matching import Trial as Trial
    from clearconv.doctor.matching import match as match
    from clearconv.doctor.sandbox import Confines as Confines
    from clearconv.doctor.verdict import Examination as Examination
    from clearconv.doctor.verdict import Verdict as Verdict
    from clearconv.doctor.words import told as told

#: Public name -> the file that it comes from; the same as above, for run time.
_HOMES = {
    "KINDS": "kinds",
    "Confines": "sandbox",
    "Examination": "verdict",
    "Match": "matching",
    "Trial": "matching",
    "Verdict": "verdict",
    "examine": "examination",
    "match": "matching",
    "record": "json_record",
    "told": "words",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'clearconv.doctor' has no attribute {name!r}")
    value = getattr(import_module(f"clearconv.doctor.{_HOMES[name]}"), name)
    globals()[name] = value  # found directly from now on
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
