"""The model that ``--from`` names, opened."""

from typing import Any

from clearconv.runs.earlier import FIXED


def open_start(given: dict[str, Any]) -> None:
    """Open what the settings start from, if anything, in place of its path.

    Parameters
    ----------
    given : dict
        The settings by name; None means not given.
    """
    if given.get("start") is not None:
        from clearconv.exchange.start import start_from

        chosen = {name: given[name] for name in FIXED if given.get(name) is not None}
        given["start"] = start_from(given["start"], **chosen)
