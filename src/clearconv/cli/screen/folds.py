"""What a person sees of a cross-validation: each fold's epochs and test, and all in one table."""

from dataclasses import replace
from pathlib import Path

import click

from clearconv.cli.screen.ahead import Ahead
from clearconv.cli.screen.evaluation import accuracy, report, sureness
from clearconv.cli.screen.progress import Training, parts, quoted
from clearconv.runs import files
from clearconv.train import CrossValidation, Result, Run
from clearconv.words import printable


class Folds(Training):
    """Shows the runs of a cross-validation: what they share once, and of each a few lines."""

    def __init__(self) -> None:
        super().__init__()
        self.ahead: Ahead | None = Ahead()

    @property
    def folder(self) -> Path | None:
        """Return the folder that holds the folds."""
        return None if self.run is None else self.run.folder.parent

    def started(self, run: Run) -> None:
        """Say what all folds share, then which one begins."""
        click.echo(f"{'' if self.run is None else chr(10)}{printable(run.folder.name)}")
        if self.run is None:
            super().started(run)
        else:
            self.run = run
            click.echo(parts(run))
            self._going_on(run)
        if self.ahead is not None and run.epochs_done < run.settings.epochs:
            self.ahead.started(run)
            self.ahead = None
            click.echo("each fold takes that time")

    def finished(self, result: Result) -> None:
        """Say how the fold's test went; its page and its result.json hold the rest."""
        page = result.folder / files.REPORT
        shown = printable(page) if page.exists() else self._report(result)
        click.echo(f"report {shown}\n{accuracy(result.evaluation)}")

    def conclude(self, found: CrossValidation) -> None:
        """Report the test of all folds as one."""
        from clearconv.cli.flags.repeating import repeating

        assert self.run is not None
        full_list = f"all are in {printable(found.folder / files.FOLDS)}"
        click.echo("\nTests of all folds: each image once, by a model that had not seen it\n")
        for line in report(found.evaluation, full_list):
            click.echo(line)
        final = repeating(self.run.source.kind, replace(self.run.settings, split=None))
        click.echo(
            f"\n{found}\n\n"
            f"folder           {printable(found.folder)}\n"
            f"again, a fold    clearconv evaluate {quoted(found.folder / files.fold(1))}\n"
            f"model to use     {final}\n\n"
            "The models of the folds are there to be tested. The model to use is trained on\n"
            "the same data without --folds, by that command. Its accuracy is about this:"
        )
        for line in sureness(found.evaluation, "collect more images"):
            click.echo(line)
        click.echo(accuracy(found.evaluation))
