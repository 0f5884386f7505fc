"""How to train a head on frozen features: the settings that follow from the number of images."""

from collections.abc import Mapping
from dataclasses import replace

from clearconv.data import Augmentation, Source
from clearconv.runs.earlier import Earlier
from clearconv.runs.given import Given

#: From this number of photographs fewer epochs are enough: each has more steps.
MANY = 2000
#: Number of epochs with fewer photographs, and with more.
EPOCHS = 20, 10


def with_recipe(given: Given, earlier: Earlier, source: Source) -> Given:
    """Return the settings for a run that starts from a pretrained model.

    Its layers up to the head are frozen and the images do not vary, so that what these layers give
    is computed once. Settings that are given stay; who gives `freeze` wants another kind of run.

    Parameters
    ----------
    given : Given
        The settings asked for.
    earlier : Earlier
        The model. Only one with a `head` has this recipe.
    source : Source
        The images.

    Returns
    -------
    Given

    Notes
    -----
    ``docs/transfer.md`` says how the numbers were found.
    """
    if earlier.head is None or given.freeze is not None:
        return given
    usual = Given(
        freeze=earlier.head,
        epochs=EPOCHS[len(source) >= MANY],
        batch_size=32,
        weight_decay=0.05,
        label_smoothing=0.1,
        augmentation=Augmentation.none(),
    )
    if given.optimiser in (None, "adamw"):
        usual = replace(usual, lr=3e-3)
    varied = given.augmentation
    if isinstance(varied, Mapping):
        given = replace(given, augmentation={**Augmentation.none().to_dict(), **varied})
    return given.over(usual)
