"""Run one case through a learner's layer: forward, backward, and the results in our layout."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from clearconv.doctor.adapt.results import (
    BadResult,
    as_array,
    clear,
    held,
    parameters,
    put,
    reordered,
    set_mode,
    split,
    spread,
    states,
)
from clearconv.doctor.adapt.setup import Optimiser, tell_shape
from clearconv.doctor.adapt.values import LR, Context, NoValue, Values, bound
from clearconv.doctor.find import Found
from clearconv.doctor.layout import Array, Layout, take
from clearconv.doctor.signature import Call, Parameter

#: Kind -> what a backward function returns, in the usual order.
_GRADIENTS = {
    "conv2d": ("grad_x", "grad_weight", "grad_bias"),
    "linear": ("grad_x", "grad_weight", "grad_bias"),
    "batch_norm": ("grad_x", "grad_gamma", "grad_beta"),
}
#: What the case sets of what an object may hold.
_HELD = {
    "conv2d": ("weight", "bias"),
    "linear": ("weight", "bias"),
    "batch_norm": ("gamma", "beta", "running_mean", "running_var"),
}
_FORWARD = {"softmax_cross_entropy": "loss", "im2col": "cols", "col2im": "x"}
#: The argument whose layout a result has.
_LIKE = {
    "grad_x": "x", "grad_weight": "weight", "grad_bias": "bias", "grad_gamma": "gamma",
    "grad_beta": "beta",
}  # fmt: skip


def results_of(kind: str, forward: bool) -> tuple[str, ...]:
    """Return the results of a forward, or a backward, function of a kind, in the usual order."""
    if forward:
        return (_FORWARD.get(kind, "y"), *(("grad_x",) if kind == "softmax_cross_entropy" else ()))
    return _GRADIENTS.get(kind, ("grad_x",))


@dataclass
class Outcome:
    """The results of one case.

    Attributes
    ----------
    results : dict
        The arrays, in the library's layout where their shapes allow.
    part : str
        The part that was running last: "loading", "construction", "forward", "backward".
    changed : list of str
        Inputs that the code changed in place.
    order : list of str
        Results of the backward pass in the order returned, if it is not the usual one.
    """

    results: dict[str, Array] = field(default_factory=dict)
    part: str = "forward"
    changed: list[str] = field(default_factory=list)
    order: list[str] = field(default_factory=list)


class Runner:
    """Calls a learner's layer.

    Parameters
    ----------
    found : Found
        The layer.
    names : mapping
        The module's names.
    layout : Layout
        Layout of its arrays.
    """

    def __init__(self, found: Found, names: Mapping[str, Any], layout: Layout) -> None:
        self.found, self.names, self.layout = found, names, layout
        self.default = results_of(found.kind, forward=False)
        self.result = results_of(found.kind, forward=True)[0]
        self.each = found.family == "activator"  # takes one number at a time
        self.optimiser = Optimiser()
        self.objects: dict[str, Any] = {}  # of classes whose methods are layers
        self.spread: tuple[int, ...] = ()  # shape of a bias with a value for each position

    def run(
        self, arrays: Mapping[str, Array], options: Mapping[str, Any], calls: int, into: Outcome
    ) -> None:
        """Run one case; what was computed before an error is in `into`.

        Parameters
        ----------
        arrays, options : mapping
            Arrays and options of the case.
        calls : int
            Number of calls, on the same object, with the same inputs.
        into : Outcome
            Record that receives the results.
        """
        owner: Any = None
        for call in range(1, calls + 1):
            values = Values(self.found.kind, arrays, options, self.layout)
            values.known["optimizer"] = self.optimiser
            self.optimiser.given.clear()
            self.optimiser.rate = options.get("lr", LR)
            if call == 1 and self.found.family != "functions":
                into.part = "construction"
                owner = self._made(values)
            elif owner is not None:
                clear(owner)
                self._fill(owner, values, again=True)
            got: dict[str, Any] = {}
            try:
                self._passes(owner, values, got, into)
            finally:
                self._keep(got, f"@{call}" if call > 1 else "", values, into)
                into.changed += [name for name in values.changed() if name not in into.changed]

    def _keep(self, got: dict[str, Any], mark: str, values: Values, into: Outcome) -> None:
        """Copy the results of a call: the next call may write into the same arrays."""
        bad: BadResult | None = None
        for name, value in got.items():
            try:
                array = np.array(as_array(value, name))
            except BadResult as error:
                bad = bad or error
                into.part = "forward" if name == self.result else "backward"
            else:
                into.results[name + mark] = self._ours(array, name, values)
        if bad is not None:
            raise bad

    def _made(self, values: Values) -> Any:
        """Construct the class, and give it the case's weights."""
        cls, init = self.names[self.found.name], self.found.calls.get("init")
        places, names = values.arguments(init) if init else ([], {})
        owner = bound(cls, places, names)
        if setup := self.found.calls.get("setup"):
            tell_shape(owner, values.of(Parameter("", "sample_shape")))
            places, names = values.arguments(setup)
            bound(getattr(owner, setup.name), places, names)
        self._fill(owner, values, again=False)
        return owner

    def _fill(self, owner: Any, values: Values, again: bool) -> None:
        """Write weights, statistics and mode into the object, unless it was made with them."""
        kind, calls = self.found.kind, self.found.calls
        handing = [calls[name] for name in ("init", "forward") if name in calls]
        for role in _HELD.get(kind, ()):
            given = any(call.role(role) is not None for call in handing)
            if role not in values.known or (given and not again):
                continue
            if again and role.startswith("running"):
                continue  # a second call goes on from the first
            value = values.known[role]
            value = value.copy() if isinstance(value, np.ndarray) else value
            if put(owner, role, value, kind) or given:
                continue
            if role in ("weight", "gamma"):
                raise NoValue(f"no attribute of the object holds {role}")
        bias = parameters(owner).get("bias")
        self.spread = np.shape(bias) if isinstance(bias, np.ndarray) else ()
        if "training" in values.options:
            set_mode(owner, bool(values.options["training"]))

    def _passes(self, owner: Any, values: Values, got: dict[str, Any], into: Outcome) -> None:
        calls = self.found.calls
        into.part = "forward"
        if "forward" in calls:
            if calls["forward"].role("cache") is not None:
                values.known["cache"] = self._context()
            back = self._call(owner, calls["forward"], values)
            if back is None and owner is not None:
                back = held(owner, ("y",)).get("y")
            back = self._remember(back, calls["forward"], values, got)
            values.known["y"] = back
        before = parameters(owner) if owner is not None else {}
        for part, call in calls.items():
            if part in ("init", "setup", "forward") or values.options.get("training") is False:
                continue  # evaluation has no backward pass
            into.part = part
            self._gradients(owner, part, call, values, got, into)
        if owner is not None and into.part == "backward":
            self._from_steps(calls["backward"], owner, before, values, got)
        if self.found.kind == "batch_norm":
            got |= states(owner if owner is not None else values.known.get("options"))

    def _call(self, owner: Any, call: Call, values: Values) -> Any:
        handed = values.known.get("cache")
        of, _, _ = call.name.rpartition(".")  # a class, or the forward pass that made it
        if callable(handed) and of and not isinstance(self.names.get(of), type):
            return handed(values.of(Parameter("", "grad_y")))
        function = self._function(call.name) if owner is None else getattr(owner, call.name)
        places, names = values.arguments(call)
        if self.each:
            try:
                return np.vectorize(function, otypes=[np.float64])(*places, **names)
            except AttributeError:
                self.each = False  # it calls methods that only arrays have
        try:
            return bound(function, places, names)
        except ValueError as error:
            if "truth value of an array" not in str(error) or len(places) != 1:
                raise
            return np.vectorize(function, otypes=[np.float64])(*places, **names)

    def _context(self) -> Any:
        """Return an object for a forward pass to keep things in: the file's own, if it has one."""
        for name, cls in self.names.items():
            named = re.fullmatch(r"_?(ctx|context)", name, re.I)
            if isinstance(cls, type) and (named or hasattr(cls, "save_for_backward")):
                try:
                    return bound(cls, [], {})
                except NoValue:
                    continue
        return Context()

    def _function(self, name: str) -> Any:
        """Return a function, or a method of an object of its class."""
        of, _, method = name.rpartition(".")
        if not of:
            return self.names[name]
        if of not in self.objects:
            cls = self.names[of]
            try:
                self.objects[of] = bound(cls, [], {})
            except NoValue:
                self.objects[of] = cls.__new__(cls)  # its methods use nothing of the object
        return getattr(self.objects[of], method)

    def _remember(self, back: Any, call: Call, values: Values, got: dict[str, Any]) -> Any:
        """Take y from what forward returned, and the cache, or the gradients of a loss."""
        name = self.result
        if not isinstance(back, tuple):
            got[name] = back
            return back
        returned = call.returns if len(call.returns) == len(back) else ("",) * len(back)
        for said, value in zip(returned[1:], back[1:], strict=True):
            if said.startswith("grad") or (name == "loss" and np.ndim(value) > 0):
                got[said if said.startswith("grad") else "grad_x"] = value
        rest = back[1:]
        values.known["cache"] = rest[0] if len(rest) == 1 else rest
        got[name] = back[0]
        return back[0]

    def _gradients(
        self,
        owner: Any,
        part: str,
        call: Call,
        values: Values,
        got: dict[str, Any],
        into: Outcome,
    ) -> None:
        """Call a backward function; collect what it returns, and what the object then holds."""
        derivative = call.role("grad_y") is None and self.found.kind in ("relu", "sigmoid")
        if derivative and self.layout.other == "y":
            known, handed = dict(values.known), dict(values.handed)
            values.known["x"] = values.known["y"]
            back = self._call(owner, call, values)
            values.known, values.handed = known, handed
        else:
            back = self._call(owner, call, values)
        if derivative:
            back = np.asarray(back) * values.known["grad_y"]
        kept = held(owner, self.default) if owner is not None else {}
        for name in self.default[1:]:
            step = self.optimiser.gradient(values.known.get(_LIKE[name]))
            if step is not None:
                kept.setdefault(name, step)
        if back is not None:
            first = (part,) if part in self.default else self.default
            said = call.returns if part == "backward" else (part,)
            returned = split(back, said, first)
            shapes = {name: np.shape(values.known.get(_LIKE[name], 0)) for name in first}
            into.order = reordered(returned, said, shapes) or into.order
            returned = dict(zip(into.order or returned, returned.values(), strict=True))
            kept = kept | returned
        elif owner is None:
            got[part if part in self.default else self.default[0]] = None  # reported later
        got.update({name: value for name, value in kept.items() if name in self.default})

    def _from_steps(
        self, call: Call, owner: Any, before: Mapping[str, Any], values: Values, got: dict[str, Any]
    ) -> None:
        """If only the update shows the gradients, compute them from the step that it took."""
        made = self.found.calls.get("init")
        rate = call.role("lr") or (made.role("lr") if made else None)
        if rate is None or self.found.kind not in ("conv2d", "linear"):
            return
        after = parameters(owner)
        for role in before:
            name, size = f"grad_{role}", float(values.of(rate))
            if name not in got and role in values.known and role in after:
                new = np.asarray(after[role], dtype=np.float64)
                old = np.asarray(spread(values.known[role], new), dtype=np.float64)
                got[name] = (old - new) / size

    def _ours(self, array: Array, name: str, values: Values) -> Array:
        """Bring a result into the library's layout."""
        role = _LIKE.get(name, name)
        like = self._shape(role, values)
        if role == "bias" and array.ndim == 3 and array.shape == self.spread:
            array = array.sum((0, 1) if self.layout.x.endswith("C") else (1, 2))
        return array if like is None else take(array, role, self.layout, like)

    def _shape(self, role: str, values: Values) -> tuple[int, ...] | None:
        """Return the shape that a result should have in the library."""
        if role == "y":
            return values.shapes.get("grad_y", values.shapes.get("x"))
        if role in ("cols", "x"):
            return values.options.get(f"{role}_shape") or values.shapes.get(role)
        return values.shapes.get(role)
