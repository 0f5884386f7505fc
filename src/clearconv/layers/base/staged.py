"""What ``stages()`` shows: which neighbours run as one, and what runs."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from clearconv.words import table


@dataclass(frozen=True)
class Call:
    """One operation that a forward pass calls.

    Attributes
    ----------
    function : str
        Chapter and function, such as "conv_block.forward"; the name alone outside the chapters.
    does : str
        What it computes, such as "conv + batch norm + ReLU".
    """

    function: str
    does: str

    @property
    def chapter(self) -> str:
        """Name of the chapter."""
        return self.function.partition(".")[0]


@dataclass(frozen=True)
class StageRow:
    """Layers that run as one, or one that runs alone.

    Attributes
    ----------
    layers : tuple of str
        Paths, in the order they act. The sum of a ``Residual`` and the joining of a ``Concat``
        are listed under the container's path.
    calls : tuple of Call
        What runs in place of the layers; empty where nothing does.
    """

    layers: tuple[str, ...]
    calls: tuple[Call, ...]

    @property
    def does(self) -> str:
        """What is computed, in words."""
        return ", ".join(call.does for call in self.calls if call.does != "identity") or "nothing"

    @property
    def runs(self) -> str:
        """The functions that are called; forward and forward_saving go by their chapter's name."""
        functions = [call.function for call in self.calls if call.does != "identity"]
        return ", ".join(re.sub(r"\.forward(_saving)?$", "", name) for name in functions)


@dataclass(frozen=True)
class Stages:
    """A forward pass, stage by stage; ``print`` shows it as a table.

    Attributes
    ----------
    training : bool
        Whether it is a training pass, or an evaluation pass that keeps nothing.
    rows : tuple of StageRow
        Rows in the order they run.
    """

    training: bool
    rows: tuple[StageRow, ...]

    def number_of(self, path: str) -> int:
        """Return the number, from 1, of the stage that a layer is in; 0 if it is in none."""
        return next((i for i, row in enumerate(self.rows, 1) if path in row.layers), 0)

    def beside(self, path: str) -> tuple[str, ...]:
        """Return the paths of the other layers that run as one with this one."""
        row = self.number_of(path)
        return tuple(p for p in self.rows[row - 1].layers if p != path) if row else ()

    def __str__(self) -> str:
        """Lay the rows out as a table."""
        rows = [
            (i, shortened(row.layers), row.runs, row.does) for i, row in enumerate(self.rows, 1)
        ]
        when = "in training" if self.training else "in evaluation"
        return "\n".join(table(("stage", "layers", "runs", when), rows, right=(0,)))


def shortened(paths: Sequence[str]) -> str:
    """List paths; where they share a beginning it is named once: ``layer1.0: conv1, bn1``."""
    if len(paths) < 2:
        return ", ".join(paths)
    parts = [path.split(".") for path in paths]
    shared = 0
    while len({part[shared] if len(part) > shared else None for part in parts}) == 1:
        shared += 1
    listed = ", ".join(".".join(part[shared:]) or "itself" for part in parts)
    return f"{'.'.join(parts[0][:shared])}: {listed}" if shared else listed
