"""What ``clearconv train`` says of the run ahead, before its first step."""

from time import perf_counter

import click

from clearconv.cli.screen.messages import advise
from clearconv.cli.screen.progress import Bar
from clearconv.planning import plan_of
from clearconv.runs import files
from clearconv.runs.run import write_json
from clearconv.train import Callback, Run


class Ahead(Callback):
    """Looks at the data, forecasts time and memory, and leaves both in ``plan.json``."""

    def __init__(self) -> None:
        self.start = perf_counter()
        self.bar = Bar()

    def started(self, run: Run) -> None:
        """Measure a few steps on a copy of the network, and say what is to be expected."""
        if run.epochs_done >= run.settings.epochs:
            return
        read = perf_counter() - self.start
        self.bar.update("measuring a few steps", 0, 1)
        try:
            plan = plan_of(run, read)
        finally:
            self.bar.close()
        found, path = plan.survey, run.folder / files.PLAN
        if not path.exists():  # a resumed run keeps the forecast of the whole
            write_json(path, plan.to_dict())
        extra = found.copies
        if extra and not found.straddling:
            are = "image is a copy" if extra == 1 else "images are copies"
            known = "those found" if found.uncompared else "copies"
            click.echo(f"{extra:,} {are} of another; {known} are kept in one part")
        advise(found.advice)
        click.echo(f"forecast {plan.forecast}")
