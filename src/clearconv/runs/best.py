"""Which epoch's model is kept: the latest whose validation is not clearly below the highest.

The highest of many validations is a lucky one, the more so the fewer images judged: of 100 epochs
that are equally good, it lies about two standard errors above what they are worth. So an epoch that
comes later and has learnt more is taken unless it lies below the highest by more than that.
``docs/training.md`` shows what this is worth.
"""

from collections.abc import Mapping, Sequence
from math import sqrt
from typing import Any

import numpy as np

from clearconv.runs.evaluation import Evaluation

Record = Mapping[str, Any]

#: Standard errors that an epoch may lie below the highest validation before it.
_CLEARLY = 2.0


def judged(validation: Evaluation, every_class_alike: bool) -> dict[str, float]:
    """Return what an epoch's record holds of its validation.

    Parameters
    ----------
    validation : Evaluation
        After the epoch.
    every_class_alike : bool
        Whether the mean recall is what counts, and not the accuracy.

    Returns
    -------
    dict
        Loss, accuracy, mean recall where it counts, and the standard error of what counts. A
        share r of n is taken as (r n + 1) / (n + 2) there: n of n right are not certain.
    """
    said = {"validation_loss": validation.loss, "validation_accuracy": validation.accuracy}
    if every_class_alike:
        said["validation_mean_recall"] = validation.mean_recall
        images = np.bincount(validation.labels, minlength=len(validation.classes))
        right = np.diag(validation.confusion)[images > 0]
    else:
        images, right = np.array([validation.total]), np.array([validation.right])
    images = images[images > 0]
    share = (right + 1) / (images + 2)
    error = sqrt(float(np.sum(share * (1 - share) / images))) / len(images)
    return {**said, "validation_standard_error": error}


def measure(record: Record) -> str:
    """Return the key of what an epoch is judged by: mean recall if classes count alike."""
    recall = "validation_mean_recall"
    return recall if recall in record else "validation_accuracy"


def best_epoch(history: Sequence[Record]) -> int:
    """Return the number, from 1, of the epoch whose model is kept.

    It is the latest that did not lie clearly below the highest validation up to it, so that a run
    knows at the end of each epoch whether to keep its model. In records of earlier versions of
    clearconv, which hold no standard error, it is the epoch with the highest validation.
    """
    best, highest = 0, 0.0
    for end, record in enumerate(history, start=1):
        value, error = record[measure(record)], record.get("validation_standard_error")
        highest = max(highest, value)
        if error is None:
            best = highest_epoch(history[:end])
        elif value + _CLEARLY * error >= highest:
            best = record["epoch"]
    return int(best)


def highest_epoch(history: Sequence[Record]) -> int:
    """Return the epoch, from 1, with the highest validation; of equals that with the lower loss."""
    found = max(history, key=lambda r: (r[measure(r)], -r["validation_loss"], -r["epoch"]))
    return int(found["epoch"])
