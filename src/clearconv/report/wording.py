"""How a report says what its reader can do next: as calls, or in the words of who writes it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clearconv.runs.earlier import FIXED
from clearconv.runs.settings import OWN
from clearconv.train import Settings


def changed(kind: str, settings: Settings) -> dict[str, Any]:
    """Return the settings that are not the defaults, those first that others' defaults follow.

    Parameters
    ----------
    kind : {"photos", "idx", "digits", "arrays"}
        Kind of the data.
    settings : Settings
        Those of a run.

    Returns
    -------
    dict
        Setting -> value; of the augmentation only the part that is not the default.
    """
    plain = settings.to_dict()
    plain.pop("data")
    # the network's name too: one of the user's own has no options to leave out
    leading = {name: plain.pop(name) for name in ("model", "start", "optimiser", "schedule")}
    usual = Settings.for_data(kind, settings.data).to_dict()
    standard = Settings.for_data(kind, settings.data, **leading).to_dict()
    found = {
        **{name: value for name, value in leading.items() if value != usual[name]},
        **{name: value for name, value in plain.items() if value != standard[name]},
    }
    if settings.start is not None:  # it brings its layers with it
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
    """Return the shortest call of ``clearconv.fit`` whose settings are these.

    Parameters
    ----------
    kind : {"photos", "idx", "digits", "arrays"}
        Kind of the data.
    settings : Settings
        Those of a run.

    Returns
    -------
    str
        A line of Python; `model` and `data` stand for what no text can hold.
    """
    given = changed(kind, settings)
    given.pop("model", None)
    own = settings.model == OWN and settings.start is None
    model = "model" if own else repr(settings.model)
    data = "data" if kind == "arrays" else repr(data_name(kind, settings))
    return f"clearconv.fit({model}, {data}{''.join(f', {k}={v!r}' for k, v in given.items())})"


def data_name(kind: str, settings: Settings) -> str:
    """Return the data's name; of a folder named as the bundled digits are, one that tells."""
    return "./digits" if (kind, settings.data) == ("photos", "digits") else settings.data


def _predicting(folder: Path) -> str:
    return f"clearconv.train.predict({str(folder)!r}, images)"


@dataclass(frozen=True)
class Wording:
    """What a report says to its reader; by default to one who calls functions.

    Attributes
    ----------
    spell : callable
        From a message, in which settings stand in backticks, to what the page says.
    again : callable
        From kind of data and settings to the line that repeats the run.
    predict : callable
        From the run's folder to the line that names the class of new images.
    explain : (str, str)
        What explains another layer's maps, and what takes the layer.
    """

    spell: Callable[[str], str] = str
    again: Callable[[str, Settings], str] = calling
    predict: Callable[[Path], str] = _predicting
    explain: tuple[str, str] = ("clearconv.explain.explain_images", "layer")
