"""How a report states the reader's next steps: as calls, or in its caller's own form."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path

from clearconv.runs.earlier import FIXED
from clearconv.runs.given import LEADING, Given
from clearconv.runs.settings import OWN
from clearconv.train import Settings


def changed(kind: str, settings: Settings) -> Given:
    """Return the settings that are not the defaults.

    Parameters
    ----------
    kind : {"photos", "idx", "digits", "arrays"}
        Kind of the data.
    settings : Settings
        The run's settings.

    Returns
    -------
    Given
        Of the augmentation only the part that is not the default.
    """
    # also the network's name: a user's own network has no options to leave out
    leading = Given(**{name: getattr(settings, name) for name in LEADING})
    usual = Settings.for_data(kind, settings.data, Given())
    standard = Settings.for_data(kind, settings.data, leading)
    found = {}
    for item in fields(Given):
        value = getattr(settings, item.name)
        if value != getattr(usual if item.name in LEADING else standard, item.name):
            found[item.name] = value
    if settings.start is not None:  # it comes with its layers
        asked = found.get("dropout")  # of weights alone: no earlier run has chosen it
        for name in FIXED:
            found.pop(name, None)
        if asked is not None and settings.model != OWN and Path(settings.start).is_file():
            found["dropout"] = asked
    if settings.augmentation != standard.augmentation:  # a part of it suffices
        before, now = standard.augmentation.to_dict(), settings.augmentation.to_dict()
        found["augmentation"] = {name: now[name] for name in now if now[name] != before[name]}
    return Given(**found)


def calling(kind: str, settings: Settings) -> str:
    """Return the shortest call of ``clearconv.fit`` with these settings.

    Parameters
    ----------
    kind : {"photos", "idx", "digits", "arrays"}
        Kind of the data.
    settings : Settings
        The run's settings.

    Returns
    -------
    str
        A line of Python; `model` and `data` stand for objects that text cannot express.
    """
    own = settings.model == OWN and settings.start is None
    model = "model" if own else repr(settings.model)
    data = "data" if kind == "arrays" else repr(data_name(kind, settings))
    named = {k: repr(v) for k, v in changed(kind, settings).items() if k != "model"}
    if settings.start is not None and Path(settings.start).is_file():  # perhaps of others
        asked = f", dropout={named['dropout']}" if "dropout" in named else ""
        named["start"] = f"clearconv.exchange.start_from({settings.start!r}{asked})"
    given = (f"{name}={value}" for name, value in named.items())
    return f"clearconv.fit({', '.join([model, data, *given])})"


def data_name(kind: str, settings: Settings) -> str:
    """Return the data's name; for a folder named like the bundled digits, an unambiguous one."""
    return "./digits" if (kind, settings.data) == ("photos", "digits") else settings.data


def _predicting(folder: Path) -> str:
    return f"clearconv.train.predict({str(folder)!r}, images)"


@dataclass(frozen=True)
class Wording:
    """The wording of a report; by default for a reader who calls functions.

    Attributes
    ----------
    spell : callable
        From a message, in which settings are in backticks, to the page's text.
    again : callable
        From the kind of data and the settings to the line that repeats the run.
    predict : callable
        From the run's folder to the line that predicts the class of new images.
    explain : (str, str)
        The command or function that explains another layer's maps, and its option for the layer.
    abstain : str
        What lets predictions abstain.
    """

    spell: Callable[[str], str] = str
    again: Callable[[str, Settings], str] = calling
    predict: Callable[[Path], str] = _predicting
    explain: tuple[str, str] = ("clearconv.explain.explain_images", "layer")
    abstain: str = "abstain=True"
