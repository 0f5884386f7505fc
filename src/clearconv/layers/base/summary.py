"""What ``summary()`` shows: one row per layer."""

from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from math import prod

from clearconv.arrays import Shape
from clearconv.layers.base.numbers.parameter import Leaf
from clearconv.layers.base.staged import Stages


@dataclass(frozen=True)
class Row:
    """One layer: its path, kind, output shape of one input, parameters and multiply-adds."""

    path: str
    kind: str
    output_shape: Shape
    parameters: int
    multiply_adds: int


@dataclass(frozen=True)
class Summary:
    """The rows of a built model; ``print`` shows them as a table.

    Attributes
    ----------
    input_shape : tuple of int
        Shape of one input.
    rows : tuple of Row
        Rows in the order the layers run.
    stages : tuple of Stages
        Stages in training and in evaluation, if they were requested.
    """

    input_shape: Shape
    rows: tuple[Row, ...]
    stages: tuple[Stages, ...] = ()

    @classmethod
    def of(
        cls, input_shape: Shape, layers: Iterable[Leaf], stages: tuple[Stages, ...] = ()
    ) -> "Summary":
        """Describe the layers of a model that has shapes; weights are not needed."""
        return cls(
            input_shape,
            tuple(
                Row(
                    layer.path,
                    type(layer).__name__,
                    layer.output_shape,
                    sum(prod(parameter.shape) for parameter in layer.declared.values()),
                    layer.multiply_adds(),
                )
                for layer in layers
            ),
            stages,
        )

    @property
    def parameters(self) -> int:
        """Return the number of learnt values."""
        return sum(row.parameters for row in self.rows)

    @property
    def multiply_adds(self) -> int:
        """Return the multiply-adds of one input's forward pass."""
        return sum(row.multiply_adds for row in self.rows)

    def __str__(self) -> str:
        """Lay the rows out as a table."""
        lines = self._cells()
        widths = [max(len(line[column]) for line in lines) for column in range(5)]
        text = []
        for number, line in enumerate(lines):
            cells = [
                cell.ljust(width) if column < 3 else cell.rjust(width)
                for column, (cell, width) in enumerate(zip(line, widths, strict=True))
            ]
            if number in (1, len(lines) - 1):
                text.append("-" * (sum(widths) + 8))
            text.append("  ".join(cells).rstrip())
        for stages in self.stages:
            text += ["", str(stages)]
        return "\n".join(text)

    def _repr_html_(self) -> str:
        """Lay the rows out as an HTML table for notebooks."""
        head, *rows, total = self._cells()
        lines = [
            _html_row("th", head),
            *(_html_row("td", row) for row in rows),
            _html_row("th", total),
        ]
        below = (f"<pre>{escape(str(stages))}</pre>" for stages in self.stages)
        return f"<table>{''.join(lines)}</table>{''.join(below)}"

    def _cells(self) -> list[tuple[str, ...]]:
        """Return heading, input, a line for each layer, and totals."""
        head = ("layer", "kind", "output", "parameters", "multiply-adds")
        lines: list[tuple[str, ...]] = [head, ("input", "", _shape(self.input_shape), "", "")]
        for row in self.rows:
            lines.append(
                (
                    row.path,
                    row.kind,
                    _shape(row.output_shape),
                    f"{row.parameters:,}" if row.parameters else "",
                    f"{row.multiply_adds:,}" if row.multiply_adds else "",
                )
            )
        lines.append(("total", "", "", f"{self.parameters:,}", f"{self.multiply_adds:,}"))
        return lines


def _shape(shape: Shape) -> str:
    return " x ".join(map(str, shape))


def _html_row(tag: str, cells: Iterable[str]) -> str:
    """Return a row of a table, text to the left and numbers to the right."""
    sides = ("left",) * 3 + ("right",) * 2
    style = "padding: 0 0.6em; white-space: nowrap; text-align:"
    made = (
        f'<{tag} style="{style} {side}">{escape(cell)}</{tag}>'
        for cell, side in zip(cells, sides, strict=True)
    )
    return f"<tr>{''.join(made)}</tr>"
