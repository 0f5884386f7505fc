"""How the report speaks to a reader who gives commands."""

from pathlib import Path
from shlex import join

from clearconv.cli.flags.repeating import repeating
from clearconv.cli.flags.spelling import spelled
from clearconv.report.wording import Wording


def _predicting(folder: Path) -> str:
    return f"{join(['clearconv', 'predict', str(folder)])} IMAGE..."


COMMANDS = Wording(spelled, repeating, _predicting, ("clearconv explain", "--layer"))
