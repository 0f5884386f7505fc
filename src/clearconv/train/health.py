"""Is a run healthy? Rules on its history, each with a remedy.

A warning is given once, in the first epoch in which its rule holds: rules are functions of the
history alone, so a resumed run gives the same warnings as an uninterrupted one.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import exp, log, sqrt

import numpy as np

from clearconv.arrays import Array
from clearconv.data import Augmentation
from clearconv.layers import Node
from clearconv.runs.evaluation import Integers, evenly_spaced
from clearconv.runs.records.epoch import EpochRecord
from clearconv.runs.run import Run
from clearconv.train.probe import DeadUnits, dead_units, inputs_of, last_activation
from clearconv.train.transfer.features import Features

History = Sequence[EpochRecord]

#: A layer with a smaller share of dead channels is not a cause for concern.
_DEAD = 0.5
#: Number of validation images examined first (all of them only if many channels seem dead), and
#: the number needed to decide.
_PROBE, _ENOUGH = 64, 32
#: From this cropped share of an image, cropping may hide the difference between classes.
_CUT = 0.1
#: Epochs over which losses are averaged, and during which validation must not have improved.
_AVERAGE, _WAIT = 5, 5


def doubts(model: Node) -> list[str]:
    """Return warnings about a network before training."""
    found = last_activation(model)
    if found is None:
        return []
    kind, layer = found
    remedy = f"Leave {layer} out"
    if layer.startswith(("Linear", "Conv")):
        remedy = f"Leave activation={kind!r} of {layer} out"
    return [
        f"the network ends in {kind}, of {layer}, but training takes its outputs as logits, which "
        "may be any numbers, and applies softmax itself: with another activation before it, it "
        f"learns slowly or not at all. {remedy}; predictions are probabilities in any case."
    ]


def examined(run: Run, record: EpochRecord, features: Features | None = None) -> EpochRecord:
    """Return an epoch's record with its dead layers and its `warnings`."""
    found = find_dead(run, features)
    images = np.bincount(run.source.labels[run.split.train], minlength=len(run.source.classes))
    record = replace(record, dead={unit.path: unit.dead for unit in found})
    said = warnings(
        [*run.history, record],
        found,
        images,
        len(run.split.validation),
        hidden(run.settings.augmentation, run.preprocessing.cut(run.source.sizes)),
    )
    return replace(record, warnings=tuple(said))


def find_dead(run: Run, features: Features | None = None) -> list[DeadUnits]:
    """Return the layers in which most channels fire for none of the validation images.

    With `features`, only the layers that are trained are examined.

    Some of the images are examined first, and all only if a layer looks dead. A few images would
    only show that a channel is silent for them: then the list is empty.
    """
    samples = run.split.validation
    images = len(samples)
    if images < _ENOUGH:
        return []
    some = samples[evenly_spaced(images, _PROBE)]
    for part in (some, samples):
        if features is None:
            units = dead_units(run.model, inputs_of(run, part))
        else:
            units = dead_units(features.model, [features.of_samples(part)])
        found = [unit for unit in units if unit.share >= _DEAD]
        if not found or len(part) == images:
            break
    return found


def hidden(augmentation: Augmentation, cut: float) -> str:
    """Say what augmentation and cropping may hide, and how to turn them off; empty if nothing.

    Parameters
    ----------
    augmentation : Augmentation
        Random variations of the training images.
    cut : float
        Share of a typical image that the network does not see.
    """
    said = []
    if augmentation.flip:
        said.append("`augmentation={'flip': 0}` where left and right matter")
    if augmentation.vertical_flip:
        said.append("`augmentation={'vertical_flip': 0}` where top and bottom matter")
    if augmentation.crop:
        said.append("`augmentation={'crop': None}` if the classes differ at the edges")
    if cut >= _CUT:
        said.append("`resize='squash'` if they differ at the ends of wide or tall images")
    return (
        f"it may not see the difference between the classes: try {', '.join(said)}" if said else ""
    )


def warnings(
    history: History,
    found: Sequence[DeadUnits],
    images: Integers,
    validated: int,
    hiding: str = "",
) -> list[str]:
    """Return the warnings after the last epoch of a history.

    Parameters
    ----------
    history : sequence of EpochRecord
        One record per epoch, including the last one; ``record.dead`` holds the dead channels of
        each layer that was found.
    found : sequence of DeadUnits
        Dead units of the last epoch.
    images : ndarray of int64, shape (K,)
        Number of training images per class.
    validated : int
        Number of validation images.
    hiding : str
        What may hide the difference between the classes from the network, from `hidden`.
    """
    chance = float(
        images.max() / images.sum()
    )  # accuracy of always predicting the most frequent class
    said = [
        f"{unit.layer}: {unit.dead} of {unit.channels} channels never fire. They are zero for "
        "every validation image, so nothing changes them any more. Try a lower learning rate, or "
        "batch normalisation before the ReLU."
        for unit in found
        if _worse(history, unit)
    ]
    if _first(stuck, history, chance, log(len(images)), int(images.sum()), validated):
        said.append(_stuck_message(history, log(len(images)), hiding))
    if _first(parted, history):
        said.append(
            f"training and validation part: since epoch {_lowest(history)} the training loss "
            f"falls and the validation loss rises ({_last(history, 'train_accuracy'):.2f} of the "
            f"training images are correct, {_last(history, 'validation_accuracy'):.2f} of the "
            "others). The network is overfitting. Try more images, more augmentation, "
            "`dropout`, a larger `weight_decay`, or `patience` to stop earlier; an epoch whose "
            "validation is not clearly below the best is kept in any case."
        )
    return said


def parted(history: History) -> bool:
    """Return whether the network is overfitting.

    Losses are averaged over five epochs. The validation loss must have been lowest at least five
    epochs ago and have risen by a tenth since, and by more than it goes up and down from epoch to
    epoch, while the training loss went down by a tenth. And the training accuracy must be ahead by
    five points: a loss alone also rises if a network merely becomes more confident about the few
    images that it gets wrong.
    """
    if len(history) < _AVERAGE + _WAIT:
        return False
    train, validation = _smooth(history, "train_loss"), _smooth(history, "validation_loss")
    low = int(np.argmin(validation))
    if len(validation) - 1 - low < _WAIT:
        return False
    ahead = _last(history, "train_accuracy") - _last(history, "validation_accuracy")
    jumps = np.diff([record.validation_loss for record in history])
    least = max(0.1 * validation[low], 2.5 * float(np.std(jumps)) / sqrt(2))
    rises = validation[-1] - validation[low] > least
    return bool(rises and train[-1] < 0.9 * train[low] and ahead > 0.05)


def stuck(history: History, chance: float, ignorance: float, trained: int, validated: int) -> bool:
    """Return whether nothing was learnt after the first epoch.

    The training loss is not one percent below the first epoch's, or not below that of equal
    probabilities for all classes (`ignorance`, the logarithm of their number); and neither part is
    classified better than by always guessing the most frequent class (`chance`), give or take three
    points; from the fifth epoch on two standard errors if that is more, since with few images
    (`trained`, `validated`) more are correct by luck. If all classes count equally, the mean recall
    is compared with chance instead, and the training accuracy is ignored.
    """
    if len(history) < 2:
        return False
    first, last = history[0], history[-1]
    errors = 2.0 if len(history) >= _WAIT else 0.0
    judged = [("train_accuracy", chance, trained), ("validation_accuracy", chance, validated)]
    if last.validation_mean_recall is not None:
        judged = [("validation_mean_recall", exp(-ignorance), validated)]
    for name, guessed, images in judged:
        luck = errors * sqrt(guessed * (1 - guessed) / images)
        if getattr(last, name) >= guessed + max(0.03, luck):
            return False
    return bool(last.train_loss > 0.99 * min(first.train_loss, ignorance))


def _stuck_message(history: History, ignorance: float, hiding: str) -> str:
    """Return the warning that nothing was learnt, with the more likely reason first.

    If the loss is about that of equal probabilities, the network moved and found nothing.
    """
    first, last = history[0].train_loss, history[-1].train_loss
    cause = "far too high, or far too low"
    if history[-1].dead:
        cause = "probably too high"
    elif abs(last - first) < 1e-3 * first:
        cause = "probably too low"
    reasons = [f"the learning rate is {cause}; `lr='auto'` finds one"]
    if hiding:
        found_nothing = "probably" not in cause and last < 1.5 * ignorance
        reasons.insert(0 if found_nothing else 1, hiding)
    reason = "; or ".join(reasons)
    return (
        f"the network has learnt nothing: a training loss of {first:.3f} in the first epoch, "
        f"{last:.3f} in epoch {len(history)}. {reason[0].upper()}{reason[1:]}."
    )


def _worse(history: History, unit: DeadUnits) -> bool:
    """Return whether a layer has 1.5 times as many dead channels as at the last warning."""
    said = 0
    for record in history[:-1]:
        dead = record.dead.get(unit.path, 0)
        if dead and dead >= 1.5 * said:
            said = dead
    return unit.dead >= 1.5 * said


def _first(rule: Callable[..., bool], history: History, *more: float) -> bool:
    """Return whether a rule holds now for the first time."""
    earlier = (history[:end] for end in range(1, len(history)))
    return rule(history, *more) and not any(rule(part, *more) for part in earlier)


def _smooth(history: History, name: str) -> Array:
    values = np.array([getattr(record, name) for record in history], dtype=float)
    return np.convolve(values, np.full(_AVERAGE, 1 / _AVERAGE), mode="valid")


def _last(history: History, name: str) -> float:
    return float(_smooth(history, name)[-1])


def _lowest(history: History) -> int:
    """Return the epoch, from 1, around which the validation loss was lowest."""
    return int(np.argmin(_smooth(history, "validation_loss"))) + 1 + _AVERAGE // 2
