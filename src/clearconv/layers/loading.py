"""Models built from plain data and read from files."""

from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Any

from clearconv.arrays import Array, Shape
from clearconv.errors import ModelFileError
from clearconv.layers.base.multi_input import MultiInput
from clearconv.layers.base.node import Node
from clearconv.layers.base.numbers.parameter import join
from clearconv.layers.base.spec import make
from clearconv.saving.header import check_tensors
from clearconv.saving.model_file import read
from clearconv.words import cut

_MOST_NUMBERS = 2**28  # most values of a layer's output for one image: 1 GiB in float32


def from_spec(spec: dict[str, Any]) -> Node:
    """Make the model that a spec describes; not built yet.

    Parameters
    ----------
    spec : dict
        Spec, as ``model.spec()`` returns it.

    Returns
    -------
    Node
        A new model.

    Raises
    ------
    ModelFileError
        If the format is newer, a layer type or activation is not registered, or an argument is
        wrong; names it.
    """
    model: Node = make(spec)
    return model


def load(path: str | Path) -> Node:
    """Read a model that ``model.save`` wrote, from any source: nothing in it is run.

    Parameters
    ----------
    path : str or Path
        A safetensors file.

    Returns
    -------
    Node
        The built model with its weights; ``model.info`` holds classes, preprocessing and history.

    Raises
    ------
    ModelFileError
        If the file is missing, damaged, not a clearconv model, or needs a layer or activation that
        is not registered. These checks take no more memory than the file's own size.
    """
    return load_with_extra(path)[0]


def load_with_extra(path: str | Path) -> tuple[Node, dict[str, Array]]:
    """Read a model and the tensors that were saved with it."""
    path = Path(path)
    content = read(path)
    try:
        model = from_spec(content.spec)
        model._lay_out(content.input_shape)
    except ModelFileError as error:
        raise ModelFileError(f"{path}: {error}") from None
    except Exception as error:  # a made-up description may break any layer in any way
        raise ModelFileError(f"{path}: the model's description is damaged: {error!r}") from None
    model.info = content.info
    _check_outputs(path, model)
    check_tensors(path, declared(model), content.dtype, content.tensors)
    model._allocate(0, content.dtype, draw=False)  # the file has every parameter
    model.load_state_dict(content.tensors)
    return model, content.extra


def laid_out(model: Node, input_shape: Shape) -> Node:
    """Return a copy of a model that knows its shapes and parameters, without any weights.

    Parameters
    ----------
    model : Node
        Built or not; it is not changed.
    input_shape : tuple of int
        Shape as for ``build``.

    Returns
    -------
    Node
        Cannot compute: nothing is allocated.

    Raises
    ------
    ShapeError
        If a layer does not fit; names it.
    """
    return model._as_if_built(input_shape)


def declared(model: Node) -> dict[str, Shape]:
    """Return path -> shape of the parameters and running statistics of a model that is laid out."""
    shapes: dict[str, Shape] = {}
    for layer in model.leaves():
        for name, parameter in layer.declared.items():
            shapes[join(layer.path, name)] = parameter.shape
        for name, initial in layer.declared_buffers.items():
            shapes[join(layer.path, name)] = initial.shape
    return shapes


def placed(layer: Node, shapes: tuple[Shape, ...], fixed: tuple[bool, ...]) -> Shape:
    """Return the shape of a layer's output, before it has a place in a model.

    Parameters
    ----------
    layer : Node
        A new layer.
    shapes : tuple of tuple of int
        Shape of one image of each of its inputs.
    fixed : tuple of bool
        Whether that input is a constant.

    Raises
    ------
    ShapeError
        If they do not fit.
    """
    if isinstance(layer, MultiInput):
        return layer.place_inputs("", shapes, fixed)
    return layer._place("", shapes[0])


def with_weights(model: Node, input_shape: Shape, dtype: str, tensors: Mapping[str, Array]) -> Node:
    """Build a model that another program trained, with all of its weights.

    Parameters
    ----------
    model : Node
        A new model.
    input_shape : tuple of int
        Shape of one input.
    dtype : "float32" or "float64"
        Dtype to compute in.
    tensors : mapping
        Path -> numbers, of every parameter and running statistic.

    Returns
    -------
    Node
        The same model, built.

    Raises
    ------
    ShapeError, ModelFileError
        If something does not fit.
    """
    model._lay_out(input_shape)
    model._allocate(0, dtype, draw=False)
    model.load_state_dict(dict(tensors))
    return model


def _check_outputs(path: Path, model: Node) -> None:
    """Raise if a layer's output for one image is larger than memory could hold."""
    for layer in model.leaves():
        sizes = [layer.input_shape, layer.output_shape]
        if len(layer.input_shape) == 3:
            C, H, W = layer.input_shape
            around = 2 * max((0, *_numbers(layer.arguments.get("padding"))))
            sizes.append((C, H + around, W + around))
        if (most := max(map(prod, sizes))) > _MOST_NUMBERS:
            raise ModelFileError(
                f"{path}: {layer.label} would make {most:,} numbers of one image, but at most "
                f"{_MOST_NUMBERS:,} are allowed in a model from a file. Is its input shape "
                f"{cut(str(model.input_shape), 80)} a mistake?"
            )


def _numbers(value: Any) -> tuple[int, ...]:
    """Return the whole numbers in nested sequences."""
    if isinstance(value, (tuple, list)):
        return tuple(number for item in value for number in _numbers(item))
    return (value,) if isinstance(value, int) else ()
