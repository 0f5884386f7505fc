"""The page's data of each layer: its arrays, its views, and which numbers met."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from clearconv.glassbox import batch, facts
from clearconv.glassbox.choice import Picks, parameter_picks
from clearconv.glassbox.names import NAMES, SQUARED, TITLES
from clearconv.glassbox.packing import Packing
from clearconv.tracing import LayerTrace, LossTrace, Trace

_LINES = 64  # most numbers that are not sums of products and are explained one by one


class Views:
    """Describes layers for the page's script.

    Parameters
    ----------
    trace : Trace
        Traced pass.
    picks : dict
        Maps that the page holds.

    Attributes
    ----------
    packing : Packing
        Receives the arrays.
    names : dict
        Array -> symbol and description, for all layers.
    formulas : dict
        LaTeX -> its number on the page.
    remarks : dict
        Remark next to a formula -> its number on the page.
    sources : dict
        Dotted name -> name, file, line and text of a function.
    """

    def __init__(self, trace: Trace, picks: Picks) -> None:
        self.trace, self.picks = trace, picks
        self.packing = Packing()
        squared = trace.loss is not None and trace.loss.type == "SquaredError"
        self.names: dict[str, tuple[str, str]] = NAMES | (SQUARED if squared else {})
        self.formulas: dict[str, int] = {}
        self.remarks: dict[str, int] = {}
        self.sources: dict[str, dict[str, Any]] = {}
        self._places = {layer.path: place for place, layer in enumerate(trace.layers)}

    def layers(self) -> list[dict[str, Any]]:
        """Describe every layer, the input first and the loss last."""
        found = [self._layer(layer) for layer in self.trace.layers]
        if self.trace.loss is not None:
            found.append(self._loss(self.trace.loss))
        return found

    def _layer(self, layer: LayerTrace) -> dict[str, Any]:
        held = all(self.picks[path] for path in (layer.path, *layer.sources))
        arrays = self._arrays(layer) if held else {}
        known = self.trace.quantities(layer.path)
        shown = [name for name in facts.results(layer) if name in arrays and name in known]
        return {
            "path": layer.path,
            "type": layer.type,
            "meets": facts.meets(layer),
            "activation": layer.activation,
            "size": _size(layer.y.shape[1:]),
            "about": facts.about(layer, self.trace.stages),
            "note": self._note(layer, held),
            "arrays": arrays,
            "face": "y" if "y" in arrays else None,
            "taps": facts.tables(layer) if held else None,
            "parts": [f"y of {path}" for path in layer.sources] if layer.x is None else [],
            "slots": [(slot.start, slot.stop) for slot in layer.slots],
            "readers": [f"dx of {path}" for path in dict.fromkeys(layer.consumers)],
            "constants": facts.constants(layer, self.trace.update),
            "views": [
                self._view(layer.path, name, arrays, facts.shown(layer, name)) for name in shown
            ],
            "ways": self._ways(layer),
            "classes": self._classes(layer.path),
            "told": {},
        }

    def _arrays(self, layer: LayerTrace) -> dict[str, int]:
        """Add everything that the layer's views show; return array -> its number."""
        mine = self.picks[layer.path]
        found = {"y": self._maps(layer.y, mine), "grad_y": self._maps(layer.grad_y, mine)}
        if layer.x is not None and layer.grad_x is not None:
            inputs = self.picks[layer.sources[0]]
            found["x"] = self._maps(layer.x, inputs)
            found["grad_x"] = self._maps(layer.grad_x, inputs)
        for name in ("net", "grad_net"):
            if (array := getattr(layer, name)) is not None:
                found[name] = self._maps(array, mine)
        for name, array in facts.extras(layer).items():
            whole = array.ndim == 1 and array.shape != layer.y.shape[1:]
            alike = not whole and len(array) == layer.y.shape[1]
            picks = [mine if alike else None, *[None] * (array.ndim - 1)]
            found[name] = self.packing.add(array, picks)
        for name, parameter in layer.parameters.items():
            kept = parameter_picks(layer, parameter.value.shape, self.picks)
            found[name] = self.packing.add(parameter.value, kept)
            found[f"grad_{name}"] = self.packing.add(parameter.gradient, kept)
            if parameter.updated is not None:
                found[f"{name}.update"] = self.packing.add(parameter.updated, kept)
        return found | self._shares(layer) | self._joined(layer) | self._handed(layer)

    def _shares(self, layer: LayerTrace) -> dict[str, int]:
        """Add the contribution of each further image to sums over the batch."""
        if len(layer.y) == 1 or layer.own:
            return {}
        shapes = {f"grad_{name}": one.value.shape for name, one in layer.parameters.items()}
        if "count" in facts.constants(layer, None):
            shapes["mean"] = layer.saved["mean"].shape
        found = {}
        for name, shape in shapes.items():
            kept = parameter_picks(layer, shape, self.picks)
            found[f"each {name}"] = self.packing.add_each(batch.shares(layer, name), shape, kept)
        return found

    def _maps(self, array: npt.NDArray[Any], channels: Sequence[int]) -> int:
        """Add the first image's maps."""
        return self.packing.add(array[0], [channels, *[None] * (array.ndim - 2)])

    def _joined(self, layer: LayerTrace) -> dict[str, int]:
        """Add the arrays that a join adds or concatenates."""
        found = {}
        for path in layer.sources if layer.x is None else ():
            name = f"y of {path}"
            self.names[name] = (f"y of {path}", "one of the branches")
            found[name] = self._maps(self.trace[path].y, self.picks[path])
        return found

    def _handed(self, layer: LayerTrace) -> dict[str, int]:
        """Add the gradients that the readers of y return, if the page shows their sum."""
        found: dict[str, int] = {}
        if len(layer.consumers) == 1 and layer.x is not None:
            return found
        for path in dict.fromkeys(layer.consumers):
            name = f"dx of {path}"
            self.names[name] = (f"dx of {path}", "returned gradient")
            handed = facts.handed_back(self.trace[path], layer)
            found[name] = self._maps(handed, self.picks[layer.path])
        return found

    def _view(
        self, path: str, result: str, arrays: dict[str, int], shows: Sequence[str]
    ) -> dict[str, Any]:
        """Describe one view: the arrays next to its result, formula, function."""
        packed = self.packing.arrays[arrays[result]]
        somewhere = [
            size // 2 if here is None else here[len(here) // 2]
            for here, size in zip(packed["picks"], packed["shape"], strict=True)
        ]
        index = somewhere if result != "value" else ()
        said = self.trace.explain(path, result, index, largest=0)
        function, first = said.function, self.trace.layers[0].path
        self.sources[function.name] = {
            "name": function.name,
            "file": f"src/{function.file}",
            "line": function.line,
            "text": function.source,
        }
        number = self.formulas.setdefault(said.formula, len(self.formulas))
        note = facts.note(self.trace, path, result, said)
        remark = self.remarks.setdefault(note, len(self.remarks)) if note else None
        return {
            "result": result,
            "title": "Pixels" if (path, result) == (first, "y") else TITLES.get(result, result),
            "shows": [name for name in shows if name in arrays],
            "formula": f"formula-{number}",
            "remark": f"remark-{remark}",
            "source": function.name,
            "others": facts.other_images(self.trace, result),
        }

    def _note(self, layer: LayerTrace, held: bool) -> str:
        """Say which maps are here, and how to include others."""
        if layer.own:
            return "Your own layer: only its code knows its formulas."
        here, channels = self.picks[layer.path], layer.y.shape[1]
        kind = "maps" if layer.y.ndim > 2 else "numbers"
        if not held:
            return f"Left out to keep the page small. To include it: `layers=[{layer.path!r}]`"
        if len(here) == channels:
            return ""
        after = min(channels, here[-1] + 1 + len(here))
        others = (here[-1] + 1, after - 1) if after > here[-1] + 1 else (0, here[0] - 1)
        return (
            f"{len(here):,} of {channels:,} {kind} of {layer.path}: {_runs(here)}. For others: "
            f"`layers=[{layer.path!r}], maps=range({others[0]}, {others[1] + 1})`"
        )

    def _ways(self, layer: LayerTrace) -> list[tuple[str, int, str]]:
        """List (array, layer, result): where an array's numbers were made, if elsewhere."""
        place = self._places
        ways = [(f"y of {path}", place[path], "y") for path in layer.sources]
        ways += [("x", place[path], "y") for path in layer.sources[:1]]
        for path in dict.fromkeys(layer.consumers):
            reader = self.trace[path]
            back = "grad_y" if reader.x is None else "grad_x"
            ways.append((f"dx of {path}", place[path], back))
            if len(layer.consumers) == 1:
                ways.append(("grad_y", place[path], back))
        if not layer.consumers and self.trace.loss is not None:
            ways.append(("grad_y", len(self._places), "grad"))
        return ways

    def _classes(self, path: str) -> list[str]:
        loss = self.trace.loss
        return list(loss.classes) if loss is not None and path == loss.source else []

    def _loss(self, loss: LossTrace) -> dict[str, Any]:
        """Describe the loss as a last layer."""
        every = [None] * (loss.logits.ndim - 1)
        given = {
            name: getattr(loss, name) for name in ("logits", "probabilities", "target", "grad")
        }
        arrays = {
            name: self.packing.add(array[0], every)
            for name, array in given.items()
            if array is not None
        }
        arrays["value"] = self.packing.add(np.array([loss.value], loss.logits.dtype), [None])
        beside = {
            "probabilities": ["logits"],
            "value": ["probabilities" if "probabilities" in arrays else "logits", "target"],
            "grad": ["probabilities" if "probabilities" in arrays else "logits", "target"],
        }
        shown = [name for name in ("probabilities", "value", "grad") if name in arrays]
        return {
            "path": loss.path,
            "type": loss.type,
            "meets": loss.chapter,
            "activation": "identity",
            "size": "1",
            "about": facts.about_loss(loss),
            "note": "",
            "arrays": arrays,
            "face": "probabilities" if "probabilities" in arrays else "logits",
            "taps": None,
            "parts": [],
            "slots": [],
            "readers": [],
            "constants": facts.loss_constants(loss),
            "views": [self._view(loss.path, name, arrays, beside[name]) for name in shown],
            "ways": [("logits", self._places[loss.source], "y")],
            "classes": list(loss.classes),
            "told": self._told(loss, shown),
        }

    def _told(self, loss: LossTrace, shown: Sequence[str]) -> dict[str, dict[str, list[str]]]:
        """Explain element by element what is not a sum of products: the softmax, the loss."""
        found: dict[str, dict[str, list[str]]] = {}
        for name in {"probabilities", "value"} & set(shown):
            several = name == "probabilities"
            count = min(_LINES, loss.logits.shape[1]) if several else 1
            indices = [(k,) if several else () for k in range(count)]
            found[name] = {
                ",".join(map(str, index or (0,))): facts.lines(
                    self.trace.explain(loss.path, name, index, largest=8)
                )
                for index in indices
            }
        return found


def _size(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape))


def _runs(numbers: Sequence[int]) -> str:
    """Write ``0-7, 12``."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1][1:] = [number]
        else:
            runs.append([number])
    return ", ".join("-".join(map(str, run)) for run in runs)
