"""Weights by name, with what their reader says of them."""

from collections.abc import Mapping

from clearconv.arrays import Array


class StateDict(dict[str, Array]):
    """A dict of name -> array, as ``load_state_dict`` takes it.

    Parameters
    ----------
    arrays : mapping
        Name -> array.
    notes : tuple of str
        What was taken and what was changed: a line each.
    ignored : tuple of str
        What else the file holds: names with their kinds.
    """

    def __init__(
        self, arrays: Mapping[str, Array], notes: tuple[str, ...], ignored: tuple[str, ...] = ()
    ) -> None:
        super().__init__(arrays)
        self.notes, self.ignored = notes, ignored
