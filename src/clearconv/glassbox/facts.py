"""What the page's script needs of a layer in addition to its arrays: tables, constants, words."""

from dataclasses import asdict
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from clearconv.layers.activation.kinds import deactivate
from clearconv.layers.base.staged import Stages
from clearconv.ops.batch_norm2d import BatchNormSaved
from clearconv.tracing import AxisTaps, Explanation, LayerTrace, LossTrace, Trace, UpdateTrace
from clearconv.tracing.chapters import explainer_of

_SHORT = (
    *("out_features", "out_channels", "kernel_size", "stride", "padding", "output_padding"),
    *("dilation", "groups", "num_groups", "output_size", "size", "scale_factor", "mode"),
    *("align_corners", "slope", "p", "eps"),
)


#: Their numbers are explained in Python; the page shows their arrays.
_MOVED = ("Pad", "Permute", "Reshape")


def meets(layer: LayerTrace) -> str:
    """Name the rules of meet.js for the layer: the chapter, or how numbers are moved."""
    if layer.own:
        return ""
    if layer.several:
        return _several(layer)
    if layer.taps is not None and layer.taps.rows.shares is not None:
        return "shares"
    if layer.x is not None and (layer.type in _MOVED or explainer_of(layer) is None):
        return ""
    return layer.chapter or layer.type.lower()


def _several(layer: LayerTrace) -> str:
    """Name the rules of a layer with several inputs; "" where the page has none."""
    alike = all(x.shape == layer.y.shape for x in layer.xs)
    if layer.type == "Add" and alike:
        return "residual"
    return "concat" if layer.type == "Join" and layer.slots else ""


def about(layer: LayerTrace, stages: Stages) -> str:
    """Describe in one line a layer, and what runs it in a training step."""
    beside = stages.beside(layer.path)
    if not beside:
        return _about(layer)
    does = stages.rows[stages.number_of(layer.path) - 1].does
    together = f"a training step runs it as one with {', '.join(beside)} ({does})"
    return f"{_about(layer).rstrip('.')}. In this pass it ran separately; {together}."


def _about(layer: LayerTrace) -> str:
    if layer.type == "Input":
        return "The image as the network sees it, after preprocessing."
    if layer.type == "Residual":
        return "The sum at the end of a residual block."
    if layer.type == "Concat":
        return "The place where branches are concatenated."
    said = layer.arguments
    given = [f"{name}={said[name]}" for name in _SHORT if said.get(name) not in (None, False)]
    inside = f", activation {layer.activation}" if layer.activation != "identity" else ""
    shapes = " to ".join(
        " x ".join(map(str, a.shape[1:])) for a in (layer.x, layer.y) if a is not None
    )
    return f"{layer.type}({', '.join(given)}){inside}: {shapes}"


def about_loss(loss: LossTrace) -> str:
    """Describe the loss in one line."""
    images = len(loss.logits)
    over = f", mean over the {images} images of the batch" if images > 1 else ""
    if loss.type == "SquaredError":
        return f"Squared error{over}."
    label = loss.classes[loss.label] if loss.classes else str(loss.label)
    return f"Softmax and cross-entropy for the class {label}{over}."


def results(layer: LayerTrace) -> list[str]:
    """Name the quantities of the layer that have a view, in the order of their tabs."""
    if not meets(layer) and not layer.own:
        return []
    found = ["net", "y", "mask"]
    if "count" in constants(layer, None):
        found.append("mean")
    # a single reader explains the gradient that it returns itself
    if len(layer.consumers) > 1 or (layer.consumers and layer.x is None):
        found.append("grad_y")
    found += ["grad_net", "grad_x"]
    found += [f"grad_{name}" for name in layer.parameters]
    return found + [f"{name}.update" for name in layer.parameters]


def shown(layer: LayerTrace, result: str) -> list[str]:
    """Name the arrays next to a result; those that the layer lacks are left out."""
    out, error = ("net", "grad_net") if layer.activation != "identity" else ("y", "grad_y")
    if layer.chapter == "activation":
        out, error = "y", "grad_y"
    sources = [f"y of {path}" for path in dict.fromkeys(layer.sources)]
    if result == "y" and layer.x is None:
        return sources
    if result == "grad_y":
        return [f"dx of {path}" for path in dict.fromkeys(layer.consumers)]
    if result == "y" and out == "net":
        return ["net"]
    if result in ("y", "net"):
        return ["x", "weight", "bias", "mask", "argmax", "mean", "scale", "power", "total"]
    if result == "grad_net":
        return ["grad_y", "slope"]
    if result == "grad_x":
        if layer.chapter == "softmax":
            return ["grad_y", "y"]
        if layer.chapter == "activation":
            return ["grad_y", "slope"]
        beside = ["x"] if _normalises(layer) else []
        return [error, "weight", "mask", "argmax", *beside, "drift", "swell"]
    if result == "grad_weight":
        return [error, "x"]
    if result == "grad_bias":
        return [error]
    if result.endswith(".update"):
        name = result.removesuffix(".update")
        return [name, f"grad_{name}"]
    return ["x"]


def tables(layer: LayerTrace) -> dict[str, Any] | None:
    """Return which rows, columns and channels met; the script sorts them in the other ways."""
    taps = layer.taps
    if taps is None:
        return None
    rows, columns = map(_axis, (taps.rows, taps.columns))
    return {"rows": rows, "columns": columns, "channels": taps.channels}


def _axis(taps: AxisTaps) -> dict[str, Any]:
    return {
        "outputs": taps.outputs,
        "sizes": (len(taps.inputs), len(taps.kernel)),
        "shares": taps.shares,
    }


def extras(layer: LayerTrace) -> dict[str, npt.NDArray[Any]]:
    """Return arrays of the first image that only some layers have."""
    found: dict[str, npt.NDArray[Any]] = {}
    for name in ("mask", "argmax"):
        if name in layer.saved:
            found[name] = layer.saved[name][0]
    if layer.activation != "identity":
        activated = layer.kept if layer.chapter == "activation" else layer.kept[1]
        found["slope"] = deactivate(layer.activation, np.ones_like(layer.y), activated)[0]
    if layer.chapter == "softmax":
        most = layer.input[0].max(axis=0, keepdims=True)
        power = np.exp(layer.input[0] - most)
        found |= {"most": most, "power": power, "total": 1 / power.sum(axis=0, keepdims=True)}
    if _normalises(layer):
        channels = layer.y.shape[1]
        mean, var = (layer.saved[name] for name in ("mean", "var"))
        if mean.ndim == 2:  # a number for each group of the first image
            mean, var = (np.repeat(one[0], channels // one.shape[1]) for one in (mean, var))
        found |= {"mean": mean, "scale": 1 / np.sqrt(var + layer.kept.eps)}
        if layer.chapter == "group_norm":
            found |= _through_statistics(layer, found["mean"], found["scale"])
    return found


def _through_statistics(
    layer: LayerTrace, mean: npt.NDArray[Any], scale: npt.NDArray[Any]
) -> dict[str, npt.NDArray[Any]]:
    """Return, for each channel, what its group's mean and variance subtract going backward."""
    wide = (slice(None), *[np.newaxis] * (layer.y.ndim - 2))
    errors = layer.grad_y[0].astype(np.float64)
    if "weight" in layer.parameters:
        weight = layer.parameters["weight"].value
        errors *= weight[wide] if weight.ndim == 1 else weight
    hats = (layer.input[0] - mean[wide]) * scale[wide]
    groups = layer.saved["mean"].shape[1]
    found = {}
    for name, array in (("drift", errors), ("swell", errors * hats)):
        means = array.reshape(groups, -1).mean(axis=1)
        found[name] = np.repeat(means, len(array) // groups)
    return found


def constants(layer: LayerTrace, update: UpdateTrace | None) -> dict[str, Any]:
    """Return the numbers of a layer that are not in an array."""
    found: dict[str, Any] = {}
    if layer.chapter == "dropout":
        found["grown"] = 1 / (1 - layer.arguments["p"]) if layer.arguments["p"] < 1 else 0.0
    if layer.chapter == "conv2d":
        found["window"] = prod(layer.parameters["weight"].value.shape[1:])
    if isinstance(layer.kept, BatchNormSaved) and not layer.kept.fixed:
        found["count"] = layer.kept.count  # in training mean and variance depend on x
    if update is not None:
        found["update"] = {"type": update.type, "step": update.step, **asdict(update.settings)}
        found["decays"] = {name: one.decays for name, one in layer.parameters.items()}
        found["frozen"] = {name: one.frozen for name, one in layer.parameters.items()}
    return found


def loss_constants(loss: LossTrace) -> dict[str, float]:
    """Return the factor of the gradient's two products."""
    if loss.type == "SquaredError":
        return {"share": 2 / loss.divisor}
    whole = float(loss.target[0].sum(dtype=np.float64))
    return {"share": 1 / loss.divisor, "whole": whole / loss.divisor}


def handed_back(reader: LayerTrace, layer: LayerTrace) -> npt.NDArray[Any]:
    """Return the gradient that a reader of a layer's y returns to it."""
    if reader.grad_x is not None:
        return reader.grad_x
    parts = [
        _handed(reader, number)
        for number, path in enumerate(reader.sources)
        if path == layer.path  # once, or as often as it occurs
    ]
    return np.sum(parts, axis=0, dtype=reader.grad_y.dtype)


def _handed(reader: LayerTrace, number: int) -> npt.NDArray[Any]:
    if reader.several:
        return reader.grad_xs[number]
    return reader.grad_y[:, reader.slots[number]] if reader.slots else reader.grad_y


def note(trace: Trace, path: str, result: str, said: Explanation) -> str:
    """Return the source of the formula, and remarks on what the numbers alone do not show."""
    judged = trace.loss is not None and path == trace.loss.path
    remarks = [said.reference]
    if not judged and result in ("y", "net") and _lacks_bias(trace[path]):
        remarks.append("This layer has no bias.")
    if judged or result == "grad_y" or _alike(trace[path]):
        remarks.append(said.note)
    return " ".join(remark for remark in remarks if remark)


def _lacks_bias(layer: LayerTrace) -> bool:
    """Return whether the formula has a bias that the layer lacks."""
    return "weight" in layer.parameters and "bias" not in layer.parameters


def _alike(layer: LayerTrace) -> bool:
    """Return whether the note on one number holds for all numbers of the layer."""
    dropped = "mask" in layer.saved  # or not: each unit differs
    return _normalises(layer) or (layer.chapter == "dropout" and not dropped)


def _normalises(layer: LayerTrace) -> bool:
    return {"mean", "var"} <= layer.saved.keys()


def other_images(trace: Trace, result: str) -> int:
    """Count the images after the first over which a result sums."""
    summed = (
        result == "mean"
        or result.startswith("grad_")
        and result not in ("grad_x", "grad_y", "grad_net")
    )
    return len(trace.layers[0].y) - 1 if summed else 0


def lines(said: Explanation) -> list[str]:
    """Write steps, or terms, as lines."""
    said_of = {"target": "q", "-log p": "(−log p)", "(y - target)": "(x − t)"}
    if said.steps:
        return [f"{step.name} = {step.expression} = {step.value:.6g}" for step in said.steps]
    if not said.terms:
        return ["= 0"]
    products = [" × ".join(_signed(one.value) for one in term.factors) for term in said.terms]
    more = f" + {said.left_out} smaller products" if said.left_out else ""
    names = [said_of.get(one.array, one.array) for one in said.terms[0].factors]
    return [f"sum of {' × '.join(names)}", f"= {' + '.join(products)}{more}"]


def _signed(value: float) -> str:
    return f"(−{-value:.6g})" if value < 0 else f"{value:.6g}"
