"""Numbers as text, and their names."""


def number(value: float) -> str:
    """Write a number with six digits."""
    return f"{value + 0.0:.6g}"  # -0.0 reads 0


def signed(value: float) -> str:
    """Write a number within an expression, with brackets if it is negative."""
    return f"({number(value)})" if value < 0 or "e" in number(value) else number(value)


def place(path: str, name: str, index: tuple[int, ...]) -> str:
    """Name a number: ``conv1 weight[0, 2, 1, 1]``."""
    where = f"[{', '.join(map(str, index))}]" if index else ""
    return f"{path} {name}{where}".strip()


def columns(rows: list[tuple[str, str, str]]) -> list[str]:
    """Align names, numbers and products."""
    wide = max((len(names) for names, _, _ in rows), default=0)
    long = max((len(values) for _, values, _ in rows), default=0)
    gap = "  " if long else ""
    return [f"  {names:<{wide}}  {values:<{long}}{gap}= {value}" for names, values, value in rows]
