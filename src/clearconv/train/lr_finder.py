"""A learning rate for this model and these data: a range test."""

from collections.abc import Callable, Iterable, Iterator
from math import isfinite

import numpy as np

from clearconv.arrays import Array
from clearconv.data import Batch
from clearconv.errors import ArgumentError, RunError
from clearconv.layers import Context, Node
from clearconv.losses import CrossEntropy
from clearconv.optim import SGD, Optimiser
from clearconv.runs.records.lr_curve import LrCurve

#: Share of its way down that the loss must have come.
_SHARE = 0.9
#: Deviation of the Gaussian that averages the losses, in steps.
_WINDOW = 5.0
#: The test ends when the running loss is this much above the first one.
_EXPLODED = 1.5
#: A loss that falls by a smaller share of itself has not fallen.
_LEAST = 0.05


def find_lr(
    model: Node,
    optimiser: Optimiser,
    batches: Iterable[Batch],
    loss: CrossEntropy | None = None,
    *,
    steps: int = 100,
    lowest: float | None = None,
    highest: float | None = None,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> LrCurve:
    r"""Train for some steps with an increasing learning rate, and see where the loss falls.

    Model and optimiser are restored afterwards to the bit. The same seed and batches give the same
    curve.

    Parameters
    ----------
    model : Node
        Built.
    optimiser : Optimiser
        Optimiser of this model.
    batches : iterable of Batch
        Batches of the training part, as in training; repeated if there are too few.
    loss : CrossEntropy, optional
        The loss of the training; without label smoothing and weights by default.
    steps : int
        Largest number of steps; fewer if the loss explodes.
    lowest, highest : float, optional
        First and last learning rate: 1e-5 and 1; for SGD ten times as much.
    seed : int
        Seed of dropout's random numbers.
    progress : callable, optional
        Called with (done, total) after each step.

    Returns
    -------
    LrCurve

    Raises
    ------
    ArgumentError
        If the limits or the number of steps allow no test, or there are no batches.
    RunError
        If the loss falls at no learning rate.

    Notes
    -----
    Step t has the learning rate

    .. math:: \eta_t = \eta_{low} (\eta_{high} / \eta_{low})^{t / (T - 1)}

    The losses are averaged by a Gaussian of five steps. The suggestion is the smallest learning
    rate at which that average has gone 90 % of the way from the first value to the lowest: the
    loss falls fast there, and it is not yet near the learning rates at which it rises again.

    References
    ----------
    Smith, "Cyclical learning rates for training neural networks", 2017, section 3.3: the test. The
    rule that reads a number off the curve is our own; ``docs/training.md`` shows how well it works.
    """
    unit = 10.0 if isinstance(optimiser, SGD) else 1.0
    low = 1e-5 * unit if lowest is None else lowest
    high = unit if highest is None else highest
    if not 0 < low < high < np.inf or steps < 10:
        raise ArgumentError(
            f"find_lr: lowest={low!r}, highest={high!r}, steps={steps!r}, but increasing learning "
            "rates above 0 and at least 10 steps are needed."
        )
    before, memory = model.state_dict(), optimiser.state()
    rates = low * (high / low) ** (np.arange(steps) / (steps - 1))
    losses: list[float] = []
    try:
        with np.errstate(all="ignore"):  # an exploding loss ends the test
            for value in _losses(model, optimiser, batches, loss or CrossEntropy(), rates, seed):
                losses.append(value)
                if progress is not None:
                    progress(len(losses), steps)
    finally:
        model.load_state_dict(before)
        optimiser.load_state(memory)
        model.tape = None
    if progress is not None:
        progress(steps, steps)
    smooth = smoothed(losses)
    return LrCurve(
        tuple(rates[: len(losses)].tolist()),
        tuple(losses),
        tuple(smooth.tolist()),
        suggested(rates[: len(losses)], smooth),
    )


def smoothed(losses: list[float]) -> Array:
    """Average losses over their neighbours; exploding ones are capped, not to hide the rest."""
    capped = np.minimum(losses, _EXPLODED * losses[0])  # (T,)
    apart = np.arange(len(losses))[:, None] - np.arange(len(losses))  # (T, T)
    weights = np.exp(-0.5 * (apart / _WINDOW) ** 2)
    return np.asarray(weights @ capped / weights.sum(axis=1))


def suggested(rates: Array, smooth: Array) -> float:
    """Read the learning rate off a curve, rounded to two digits."""
    first, least = float(smooth[0]), float(smooth.min())
    if len(smooth) < 10 or first - least < _LEAST * first:
        raise RunError(
            f"The loss falls at no learning rate from {rates[0]:.1g} to {rates[-1]:.1g} (from "
            f"{first:.3f} to {least:.3f}). Look at the data and their labels, or give a learning "
            "rate yourself: `lr=RATE`."
        )
    place = int(np.argmax(smooth <= first - _SHARE * (first - least)))
    return float(f"{rates[place]:.1e}")


def _losses(
    model: Node,
    optimiser: Optimiser,
    batches: Iterable[Batch],
    criterion: CrossEntropy,
    rates: Array,
    seed: int,
) -> Iterator[float]:
    """Yield the loss of each step until it explodes."""
    running = first = 0.0
    for step, (rate, batch) in enumerate(zip(rates.tolist(), _endless(batches), strict=False)):
        context = Context(True, seed, 0, step, tuple(batch.samples.tolist()))
        logits = model.forward(model.as_input(batch.x), context=context)
        loss, grad = criterion(logits, batch.labels)
        first = first or loss
        running = 0.7 * running + 0.3 * loss if step else loss
        if not isfinite(loss) or running > _EXPLODED * first:
            return
        yield loss
        model.backward(grad, input_gradient=False)
        optimiser.step(rate)


def _endless(batches: Iterable[Batch]) -> Iterator[Batch]:
    while True:
        empty = True
        for batch in batches:
            empty = False
            yield batch
        if empty:
            raise ArgumentError(
                "find_lr: there are no more batches. Give at least one, in an object that can be "
                "iterated again, such as clearconv.data.Batches."
            )
