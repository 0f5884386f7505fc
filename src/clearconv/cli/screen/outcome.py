"""What is printed at the end: the test, the files written, and how reliable the accuracy is."""

from dataclasses import replace

import click

from clearconv.cli.flags.repeating import repeating
from clearconv.cli.flags.spelling import quoted
from clearconv.cli.screen.evaluation import accuracy, sureness, tables
from clearconv.data import usual_folds
from clearconv.runs import files
from clearconv.runs.best import highest_epoch
from clearconv.train import CrossValidation, Result, Run
from clearconv.words import counted, printable


def show_test(run: Run, result: Result) -> None:
    """Show the test of the model that was kept."""
    if result.stopped_early:
        waited = counted(run.settings.patience or 0, "epoch")
        click.echo(f"stopped early: no better validation for {waited}")
    kept = f"the best epoch, {result.best_epoch}"
    if result.best_epoch != highest_epoch(run.history):
        kept = f"epoch {result.best_epoch}, the latest that is not clearly below the best"
    if run.settings.class_weights:
        kept += ", by the mean recall of the validation images"
    click.echo(f"\nTest with {kept}\n")
    full_list = f"all are in {printable(result.folder / files.RESULT)}"
    for line in tables(result.evaluation, full_list):
        click.echo(line)


def conclude(run: Run, result: Result, page: str) -> None:
    """Print where everything is, how to continue, and how reliable the accuracy is."""
    name = quoted(result.folder)
    click.echo(
        f"\nrun folder      {printable(result.folder)}\n"
        f"report          {page}\n"
        f"weights sha256  {result.fingerprint}\n"
        f"training took   {_to_the_second(result.seconds)}\n\n"
        f"new images      clearconv predict {name} IMAGE...\n"
        f"test again      clearconv evaluate {name}\n"
    )
    folds = usual_folds(run.source) if run.settings.split is None else 0
    remedy = f"--folds {folds} tests on every image" if folds else "test on more images"
    for line in sureness(result.evaluation, remedy):
        click.echo(line)
    click.echo(accuracy(result.evaluation))


def conclude_fold(result: Result, page: str) -> None:
    """Print the accuracy of the fold; its page and its result.json hold the rest."""
    click.echo(f"report {page}\n{accuracy(result.evaluation)}")


def conclude_folds(run: Run, found: CrossValidation) -> None:
    """Report the test of all folds as one, and how to train the model to use.

    Parameters
    ----------
    run : Run
        Any fold's run.
    found : CrossValidation
        Their results.
    """
    full_list = f"all are in {printable(found.folder / files.FOLDS)}"
    click.echo("\nTests of all folds: each image once, by a model that had not seen it\n")
    for line in tables(found.evaluation, full_list):
        click.echo(line)
    final = repeating(run.source.kind, replace(run.settings, split=None))
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


def _to_the_second(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{seconds:.1f} s"
