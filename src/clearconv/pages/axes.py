"""The common parts of charts: a plane of pixels, ticks at round numbers, and a frame."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, floor, isfinite, log10

#: A chart in its own units; the page scales it. Small, so that its text stays legible on a phone.
WIDTH, HEIGHT = 420, 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 50, 12, 22, 38


def ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Return round numbers within a range: steps of 1, 2 or 5 times a power of ten."""
    rough = (high - low) / most
    power = 10.0 ** floor(log10(rough))
    step = next(size * power for size in (1, 2, 5, 10) if size * power >= rough * (1 - 1e-9))
    first, last = ceil(low / step - 1e-9), floor(high / step + 1e-9)
    return [round(place * step, 12) for place in range(first, last + 1)]


def decades(low: float, high: float) -> list[float]:
    """Return the powers of ten within a range; its two ends if there are fewer than two."""
    powers = [10.0**n for n in range(ceil(log10(low) - 1e-9), floor(log10(high) + 1e-9) + 1)]
    return powers if len(powers) > 1 else [low, high]


def rounded(low: float, high: float, most: int = 5) -> tuple[float, float]:
    """Widen a range until it starts and ends at a tick."""
    inside = ticks(low, high, most)
    step = inside[1] - inside[0] if len(inside) > 1 else high - low
    first = floor(low / step + 1e-9) * step
    return first, ceil(high / step - 1e-9) * step


def number(value: float, percent: bool = False) -> str:
    """Write a tick or a value as a person would."""
    if percent:
        return f"{100 * value:.3g}\N{NO-BREAK SPACE}%"
    return f"{value:.4g}".replace("e-0", "e-").replace("-", "\N{MINUS SIGN}")


def fixed(value: float, decimals: int = 2) -> str:
    """Write a value with a fixed number of decimals; a value that rounds to 0 has no sign."""
    return f"{round(value, decimals) + 0.0:.{decimals}f}".replace("-", "\N{MINUS SIGN}")


def span(values: Sequence[float], least: float | None = None) -> tuple[float, float]:
    """Return the range of the finite values, never empty."""
    finite = [value for value in values if isfinite(value)] or [0.0, 1.0]
    low, high = min(finite), max(finite)
    low = min(low, least) if least is not None else low
    if high - low < 1e-9 * max(1.0, abs(high)):
        low, high = low - 0.5 * (abs(low) or 1), high + 0.5 * (abs(high) or 1)
    return low, high


@dataclass(frozen=True)
class Axes:
    """From numbers to the pixels of a chart.

    Attributes
    ----------
    x, y : (float, float)
        Ranges shown.
    log : bool
        Whether x is on a logarithmic scale.
    """

    x: tuple[float, float]
    y: tuple[float, float]
    log: bool = False

    def across(self, value: float) -> float:
        """Return the horizontal position."""
        scale: Callable[[float], float] = log10 if self.log else float
        low, high = map(scale, self.x)
        return _LEFT + (WIDTH - _LEFT - _RIGHT) * (scale(value) - low) / (high - low)

    def up(self, value: float) -> float:
        """Return the vertical position."""
        low, high = self.y
        return HEIGHT - _BOTTOM - (HEIGHT - _TOP - _BOTTOM) * (value - low) / (high - low)

    def frame(self, x_label: str, percent: bool, whole: bool = False) -> str:
        """Draw grid lines and their numbers; `whole` leaves out fractions along x."""
        left, right = _LEFT, WIDTH - _RIGHT
        foot = HEIGHT - _BOTTOM
        parts = []
        for value in ticks(*self.y, most=5):
            y = self.up(value)
            parts.append(
                f'<line class="grid" x1="{left}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}"/>'
                f'<text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">'
                f"{number(value, percent)}</text>"
            )
        across = decades(*self.x) if self.log else ticks(*self.x)
        if whole:
            across = [value for value in across if value == round(value)]
        for value in across:
            parts.append(
                f'<text x="{self.across(value):.1f}" y="{foot + 16}" text-anchor="middle">'
                f"{number(value)}</text>"
            )
        parts.append(
            f'<text x="{(left + right) / 2:.0f}" y="{HEIGHT - 4}" text-anchor="middle">'
            f"{escape(x_label)}</text>"
        )
        return "".join(parts)


def figure(title: str, keys: Sequence[str], about: str, drawing: str) -> str:
    """Put a drawing under its title and the names of its lines; `about` is for screen readers."""
    named = "".join(
        f'<span class="key k{place}">{escape(name)}</span>' for place, name in enumerate(keys, 1)
    )
    return (
        f'<figure class="chart"><figcaption><b>{escape(title)}</b>{named}</figcaption>'
        f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{escape(about)}">{drawing}</svg></figure>'
    )
