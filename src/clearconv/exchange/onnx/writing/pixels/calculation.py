"""Formulas as operators: numbers of one kind each, written as sums and products."""

from typing import Any

from clearconv.exchange.onnx.operators.base.writer import DOUBLE, INT64, Writer


class Calculation:
    """Writes formulas; each method adds an operator and returns the name of its result.

    Constants are made once. A number without a name may stand wherever a name is expected: an int
    is an int64, a float a float64.

    Parameters
    ----------
    to : Writer
        Graph that receives the operators.
    """

    def __init__(self, to: Writer) -> None:
        self.to = to
        self._made: dict[tuple[type, float], str] = {}

    def value(self, number: str | float) -> str:
        """Return the name of a number, ()."""
        if isinstance(number, str):
            return number
        key = (type(number), number)
        if key not in self._made:
            dtype = "int64" if isinstance(number, int) else "float64"
            self._made[key] = self.to.constant(number, f"{number}", dtype)
        return self._made[key]

    def constant(self, values: list[int]) -> str:
        """Return the name of a row of int64."""
        return self.to.constant(values, "row", "int64")

    def op(self, kind: str, *values: str | float, **attributes: Any) -> str:
        """Apply any operator."""
        return self.to.op(kind, *map(self.value, values), **attributes)

    def add(self, *values: str | float) -> str:
        """Add two or more numbers, from left to right."""
        total = values[0]
        for value in values[1:]:
            total = self.op("Add", total, value)
        return self.value(total)

    def sub(self, a: str | float, b: str | float) -> str:
        """Subtract b from a."""
        return self.op("Sub", a, b)

    def mul(self, a: str | float, b: str | float) -> str:
        """Multiply."""
        return self.op("Mul", a, b)

    def div(self, a: str | float, b: str | float) -> str:
        """Divide; whole numbers are rounded towards 0."""
        return self.op("Div", a, b)

    def least(self, a: str | float, b: str | float) -> str:
        """Return the smaller one."""
        return self.op("Min", a, b)

    def most(self, a: str | float, b: str | float) -> str:
        """Return the larger one."""
        return self.op("Max", a, b)

    def where(self, condition: str, a: str | float, b: str | float) -> str:
        """Return a where the condition holds, else b."""
        return self.op("Where", condition, a, b)

    def real(self, value: str) -> str:
        """Convert to float64."""
        return self.op("Cast", value, to=DOUBLE)

    def whole(self, value: str) -> str:
        """Convert to int64, cutting fractions off."""
        return self.op("Cast", value, to=INT64)

    def row(self, *values: str | int) -> str:
        """Join numbers, () each, to a row."""
        one = self.constant([1])
        parts = [self.op("Reshape", value, one) for value in values]
        return parts[0] if len(parts) == 1 else self.op("Concat", *parts, axis=0)

    def shaped(self, value: str, *shape: int) -> str:
        """Give a tensor another shape; -1 once for what is left, 0 for an axis as it is."""
        return self.op("Reshape", value, self.constant([*shape]))

    def extreme(self, kind: str, value: str, axes: list[int] | None) -> str:
        """Return the "Min" or "Max" along axes, which remain with length 1; of all without."""
        if axes is None:
            return self.op(f"Reduce{kind}", value, keepdims=0)
        return self.to.reduced(kind, value, axes)

    def part(self, value: str, start: int, stop: str | int, axis: int) -> str:
        """Return a slice along one axis."""
        ends = (self.row(start), self.row(stop), self.row(axis))
        return self.op("Slice", value, *ends)
