"""Where the kernels of a transposed convolution lie: the windows of the convolution it reverses."""

from dataclasses import dataclass, replace

from clearconv.errors import ShapeError
from clearconv.ops.geometry.window import IntOrPair, Padding, Pair, Window, pair


def transposed_window(
    what: str,
    x_shape: tuple[int, ...],
    weight_shape: tuple[int, ...],
    stride: IntOrPair,
    padding: Padding,
    output_padding: IntOrPair,
    groups: int,
    dilation: IntOrPair,
) -> Window:
    """Check channels and groups, and compute the geometry; `what` names the function.

    The window is that of the convolution whose input has the shape of y, and whose output that of
    x: its ``input`` is (OH, OW), its ``output`` (H, W).
    """
    (C, I), share = (x_shape[1], weight_shape[0]), weight_shape[1]
    if I < 1 or share < 1:
        raise ShapeError(f"{what}: weight is {weight_shape}, but no axis of it may be empty.")
    if I != C:
        raise ShapeError(
            f"{what}: x has {C} channels (shape {tuple(x_shape)}), but weight {weight_shape} "
            f"expects {I}. Weights of a transposed convolution are (in, out/groups, rows, columns)."
        )
    if groups < 1 or C % groups:
        raise ShapeError(f"{what}: groups={groups}, but it must divide the input channels ({C}).")
    kernel = weight_shape[2], weight_shape[3]
    transposed = TransposedKernel.of(what, kernel, stride, padding, output_padding, dilation)
    return transposed.window((x_shape[2], x_shape[3]))


@dataclass(frozen=True)
class TransposedKernel:
    """Size, stride, dilation and padding of a stamped kernel, checked.

    The geometry of a transposed convolution, except for the size of its maps.
    """

    what: str
    kernel: Pair
    stride: Pair
    dilation: Pair
    sides: tuple[Pair, Pair]
    extra: Pair

    @classmethod
    def of(
        cls,
        what: str,
        kernel: IntOrPair,
        stride: IntOrPair,
        padding: Padding,
        output_padding: IntOrPair,
        dilation: IntOrPair,
    ) -> "TransposedKernel":
        """Check the settings; `what` names the operation or layer in error messages."""
        if padding == "same":
            raise ShapeError(
                f"{what}: padding='same' does not say which of several sizes to come back to. "
                "With padding=(K - 1) // 2 and output_padding=stride - 1 an odd kernel K gives "
                "size * stride outputs."
            )
        kernel = pair(what, "kernel_size", kernel, least=1)
        stride = pair(what, "stride", stride, least=1)
        dilation = pair(what, "dilation", dilation, least=1)
        extra = pair(what, "output_padding", output_padding, least=0)
        for axis in (0, 1):
            if extra[axis] >= max(stride[axis], dilation[axis]):
                raise ShapeError(
                    f"{what}: output_padding={output_padding!r}, but it must be less than the "
                    f"stride ({stride[axis]}) or the dilation ({dilation[axis]}): it chooses among "
                    "the sizes that a convolution would take to this one."
                )
        reach = dilation[0] * (kernel[0] - 1) + 1, dilation[1] * (kernel[1] - 1) + 1
        sides = Window.of(what, reach, kernel, stride, padding, dilation).padding
        return cls(what, kernel, stride, dilation, sides, extra)

    def window(self, size: Pair) -> Window:
        """Compute the geometry for maps of a size (H, W)."""
        output = [0, 0]
        for axis, name in enumerate(("height", "width")):
            reach = self.dilation[axis] * (self.kernel[axis] - 1) + 1
            whole = (size[axis] - 1) * self.stride[axis] + reach + self.extra[axis]
            output[axis] = whole - sum(self.sides[axis])
            if size[axis] < 1 or output[axis] < 1:
                raise ShapeError(
                    f"{self.what}: the input's {name} is {size[axis]}, which gives {whole}, and "
                    f"padding {self.sides[axis]} cuts {sum(self.sides[axis])} of them. Use a "
                    "larger image or less padding."
                )
        window = Window.of(
            self.what,
            (output[0], output[1]),
            self.kernel,
            self.stride,
            self.sides,
            self.dilation,
        )
        # output_padding beyond a stride would leave room for a further window
        return window if window.output == size else replace(window, output=size)
