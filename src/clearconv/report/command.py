"""The command line, or the call, that repeats a run."""

from dataclasses import fields
from shlex import join
from typing import Any

from clearconv.data import Augmentation
from clearconv.runs.earlier import FIXED
from clearconv.runs.settings import OWN
from clearconv.train import Settings


def repeating(kind: str, settings: Settings) -> str:
    """Return the shortest ``clearconv train``, or ``clearconv.fit``, whose settings are these.

    Parameters
    ----------
    kind : {"photos", "idx", "digits", "arrays"}
        Of the data.
    settings : Settings
        Of the run.

    Returns
    -------
    str
        Quoted for a shell; a line of Python of arrays, of a network of the user's own, and of
        settings that no option can say, such as a flip with probability 0.3.
    """
    changed = _changed(kind, settings)
    own = settings.model == OWN and settings.start is None
    if kind == "arrays" or own or not _sayable(settings):
        return _call(kind, settings, changed)
    usual = Settings.for_data(kind, settings.data).augmentation
    changed.pop("augmentation", None)
    words = []
    for name, value in changed.items():
        words += _option(name, value)
    if settings.augmentation != usual:
        words += _variations(settings.augmentation, usual)
    data = _data(kind, settings)
    if data.startswith("-"):  # else it would be taken for an option
        return join(["clearconv", "train", *words, "--", data])
    return join(["clearconv", "train", data, *words])


def _call(kind: str, settings: Settings, changed: dict[str, Any]) -> str:
    """Return the call of ``clearconv.fit``; `model` and `data` stand for what no text can hold."""
    changed.pop("model", None)
    own = settings.model == OWN and settings.start is None
    model = "model" if own else repr(settings.model)
    data = "data" if kind == "arrays" else repr(_data(kind, settings))
    given = "".join(f", {name}={value!r}" for name, value in changed.items())
    return f"clearconv.fit({model}, {data}{given})"


def _data(kind: str, settings: Settings) -> str:
    """Return the data's name; of a folder named as the bundled digits are, one that tells."""
    return "./digits" if (kind, settings.data) == ("photos", "digits") else settings.data


def _sayable(settings: Settings) -> bool:
    """Tell whether options can say these settings; a call can say more."""
    varied = Augmentation.from_dict(settings.augmentation)
    names = settings.classes or ()
    freeze = settings.freeze
    return (
        varied.flip in (0, 0.5)
        and varied.vertical_flip in (0, 0.5)
        and (varied.crop is None or varied.crop[0] < varied.crop[1] == 1)
        and all(names)
        and all(type(share) is int and share >= 0 for share in settings.ratios)
        and (isinstance(freeze, int) == str(freeze).isdecimal())
    )


def _changed(kind: str, settings: Settings) -> dict[str, Any]:
    """Return the settings that are not the defaults, those first that others' defaults follow."""
    plain = settings.to_dict()
    plain.pop("data")
    # the network's name too: one of the user's own has no options to leave out
    leading = {name: plain.pop(name) for name in ("model", "start", "optimiser", "schedule")}
    usual = Settings.for_data(kind, settings.data).to_dict()
    standard = Settings.for_data(kind, settings.data, **leading).to_dict()
    changed = {
        **{name: value for name, value in leading.items() if value != usual[name]},
        **{name: value for name, value in plain.items() if value != standard[name]},
    }
    if settings.start is not None:  # it brings its layers with it
        for name in FIXED:
            changed.pop(name, None)
    if "augmentation" in changed:  # a part of it suffices
        changed["augmentation"] = {
            name: value
            for name, value in settings.augmentation.items()
            if value != usual["augmentation"].get(name)
        }
    return changed


def _option(name: str, value: Any) -> list[str]:
    flag = "--from" if name == "start" else "--" + name.replace("_", "-")
    if value is True:
        return [flag]
    if value is False:
        return ["--no-" + flag[2:]]
    if name == "classes":
        return [flag, ",".join(map(_quoted, value))]
    if name == "ratios":
        return [flag, ":".join(map(str, value))]
    return [flag, repr(value) if isinstance(value, float) else str(value)]


def _quoted(name: str) -> str:
    """Return a class as it stands in a list, quoted where it would be read otherwise."""
    if "," not in name and not name.startswith('"') and name == name.strip():
        return name
    return '"' + name.replace('"', '""') + '"'


def _variations(wanted: dict[str, Any], usual: dict[str, Any]) -> list[str]:
    """Name the random variations, from the default or, if that is shorter, from none."""
    from_usual = _changes(wanted, usual)
    from_none = ["--no-augmentation", *_changes(wanted, Augmentation.none().to_dict())]
    return min(from_usual, from_none, key=len)


def _changes(wanted: dict[str, Any], base: dict[str, Any]) -> list[str]:
    words = []
    for item in fields(Augmentation):
        value = wanted.get(item.name)
        if value == base.get(item.name):
            continue
        if item.name in ("flip", "vertical_flip"):
            words += _option(item.name, bool(value))
        elif item.name == "crop":
            words += _option("crop", float(value[0]) if value else 1.0)
        else:
            words += _option(item.name, value)
    return words
