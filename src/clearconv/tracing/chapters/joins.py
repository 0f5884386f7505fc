"""Places where arrays meet: the end of a Residual or a Concat, and gradients that are added."""

from collections.abc import Mapping

from clearconv.layers import Concat, Node, Residual
from clearconv.layers.stages.chain import Chain
from clearconv.tracing._data import LayerTrace, LossTrace
from clearconv.tracing._explanation import Index
from clearconv.tracing._function import dotted
from clearconv.tracing._sums import Column, Products, products
from clearconv.tracing.chapters.explainer import Derivation, written


def image(layer: LayerTrace, index: Index) -> Derivation:
    """Explain a number of the input: there is nothing to explain."""
    given = products(Column.of(layer.path, "image", layer.y, *index))
    note = "A number of the image: given, not computed."
    return Derivation(dotted(Node.forward), "y = x", sums=(given,), note=note)


def joined(layers: Mapping[str, LayerTrace], layer: LayerTrace, index: Index) -> Derivation:
    """Explain an element of y of a Residual's sum or a Concat."""
    if layer.type == "Residual":
        parts = [products(_y(layers[source], index)) for source in layer.sources]
        formula = r"y = body(x) + shortcut(x)"
        return Derivation(dotted(Residual, "_run"), formula, sums=tuple(parts))
    n, c, *inner = index
    source, slot = next(
        (source, slot)
        for source, slot in zip(layer.sources, layer.slots, strict=True)
        if c < slot.stop
    )
    part = products(_y(layers[source], (n, c - slot.start, *inner)))
    formula, reference = written("conv_block.join")
    return Derivation(dotted(Concat, "_run"), formula, reference, sums=(part,))


def incoming(
    layers: Mapping[str, LayerTrace], loss: LossTrace | None, layer: LayerTrace, index: Index
) -> Derivation:
    """Explain an element of dL/dy: the sum of what each reader of y returned."""
    handed: list[Products] = []
    for path in dict.fromkeys(layer.consumers):
        reader = layers[path]
        for number, source in enumerate(reader.sources):
            if source != layer.path:
                continue
            if reader.several:
                handed.append(products(_grad(reader, f"grad_x{number + 1}", index)))
                continue
            n, c, *inner = index
            place = (n, reader.slots[number].start + c, *inner) if reader.slots else index
            name = "grad_y" if reader.x is None else "grad_x"
            handed.append(products(_grad(reader, name, place)))
    formula = r"\frac{\partial L}{\partial y} = \sum_k \frac{\partial L}{\partial x^{(k)}}"
    if handed:
        note = "The gradient that the reader of this output returns."
        if len(handed) > 1:
            note = f"{len(handed)} layers read this output; the gradients they return are added."
        return Derivation(dotted(Chain.run_back), formula, sums=tuple(handed), note=note)
    if loss is None:
        given = products(Column.of(layer.path, "dL/dy", layer.grad_y, *index))
        note = "Given to the pass as the gradient of the network's output."
        return Derivation(dotted(Node.backward), formula, sums=(given,), note=note)
    column = Column.of(loss.path, "grad", loss.grad, *index)
    note = "The last layer: its output goes into the loss."
    return Derivation(dotted(Node.backward), formula, sums=(products(column),), note=note)


def _y(source: LayerTrace, index: Index) -> Column:
    return Column.of(source.path, "y", source.y, *index)


def _grad(reader: LayerTrace, name: str, index: Index) -> Column:
    return Column.of(reader.path, name, reader.array(name), *index)
