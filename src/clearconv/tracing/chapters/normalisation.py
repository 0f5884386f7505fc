"""Batch norm, group norm and their relatives: mean, variance, the three paths of the gradient."""

from functools import partial
from math import sqrt
from typing import Any

import numpy as np

from clearconv.tracing._data import LayerTrace
from clearconv.tracing._explanation import Factor, Index, Step
from clearconv.tracing._print import number, signed
from clearconv.tracing._sums import Column, cross, products
from clearconv.tracing.chapters.explainer import Derivation, Derivations, Explainer, written

_CODE = "ops.batch_norm2d.update_running"  # part of the contract: no telling has it


class Normalisation(Explainer):
    """Numbers that share a mean and a variance: a channel of the batch, or a group of an image."""

    explains = ("batch_norm2d", "group_norm")
    saves = ("mean", "var")

    def __init__(self, layer: LayerTrace) -> None:
        super().__init__(layer)
        self.eps = float(layer.arguments["eps"])
        self.by_channel = layer.chapter == "batch_norm2d"
        self.fixed = self.by_channel and layer.kept.fixed
        self.whole = layer.type == "LayerNorm"
        self.affine = "weight" in layer.parameters
        self.mean = layer.saved["mean"].astype(np.float64)
        self.var = layer.saved["var"].astype(np.float64)

    def derivations(self) -> Derivations:
        """Return the explainers of y, the gradients, and the intermediate quantities."""
        found: Derivations = {"y": self._y, "grad_x": self._grad_x}
        if self.affine:
            found |= {"grad_weight": self._grad_weight, "grad_bias": self._grad_bias}
        found |= {"x_hat": self._x_hat, "mean": self._mean, "var": self._var}
        if self.by_channel:
            for name, statistic in (("running_mean", "mean"), ("running_var", "var")):
                found[name] = partial(self._running, name, statistic)
        return found

    # -- which numbers belong together -----------------------------------------------------------

    def _group(self, n: Any, c: Any) -> tuple[Any, ...]:
        """Return the index of the statistics of an image's channel."""
        if self.by_channel:
            return (c,)
        if self.whole:
            return n, c * 0
        return n, c // (self.layer.input.shape[1] // self.mean.shape[1])

    def _members(self, group: Index) -> list[Any]:
        """Return the places of all numbers that share these statistics."""
        N, C, *inner = self.layer.input.shape
        images, channels = np.arange(N), np.arange(C)
        if self.by_channel:
            channels = channels[group[0] : group[0] + 1]
        else:
            images, size = images[group[0] : group[0] + 1], C // self.mean.shape[1]
            channels = channels[group[1] * size : (group[1] + 1) * size]
        return list(cross([images], [channels], *([np.arange(size)] for size in inner)))

    def _sharing(self, parameter: Index) -> list[Any]:
        """Return the places of all numbers that met this element of weight or bias."""
        N, _, *inner = self.layer.input.shape
        given = parameter[1:] if self.whole else ()
        axes = [np.array([place]) for place in given] or [np.arange(size) for size in inner]
        return list(cross([np.arange(N)], [[parameter[0]]], *([axis] for axis in axes)))

    def _weight(self, index: Index) -> Factor | None:
        place = index[1:] if self.whole else index[1:2]
        return self.factor("weight", *place) if self.affine else None

    # -- numbers ---------------------------------------------------------------------------------

    def _hats(self, places: list[Any]) -> Column:
        """x̂ at these places."""
        group = self._group(places[0], places[1])
        x = self.column("x", *places)
        values = (x.values - self.mean[group]) / np.sqrt(self.var[group] + self.eps)
        return Column(self.path, "x_hat", x.places, values)

    def _hat(self, index: Index, name: str = "x_hat") -> Step:
        group = self._group(*index[:2])
        x, mean, var = self.factor("x", *index), float(self.mean[group]), float(self.var[group])
        statistics = self.factor("mean", *group), self.factor("var", *group)
        expression = (
            f"({number(x.value)} - {signed(mean)}) / sqrt({number(var)} + {number(self.eps)})"
        )
        value = (x.value - mean) / sqrt(var + self.eps)
        return Step(name, expression, value, (x, *statistics))

    def _say(self, function: str, loops: str | None = None, **what: Any) -> Derivation:
        chapter = self.layer.chapter
        formula, reference = written(f"{chapter}.{function}" if function else str(chapter))
        code = loops or function
        code = code if "." in code else f"ops.{chapter}.loops.{code}"
        return Derivation(code, formula, reference, **what)

    def _source(self) -> str:
        if self.by_channel:
            images = len(self.layer.y)
            batch = f"the {images} images of this batch" if images > 1 else "this image alone"
            return "gathered in training" if self.fixed else f"of {batch}"
        return "of this image alone"

    # -- what explains an element ----------------------------------------------------------------

    def _x_hat(self, index: Index) -> Derivation:
        step = self._hat(index)
        note = f"Mean and variance are {self._source()}."
        return self._say("", "forward", steps=(step,), note=note)

    def _y(self, index: Index) -> Derivation:
        note = f"Mean and variance are {self._source()}."
        loops = "forward_training" if self.by_channel and not self.fixed else "forward"
        weight = self._weight(index)
        if weight is None:
            return self._say("forward", loops, steps=(self._hat(index, "y"),), note=note)
        hat = self._hat(index)
        bias = self.factor("bias", *weight.index)
        expression = f"{signed(weight.value)} * {signed(hat.value)} + {signed(bias.value)}"
        own = Factor(self.path, "x_hat", index, hat.value)
        y = Step("y", expression, weight.value * hat.value + bias.value, (weight, own, bias))
        return self._say("forward", loops, steps=(hat, y), note=note)

    def _mean(self, index: Index) -> Derivation:
        if self.fixed:
            return self._given("mean", index)
        x = self.column("x", *self._members(index))
        share = self.constant("1/M", 1 / len(x.values))
        loops = "moments" if self.by_channel else "forward"
        return self._say("forward_saving", loops, sums=(products(x, share),), note=self._counted(x))

    def _var(self, index: Index) -> Derivation:
        if self.fixed:
            return self._given("var", index)
        x = self.column("x", *self._members(index))
        away = Column(self.path, "(x - mean)", x.places, x.values - self.mean[index])
        share = self.constant("1/M", 1 / len(x.values))
        loops = "moments" if self.by_channel else "forward"
        sums = (products(away, away, share),)
        return self._say("forward_saving", loops, sums=sums, note=self._counted(x))

    def _running(self, name: str, statistic: str, index: Index) -> Derivation:
        """The step of running statistics towards the batch's in training."""
        known = self._before(name, index)
        before = known.factor(0)
        if self.fixed:
            note = "Evaluation leaves the running statistics as they are."
            return self._say("update_running", _CODE, sums=(products(known),), note=note)
        new, steps = self.factor(statistic, *index), []
        value, M = new.value, self.layer.input.size // len(self.mean)
        if statistic == "var":  # the batch is a sample of all images
            value = value * M / (M - 1)
            steps.append(Step("unbiased", f"{number(new.value)} * {M} / {M - 1}", value, (new,)))
        m = float(self.layer.arguments["momentum"])
        expression = f"{number(1 - m)} * {signed(before.value)} + {number(m)} * {signed(value)}"
        used = (before,) if steps else (before, new)
        steps.append(Step(name, expression, (1 - m) * before.value + m * value, used))
        return self._say("update_running", _CODE, steps=tuple(steps))

    def _before(self, name: str, index: Index) -> Column:
        """A running statistic before the pass."""
        array = self.layer.buffers[name].before
        return Column.of(self.path, f"{name}.before", array, *index)

    def _given(self, name: str, index: Index) -> Derivation:
        sums = (products(self._before(f"running_{name}", index)),)
        return self._say("forward", sums=sums, note="A running statistic, gathered in training.")

    def _counted(self, x: Column) -> str:
        return f"M = {len(x.values)} numbers {self._source()}."

    def _grad_weight(self, index: Index) -> Derivation:
        places = self._sharing(index)
        sums = (products(self.column("grad_y", *places), self._hats(places)),)
        loops = "backward_weight" if self.by_channel else "gradient_sums"
        return self._say("backward_weight", loops, sums=sums)

    def _grad_bias(self, index: Index) -> Derivation:
        sums = (products(self.column("grad_y", *self._sharing(index))),)
        loops = "backward_bias" if self.by_channel else "gradient_sums"
        return self._say("backward_bias", loops, sums=sums)

    def _grad_x(self, index: Index) -> Derivation:
        """The direct path, minus the paths through mean and variance."""
        group, weight = self._group(*index[:2]), self._weight(index)
        w = weight.value if weight is not None else 1.0
        given = () if weight is None else (weight,)
        error = self.factor("grad_y", *index)
        root = f"sqrt({number(float(self.var[group]))} + {number(self.eps)})"
        deviation = sqrt(float(self.var[group]) + self.eps)
        if self.fixed:
            expression = f"{signed(w)} / {root} * {signed(error.value)}"
            step = Step("grad_x", expression, w / deviation * error.value, (*given, error))
            note = "Running statistics are constants: only the direct path remains."
            return self._say("backward_input", steps=(step,), note=note)
        hat, (mean, along) = self._hat(index), self._averages(group)
        direct = error.value if self.by_channel else w * error.value
        rest = direct - mean.value - hat.value * along.value
        less = f"{signed(mean.value)} - {signed(hat.value)} * {signed(along.value)}"
        if self.by_channel:
            expression = f"{signed(w)} / {root} * ({signed(error.value)} - {less})"
            value = w / deviation * rest
        else:
            own = f"{signed(w)} * " if self.affine else ""
            expression, value = f"({own}{signed(error.value)} - {less}) / {root}", rest / deviation
        step = Step("grad_x", expression, value, (*given, error))
        return self._say("backward_input", steps=(mean, hat, along, step))

    def _averages(self, group: Index) -> tuple[Step, Step]:
        """The paths through the mean and through the variance."""
        places = self._members(group)
        errors, hats = self.column("grad_y", *places).values, self._hats(places).values
        name = "dy"
        if not self.by_channel and self.affine:
            name = "w dy"
            weights = self.layer.parameters["weight"].value
            place = tuple(places[1:]) if self.whole else (places[1],)
            errors = errors * weights[place].astype(np.float64)
        M, found = len(errors), []
        for what, total, gradient in (
            (f"mean of {name}", errors.sum(), "grad_bias"),
            (f"mean of {name} x_hat", (errors * hats).sum(), "grad_weight"),
        ):
            known = (self.factor(gradient, *group),) if self.by_channel else ()
            found.append(Step(what, f"{signed(float(total))} / {M}", float(total) / M, known))
        return found[0], found[1]
