"""Where the windows of a pooling layer lie, with pads that say it to every runtime."""

from clearconv.exchange.onnx.operators.base.writer import Writer, pads
from clearconv.layers import AvgPool2d, MaxPool2d
from clearconv.ops.geometry.window import Pair, Window

Sides = tuple[Pair, Pair]


def window_of(node: MaxPool2d | AvgPool2d) -> tuple[Window, Sides]:
    """Return a layer's window, and ((top, bottom), (left, right)) that its outputs need.

    They are the layer's, and more at the end where a last incomplete window hangs over them.
    """
    given = dict(node.arguments)
    given.pop("count_include_pad", None)
    _, H, W = node.input_shape
    window = Window.of(
        node.label,
        (H, W),
        given["kernel_size"],
        given["stride"],
        given["padding"],
        given["dilation"],
        given["ceil_mode"],
    )
    sides = []
    for axis in (0, 1):
        before, after = window.padding[axis]
        end = (window.output[axis] - 1) * window.stride[axis] + window.reach[axis]
        over = end - before - window.input[axis]
        sides.append((before, max(after, over)))
    return window, (sides[0], sides[1])


def before_pool(
    x: str, window: Window, sides: Sides, value: float, to: Writer
) -> tuple[str, Sides]:
    """Pad before the pooling where its own pads may not be as large; return what is left of them.

    ONNX Runtime takes only pads that are smaller than the kernel.
    """
    fits = all(max(sides[axis]) < window.kernel[axis] for axis in (0, 1))
    if fits:
        return x, sides
    (top, bottom), (left, right) = sides
    amounts = to.constant(pads(((0, 0), (0, 0), (top, bottom), (left, right))), "pads", "int64")
    padded = to.op("Pad", x, amounts, to.constant(value, "filling", "float32"), mode="constant")
    return padded, ((0, 0), (0, 0))
