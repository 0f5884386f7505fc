"""The update: from a weight and its gradient to the next weight."""

from math import sqrt

from clearconv.tracing._data import AdamSettings, LayerTrace, SGDSettings, UpdateTrace
from clearconv.tracing._explanation import Factor, Index, Step
from clearconv.tracing._print import number, signed
from clearconv.tracing._sums import Column, products
from clearconv.tracing.chapters.explainer import Derivation, Derivations, written


def updates(layer: LayerTrace, update: UpdateTrace | None) -> Derivations:
    """Return the explainers of each parameter's next value, under ``"weight.update"`` and so on.

    Parameters
    ----------
    layer : LayerTrace
        Layer with the parameters.
    update : UpdateTrace, optional
        Next step of the optimiser; your own optimiser is not explained.
    """
    rules = {"SGD": _sgd, "Adam": _adam, "AdamW": _adam}
    if update is None or update.type not in rules:
        return {}
    found: Derivations = {}
    for name, parameter in layer.parameters.items():
        rule = _frozen if parameter.frozen else rules[update.type]
        found[f"{name}.update"] = lambda index, name=name, rule=rule: rule(  # type: ignore[misc]
            _Numbers(layer, name, index, update)
        )
    return found


class _Numbers:
    """The numbers of one element that the rules read."""

    def __init__(self, layer: LayerTrace, name: str, index: Index, update: UpdateTrace) -> None:
        self.parameter, self.settings, self.t = layer.parameters[name], update.settings, update.step
        self.layer, self.name, self.index = layer, name, index
        self.weight = Factor(layer.path, name, index, float(self.parameter.value[index]))
        gradient = float(self.parameter.gradient[index])
        self.grad = Factor(layer.path, f"grad_{name}", index, gradient)
        self.lr = self.settings.lr
        self.decay = self.settings.weight_decay if self.parameter.decays else 0.0

    def memory(self, name: str) -> Factor:
        """Return the state of the optimiser."""
        value = float(self.parameter.memory[name][self.index])
        return Factor(self.layer.path, f"{self.name}.{name}", self.index, value)

    @property
    def note(self) -> str:
        """Return a note on the step and on decay that is left out."""
        spared = self.settings.weight_decay and not self.parameter.decays
        return f"Step {self.t}." + (" Biases and norms do not decay." if spared else "")


def _frozen(at: _Numbers) -> Derivation:
    formula, reference = written("update")
    value = Column.of(at.layer.path, at.name, at.parameter.value, *at.index)
    note = "The layer is frozen: the optimiser does not change it."
    return Derivation(
        "optim.optimisers.Optimiser.step", formula, reference, (products(value),), note=note
    )


def _sgd(at: _Numbers) -> Derivation:
    steps, g = [], at.grad.value
    used: tuple[Factor, ...] = (at.grad,)  # by the first step that reads it
    if at.decay:
        expression = f"{signed(g)} + {number(at.decay)} * {signed(at.weight.value)}"
        g += at.decay * at.weight.value
        steps.append(Step("g", expression, g, (at.grad, at.weight)))
        used = ()
    assert isinstance(at.settings, SGDSettings)
    momentum = at.settings.momentum
    if momentum:
        velocity = at.memory("velocity")
        expression = f"{number(momentum)} * {signed(velocity.value)} + {signed(g)}"
        v = momentum * velocity.value + g
        steps.append(Step("v", expression, v, (velocity, *used)))
        used = ()
        if at.settings.nesterov:
            expression = f"{signed(g)} + {number(momentum)} * {signed(v)}"
            g = g + momentum * v
            steps.append(Step("g + momentum * v", expression, g))
        else:
            g = v
    expression = f"{number(at.weight.value)} - {number(at.lr)} * {signed(g)}"
    steps.append(Step(at.name, expression, at.weight.value - at.lr * g, (at.weight, *used)))
    formula, reference = written("update.sgd")
    return Derivation("ops.update.loops.sgd", formula, reference, steps=tuple(steps), note=at.note)


def _adam(at: _Numbers) -> Derivation:
    assert isinstance(at.settings, AdamSettings)
    beta1, beta2 = at.settings.beta1, at.settings.beta2
    steps, g, w = [], at.grad.value, at.weight.value
    used: tuple[Factor, ...] = (at.grad,)
    if at.decay and at.settings.decoupled:
        expression = f"{number(w)} - {number(at.lr)} * {number(at.decay)} * {signed(w)}"
        w -= at.lr * at.decay * w
        steps.append(Step("shrunk", expression, w, (at.weight,)))
    elif at.decay:
        expression = f"{signed(g)} + {number(at.decay)} * {signed(w)}"
        g += at.decay * w
        steps.append(Step("g", expression, g, (at.grad, at.weight)))
        used = ()
    mean, square = at.memory("mean"), at.memory("square")
    m = beta1 * mean.value + (1 - beta1) * g
    s = beta2 * square.value + (1 - beta2) * g * g
    expression = f"{number(beta1)} * {signed(mean.value)} + {number(1 - beta1)} * {signed(g)}"
    steps.append(Step("m", expression, m, (mean, *used)))
    expression = f"{number(beta2)} * {signed(square.value)} + {number(1 - beta2)} * {signed(g)}²"
    steps.append(Step("s", expression, s, (square, *used)))
    start1, start2 = 1 - beta1**at.t, 1 - beta2**at.t
    mean_now, usual = m / start1, sqrt(s / start2)
    steps.append(Step("mean", f"{signed(m)} / {number(start1)}", mean_now))
    steps.append(Step("usual size", f"sqrt({number(s)} / {number(start2)})", usual))
    eps = at.settings.eps
    expression = (
        f"{number(w)} - {number(at.lr)} * {signed(mean_now)} / ({number(usual)} + {number(eps)})"
    )
    value = w - at.lr * mean_now / (usual + eps)
    steps.append(Step(at.name, expression, value, (at.weight,)))
    formula, reference = written("update.adam")
    return Derivation("ops.update.loops.adam", formula, reference, steps=tuple(steps), note=at.note)
