"""The command line that repeats a run."""

from dataclasses import fields
from shlex import join
from typing import Any

from clearconv.data import Augmentation
from clearconv.train import Settings


def repeating(kind: str, settings: Settings) -> str:
    """Return the shortest ``clearconv train`` whose settings are these.

    Parameters
    ----------
    kind : {"photos", "idx", "digits"}
        Of the data.
    settings : Settings
        Of the run.

    Returns
    -------
    str
        Quoted for a shell.
    """
    plain = settings.to_dict()
    words = ["clearconv", "train", str(plain.pop("data"))]
    wanted = plain.pop("augmentation")
    # what the other options leave to the defaults depends on some of them, so these come first
    leading = {name: plain[name] for name in ("optimiser", "schedule")}
    standard = Settings.for_data(kind, settings.data, **leading).to_dict()
    usual = Settings.for_data(kind, settings.data).to_dict()
    for name, value in plain.items():
        before = usual[name] if name in leading else standard[name]
        if value != before:
            words += _option(name, value)
    words += _variations(wanted, usual["augmentation"])
    return join(words)


def _option(name: str, value: Any) -> list[str]:
    flag = "--" + name.replace("_", "-")
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
