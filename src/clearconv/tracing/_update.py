"""What an optimiser's next step would make of the parameters."""

import copy
from dataclasses import dataclass

from clearconv.arrays import Array
from clearconv.optim import SGD, Adam, Optimiser
from clearconv.tracing._data import UpdateTrace


@dataclass(frozen=True, eq=False)
class NextStep:
    """A step that was computed on copies.

    Attributes
    ----------
    about : UpdateTrace
        The rule and its settings.
    values : ndarray
        All parameters after it, flat.
    memory : dict
        What the optimiser remembered before it, flat, by name.
    """

    about: UpdateTrace
    values: Array
    memory: dict[str, Array]


def next_step(optimiser: Optimiser, lr: float | None) -> NextStep:
    """Take the step on copies; optimiser and model stay as they are.

    Parameters
    ----------
    optimiser : Optimiser
        Of a model whose gradients are there.
    lr : float, optional
        Learning rate; the optimiser's own by default.
    """
    store, rate = optimiser.store, optimiser.lr if lr is None else lr
    before = {name: array.copy() for name, array in optimiser._memory.items()}
    values = store.values.copy()
    double = copy.copy(optimiser)
    double.steps += 1
    for part, decays in store.trainable:
        memory = {name: array[part].copy() for name, array in before.items()}
        decay = optimiser.weight_decay if decays else 0.0
        double._update(values[part], store.grads[part], memory, rate, decay)
    settings = {"lr": rate, "weight_decay": optimiser.weight_decay}
    if isinstance(optimiser, SGD):
        settings |= {"momentum": optimiser.momentum, "nesterov": optimiser.nesterov}
    if isinstance(optimiser, Adam):
        beta1, beta2 = optimiser.betas
        settings |= {"beta1": beta1, "beta2": beta2, "eps": optimiser.eps}
        settings |= {"decoupled": optimiser.decoupled}
    return NextStep(UpdateTrace(type(optimiser).__name__, settings, double.steps), values, before)
