"""The command line that repeats a run, or the call if a setting has no flag."""

from dataclasses import fields
from shlex import join

from clearconv.cli.flags.options import TRAIN
from clearconv.cli.flags.spelling import flags_of
from clearconv.cli.flags.values import UnsayableError, written
from clearconv.data import Augmentation
from clearconv.report.wording import calling, changed, data_name
from clearconv.runs.given import Given
from clearconv.runs.settings import OWN
from clearconv.train import Settings

_FLAGS = flags_of(TRAIN)


def repeating(kind: str, settings: Settings) -> str:
    """Return the shortest ``clearconv train``, or ``clearconv.fit``, with these settings.

    Parameters
    ----------
    kind : {"photos", "idx", "digits", "arrays"}
        Kind of the data.
    settings : Settings
        The run's settings.

    Returns
    -------
    str
        Quoted for a shell; a line of Python for arrays, for the user's own network, and for
        settings without a flag, such as a flip with probability 0.3.
    """
    own = settings.model == OWN and settings.start is None
    if kind == "arrays" or own:
        return calling(kind, settings)
    try:
        return _command(kind, settings)
    except UnsayableError:
        return calling(kind, settings)


def _command(kind: str, settings: Settings) -> str:
    words = []
    for name, value in changed(kind, settings).items():
        if name != "augmentation":
            words += written(_FLAGS[name], value)
    usual = Settings.for_data(kind, settings.data, Given()).augmentation
    if settings.augmentation != usual:
        words += _variations(settings.augmentation, usual)
    data = data_name(kind, settings)
    if data.startswith("-"):  # otherwise it would be read as an option
        return join(["clearconv", "train", *words, "--", data])
    return join(["clearconv", "train", data, *words])


def _variations(wanted: Augmentation, usual: Augmentation) -> list[str]:
    """Name the random variations, from the default or, if that is shorter, from none."""
    from_usual = _changes(wanted, usual)
    none = [_FLAGS["no_augmentation"].opts[0]]
    from_none = none + _changes(wanted, Augmentation.none())
    return min(from_usual, from_none, key=len)


def _changes(wanted: Augmentation, base: Augmentation) -> list[str]:
    words = []
    for item in fields(Augmentation):
        if (value := getattr(wanted, item.name)) != getattr(base, item.name):
            words += written(_FLAGS[item.name], value)
    return words
