"""Names the mistake in a learner's own forward or backward pass.

The code runs in a process of its own on cases where mistakes cannot hide; what comes out is
compared with the truth and with a catalogue of executable mistakes.
"""

from clearconv.doctor.examination import examine
from clearconv.doctor.json_record import record
from clearconv.doctor.kinds import KINDS
from clearconv.doctor.matching import Match, Trial, match
from clearconv.doctor.sandbox import Confines
from clearconv.doctor.verdict import Examination, Verdict
from clearconv.doctor.words import told

__all__ = [
    "KINDS",
    "Confines",
    "Examination",
    "Match",
    "Trial",
    "Verdict",
    "examine",
    "match",
    "record",
    "told",
]
