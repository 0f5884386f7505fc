"""The parameters after an optimiser's next step."""

from dataclasses import dataclass

from clearconv.arrays import Array
from clearconv.optim import SGD, Adam, Optimiser
from clearconv.tracing._data import AdamSettings, SGDSettings, UpdateSettings, UpdateTrace


@dataclass(frozen=True, eq=False)
class NextStep:
    """A step that was computed on copies.

    Attributes
    ----------
    about : UpdateTrace
        Rule and settings of the step.
    values : ndarray
        All parameters after the step, flat.
    memory : dict
        State of the optimiser before the step, flat, by name.
    """

    about: UpdateTrace
    values: Array
    memory: dict[str, Array]


def next_step(optimiser: Optimiser, lr: float | None) -> NextStep:
    """Take the step on copies; optimiser and model are not changed.

    Parameters
    ----------
    optimiser : Optimiser
        Optimiser of a model with gradients.
    lr : float, optional
        Learning rate; the optimiser's own by default.
    """
    values, before = optimiser.next_step(lr)
    rate = optimiser.lr if lr is None else lr
    about = UpdateTrace(type(optimiser).__name__, _settings(optimiser, rate), optimiser.steps + 1)
    return NextStep(about, values, before)


def _settings(optimiser: Optimiser, lr: float) -> UpdateSettings:
    decay = optimiser.weight_decay
    if isinstance(optimiser, SGD):
        return SGDSettings(
            lr=lr,
            weight_decay=decay,
            momentum=optimiser.momentum,
            nesterov=optimiser.nesterov,
        )
    if isinstance(optimiser, Adam):
        beta1, beta2 = optimiser.betas
        return AdamSettings(
            lr=lr,
            weight_decay=decay,
            beta1=beta1,
            beta2=beta2,
            eps=optimiser.eps,
            decoupled=optimiser.decoupled,
        )
    return UpdateSettings(lr=lr, weight_decay=decay)
