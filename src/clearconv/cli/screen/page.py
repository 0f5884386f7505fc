"""The report of a run, with command lines instead of calls."""

from pathlib import Path
from shlex import join

from clearconv.cli.flags.repeating import repeating
from clearconv.cli.flags.spelling import quoted, spelled
from clearconv.cli.screen.bar import Bar
from clearconv.cli.screen.messages import warn
from clearconv.errors import ClearconvError
from clearconv.report.wording import Wording
from clearconv.train import Result, Run
from clearconv.words import printable


def write_page(run: Run, result: Result, bar: Bar) -> str:
    """Write a run's report and return its path; an error here never costs the model."""
    from clearconv import report

    bar.update("writing the report", 0, 1)
    try:
        path = report.write_report(result.folder, run.source, wording=COMMANDS, result=result)
    except ClearconvError as error:
        bar.close()
        again = f"clearconv report {quoted(result.folder)}"
        warn(f"there is no report: {error} To try again: {again}")
        return "-"
    bar.close()
    return printable(path)


def _predicting(folder: Path) -> str:
    return f"{join(['clearconv', 'predict', str(folder)])} IMAGE..."


#: The wording of a page for a reader who uses commands.
COMMANDS = Wording(spelled, repeating, _predicting, ("clearconv explain", "--layer"), "--abstain")
