"""How a report states the reader's next steps: as calls, or in its caller's own form."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clearconv.runs.earlier import FIXED
from clearconv.runs.settings import OWN
from clearconv.train import Settings


def changed(kind: str, settings: Settings) -> dict[str, Any]:
    """Return the settings that are not the defaults, first those on which other defaults depend.

    Parameters
    ----------
    kind : {"photos", "idx", "digits", "arrays"}
        Kind of the data.
    settings : Settings
        The run's settings.

    Returns
    -------
    dict
        Setting -> value; for the augmentation only the part that is not the default.
    """
    plain = settings.to_dict()
    plain.pop("data")
    # also the network's name: a user's own network has no options to leave out
    leading = {name: plain.pop(name) for name in ("model", "start", "optimiser", "schedule")}
    usual = Settings.for_data(kind, settings.data).to_dict()
    standard = Settings.for_data(kind, settings.data, **leading).to_dict()
    found = {
        **{name: value for name, value in leading.items() if value != usual[name]},
        **{name: value for name, value in plain.items() if value != standard[name]},
    }
    if settings.start is not None:  # it comes with its layers
        for name in FIXED:
            found.pop(name, None)
    if "augmentation" in found:  # a part of it suffices
        found["augmentation"] = {
            name: value
            for name, value in settings.augmentation.items()
            if value != usual["augmentation"].get(name)
        }
    return found


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
    given = changed(kind, settings)
    given.pop("model", None)
    own = settings.model == OWN and settings.start is None
    model = "model" if own else repr(settings.model)
    data = "data" if kind == "arrays" else repr(data_name(kind, settings))
    return f"clearconv.fit({model}, {data}{''.join(f', {k}={v!r}' for k, v in given.items())})"


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
    """

    spell: Callable[[str], str] = str
    again: Callable[[str, Settings], str] = calling
    predict: Callable[[Path], str] = _predicting
    explain: tuple[str, str] = ("clearconv.explain.explain_images", "layer")
