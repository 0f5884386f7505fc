"""The contribution of each image of a training batch to a number that sums over all of them."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from clearconv.tracing import LayerTrace, LossTrace


def shares(layer: LayerTrace, result: str) -> Iterator[npt.NDArray[Any]]:
    """Yield the contribution of each image after the first.

    Parameters
    ----------
    layer : LayerTrace
        Layer of a traced batch.
    result : str
        ``"mean"`` of batch norm, or a parameter's gradient such as ``"grad_weight"``.

    Yields
    ------
    ndarray of the shape of the result
    """
    for n in range(1, len(layer.y)):
        one = slice(n, n + 1)
        if result == "mean":
            yield _summed(layer.input[n] / layer.kept.count, layer.saved["mean"].shape)
            continue
        shape = layer.parameters[result.removeprefix("grad_")].value.shape
        errors = layer.grad_y if layer.grad_net is None else layer.grad_net
        if result == "grad_weight" and layer.x_hat is not None:
            yield _summed(errors[n] * layer.x_hat[n], shape)
        elif result == "grad_weight":
            assert layer.operation is not None
            given = () if layer.taps is None else (shape,)  # for the size of the kernel
            yield layer.operation.backward_weight(
                errors[one], layer.input[one], *given, **layer.geometry
            )
        else:
            yield _summed(errors[n], shape)


def images(loss: LossTrace | None, count: int) -> list[str]:
    """Name the images of a batch: their positions, and their classes if they are known."""
    labels = loss.labels if loss is not None else ()
    classes = loss.classes if loss is not None else ()
    kinds = [f" ({classes[k] if classes else f'class {k}'})" for k in labels] or [""] * count
    return [f"image {n}{kind}" for n, kind in enumerate(kinds)]


def _summed(array: npt.NDArray[Any], shape: tuple[int, ...]) -> npt.NDArray[Any]:
    """Sum over the axes that a parameter does not have."""
    return array.sum(axis=tuple(range(len(shape), array.ndim)), dtype=np.float64).astype(
        array.dtype
    )
