"""The command line, or the call, that repeats a run."""

from dataclasses import fields
from shlex import join
from typing import Any

from clearconv.data import Augmentation
from clearconv.train import Settings
from clearconv.train.earlier import FIXED
from clearconv.train.settings import OWN


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
        Quoted for a shell; of arrays, and of a network of the user's own, a line of Python.
    """
    if kind == "arrays" or (settings.model == OWN and settings.start is None):
        return _call(kind, settings)
    changed = _changed(kind, settings)
    if settings.start is not None:  # it brings its layers with it
        for name in FIXED:
            changed.pop(name, None)
    wanted = changed.pop("augmentation", None)
    words = ["clearconv", "train", settings.data]
    for name, value in changed.items():
        words += _option(name, value)
    if wanted is not None:
        words += _variations(wanted, Settings.for_data(kind, settings.data).augmentation)
    return join(words)


def _call(kind: str, settings: Settings) -> str:
    """Return the call of ``clearconv.fit``; `model` and `data` stand for what no text can hold."""
    changed = _changed(kind, settings)
    changed.pop("model", None)
    model = "model" if settings.model == OWN else repr(settings.model)
    data = "data" if kind == "arrays" else repr(settings.data)
    given = "".join(f", {name}={value!r}" for name, value in changed.items())
    return f"clearconv.fit({model}, {data}{given})"


def _changed(kind: str, settings: Settings) -> dict[str, Any]:
    """Return the settings that are not the defaults, those first that others' defaults follow."""
    plain = settings.to_dict()
    plain.pop("data")
    # the network's name too: one of the user's own has no options to leave out
    leading = {name: plain.pop(name) for name in ("model", "start", "optimiser", "schedule")}
    usual = Settings.for_data(kind, settings.data).to_dict()
    standard = Settings.for_data(kind, settings.data, **leading).to_dict()
    return {
        **{name: value for name, value in leading.items() if value != usual[name]},
        **{name: value for name, value in plain.items() if value != standard[name]},
    }


def _option(name: str, value: Any) -> list[str]:
    flag = "--from" if name == "start" else "--" + name.replace("_", "-")
    if value is True:
        return [flag]
    if value is False:
        return ["--no-" + flag[2:]]
    if name == "classes":
        return [flag, ",".join(value)]
    if name == "ratios":
        return [flag, ":".join(map(str, value))]
    return [flag, repr(value) if isinstance(value, float) else str(value)]


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
