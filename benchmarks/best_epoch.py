"""Which epoch's model should a run keep? Rules compared on images that no run has seen.

``python -m benchmarks.best_epoch digits --images 10,30,80`` trains on so many images of each class,
five seeds each, a tenth of them for validation. After every epoch it notes the accuracy on others,
and it prints what each rule's epoch came to. With a folder of photographs it takes hours.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
import numpy as np

from clearconv.data import Source, Split, make_split, open_data, write_split
from clearconv.random import generator
from clearconv.runs.best import best_epoch, highest_epoch
from clearconv.runs.evaluation import evaluate_model
from clearconv.train import Callback, EpochRecord, Run, train
from clearconv.words import table

Records = Sequence[EpochRecord]

#: What is compared: each gives the number of an epoch, from 1.
RULES: dict[str, Callable[[Records], int]] = {
    "the highest accuracy": highest_epoch,
    "the lowest loss": lambda records: min(records, key=lambda r: r.validation_loss).epoch,
    "the last": len,
    "the latest not clearly below the highest": best_epoch,
}


class Watch(Callback):
    """Keeps each epoch's record, and the accuracy on the images held out: `held`."""

    def __init__(self) -> None:
        self.records: list[EpochRecord] = []
        self.held: list[float] = []

    def started(self, run: Run) -> None:
        """Note whose run it is."""
        self.run = run

    def epoch(self, record: EpochRecord, best: bool) -> None:
        """Evaluate on the test part, which the run itself looks at only when it is done."""
        run, classes = self.run, self.run.source.classes
        said = evaluate_model(run.model, run.source, run.split.test, run.preprocessing, classes)
        self.records.append(record)
        self.held.append(said.accuracy)


def watched(source: Source, images: int, seed: int, held: int, settings: dict[str, Any]) -> Watch:
    """Train on `images` of each class, and judge every epoch on `held` others of each."""
    rng = generator(seed, "best epoch", images)
    few, others = [], []
    for label in range(len(source.classes)):
        order = rng.permutation(np.flatnonzero(source.labels == label))
        few.append(order[:images])
        others.append(order[images : images + held])
    learnt = np.sort(np.concatenate(few))
    parts = make_split(source.labels[learnt], seed, (9, 1, 0))
    split = Split(learnt[parts.train], learnt[parts.validation], np.sort(np.concatenate(others)))
    watch = Watch()
    with TemporaryDirectory() as folder:
        write_split(Path(folder) / "split.json", split, source)
        given = {"split": f"{folder}/split.json", "seed": seed, **settings}
        train(source, out=Path(folder) / "run", callbacks=[watch], **given)
    return watch


@click.command()
@click.argument("data")
@click.option("--images", default="20,50,200", help="Images of each class.")
@click.option("--held", default=80, help="Other images of each class, to judge by.")
@click.option("--seeds", default=5)
@click.option("--schedule", default="cosine")
def main(data: str, images: str, held: int, seeds: int, schedule: str) -> None:
    """Print the mean accuracy on images held out, by rule and number of images."""
    source = open_data(data)
    sizes = [int(size) for size in images.split(",")]
    runs = {
        size: [watched(source, size, seed, held, {"schedule": schedule}) for seed in range(seeds)]
        for size in sizes
    }
    rows = []
    for name, rule in RULES.items():
        means = [np.mean([run.held[rule(run.records) - 1] for run in runs[size]]) for size in sizes]
        rows.append((name, *(f"{mean:.3f}" for mean in means)))
    heads = ("kept epoch", *(f"{size} a class" for size in sizes))
    for line in table(heads, rows, right=tuple(range(1, len(heads)))):
        click.echo(line)


if __name__ == "__main__":
    main()
