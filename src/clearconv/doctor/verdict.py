"""The findings about a learner's file, and about each layer in it."""

from dataclasses import dataclass, field
from pathlib import Path

from clearconv.doctor.counter import Counter
from clearconv.doctor.find import Found
from clearconv.doctor.kinds import Limits
from clearconv.doctor.layout import Layout
from clearconv.doctor.matching import Match, part
from clearconv.doctor.quote import Quote


@dataclass
class Verdict:
    """The findings about one layer.

    Attributes
    ----------
    found : Found
        The layer.
    layout : Layout
        Layout of its arrays.
    limits : Limits
        Limits within which it was tried.
    cases : list of str
        Names of the cases.
    match : Match, optional
        What fits; None if it could not be run.
    stopped : str
        Why it could not be run, or stopped in some case; otherwise ``""``.
    stops : list of str
        The names of the cases in which an error stopped it.
    places : dict
        Wrong result that nothing explains -> where its errors are.
    counters : list of Counter
        The smallest cases that show what is wrong.
    quotes : dict
        Key of a mistake, or name of a result -> the learner's line.
    remarks : list of str
        Other remarks.
    built_in : dict
        Option that the code does not take -> the number that it uses instead.
    """

    found: Found
    layout: Layout
    limits: Limits
    cases: list[str] = field(default_factory=list)
    match: Match | None = None
    stopped: str = ""
    stops: list[str] = field(default_factory=list)
    places: dict[str, list[str]] = field(default_factory=dict)
    counters: list[Counter] = field(default_factory=list)
    quotes: dict[str, Quote] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    built_in: dict[str, float] = field(default_factory=dict)

    @property
    def forward_right(self) -> bool:
        """Whether the forward pass gave results, and all of them are right."""
        if self.match is None:
            return False
        forward = {name for name in self.match.seen if part(name) == "forward"}
        return bool(forward) and not forward & self.match.wrong.keys()

    @property
    def right(self) -> bool:
        """Whether everything that was examined is right."""
        return self.match is not None and self.match.right and not self.stopped


@dataclass
class Examination:
    """The findings about a file.

    Attributes
    ----------
    path : Path
        The file.
    verdicts : list of Verdict
        One verdict per layer.
    notes : list of str
        Notes about the file as a whole.
    unreadable : str
        Why nothing could be examined; otherwise ``""``.
    """

    path: Path
    verdicts: list[Verdict] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    unreadable: str = ""

    @property
    def right(self) -> bool:
        """Whether something was examined, and everything in it is right."""
        return bool(self.verdicts) and all(verdict.right for verdict in self.verdicts)
