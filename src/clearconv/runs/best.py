"""Which epoch's model is kept: the latest whose validation is not clearly below the highest.

The highest of many validations is partly luck, and more so with few images: of 100 equally good
epochs, the highest is about two standard errors above the true value. So a later epoch, which has
learnt more, is taken unless it is below the highest by more than that.
``docs/training.md`` shows the effect.
"""

from collections.abc import Sequence
from math import sqrt

import numpy as np

from clearconv.runs.evaluation import Evaluation
from clearconv.runs.records.epoch import EpochRecord

#: Number of standard errors by which an epoch may be below the highest validation before it.
_CLEARLY = 2.0


def standard_error(validation: Evaluation, every_class_alike: bool) -> float:
    """Return the standard error of the measure by which an epoch is judged.

    A share r of n is taken as (r n + 1) / (n + 2): n of n right are not certain.

    Parameters
    ----------
    validation : Evaluation
        Evaluation after the epoch.
    every_class_alike : bool
        Whether the mean recall counts instead of the accuracy.
    """
    if every_class_alike:
        images = np.bincount(validation.labels, minlength=len(validation.classes))
        right = np.diag(validation.confusion)[images > 0]
    else:
        images, right = np.array([validation.total]), np.array([validation.right])
    images = images[images > 0]
    share = (right + 1) / (images + 2)
    return sqrt(float(np.sum(share * (1 - share) / images))) / len(images)


def best_epoch(history: Sequence[EpochRecord]) -> int:
    """Return the number, from 1, of the epoch whose model is kept.

    It is the latest that was not clearly below the highest validation up to then, so that a run
    knows at the end of each epoch whether to keep its model. In records of earlier versions of
    clearconv, which hold no standard error, it is the epoch with the highest validation.
    """
    best, highest = 0, 0.0
    for end, record in enumerate(history, start=1):
        error = record.validation_standard_error
        highest = max(highest, record.judged)
        if error is None:
            best = highest_epoch(history[:end])
        elif record.judged + _CLEARLY * error >= highest:
            best = record.epoch
    return best


def highest_epoch(history: Sequence[EpochRecord]) -> int:
    """Return the epoch, from 1, with the highest validation; and then the lower loss."""
    return max(history, key=lambda r: (r.judged, -r.validation_loss, -r.epoch)).epoch
