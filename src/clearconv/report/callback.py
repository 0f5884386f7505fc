"""The report of a run started from Python."""

from html import escape
from pathlib import Path

from clearconv.report.write import write_report
from clearconv.train import Callback, Result, Run


class Report(Callback):
    """Writes ``report.html`` when a run is finished; a notebook shows it.

    Attributes
    ----------
    path : Path or None
        The page, once it is written.

    Examples
    --------
    >>> report = clearconv.report.Report()  # doctest: +SKIP
    >>> clearconv.fit("digits_cnn", "digits", callbacks=[report])  # doctest: +SKIP
    >>> report  # the last line of a notebook's cell  # doctest: +SKIP
    """

    def __init__(self) -> None:
        self.path: Path | None = None
        self._run: Run | None = None

    def started(self, run: Run) -> None:
        """Remember the data, which may exist only in memory."""
        self._run = run

    def finished(self, result: Result) -> None:
        """Write the page."""
        assert self._run is not None
        self.path = write_report(result.folder, self._run.source, result=result)

    def _repr_html_(self) -> str:
        """Show the page in a frame of its own, so that it changes nothing around it."""
        if self.path is None:
            return "<p>No run is finished yet, so there is no report.</p>"
        return (
            f'<iframe srcdoc="{escape(self.path.read_text("utf-8"))}" title="report" '
            'style="border:1px solid #888; width:100%; height:45rem"></iframe>'
        )
