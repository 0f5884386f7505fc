"""Which of the bundled models a file's weights belong to."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np

from clearconv.arrays import Array, Shape
from clearconv.errors import ModelFileError
from clearconv.exchange.names import translations
from clearconv.layers import Node
from clearconv.layers.loading import declared, laid_out
from clearconv.models import MODELS, create
from clearconv.models.registry import taking
from clearconv.words import counted, some

_MOST = 12  # arrays named in a message


@dataclass(frozen=True)
class Fit:
    """Weights held against a model.

    Attributes
    ----------
    name : str
        The model's name in ``MODELS``.
    options : dict
        Its options.
    whose : str
        Whose names the file has, if they are not ours.
    input_shape : tuple of int
        Shape of one input.
    state : dict
        Path -> array.
    classes : int or None
        Number of the last layer's outputs in the file; None if the file has no such layer.
    missing, unknown : tuple of str
        Paths that only the model has, and names that only the file has.
    misfits : dict
        Path -> shape in the file, and in the model.
    paths : int
        Number of the model's paths.
    """

    name: str
    options: Mapping[str, Any]
    whose: str
    input_shape: Shape
    state: dict[str, Array]
    classes: int | None
    missing: tuple[str, ...]
    unknown: tuple[str, ...]
    misfits: dict[str, tuple[Shape, Shape]] = field(default_factory=dict)
    paths: int = 0

    @property
    def exact(self) -> bool:
        """Whether everything fits, but perhaps for a last layer that is missing."""
        return not (self.missing or self.unknown or self.misfits)

    @property
    def fitting(self) -> int:
        """Return how many of the model's paths the file has, in the right shape."""
        return self.paths - len(self.missing) - len(self.misfits)

    def model(self) -> Node:
        """Return the model, not built."""
        return create(self.name, self.classes or MODELS[self.name].classes, **self.options)

    def complaint(self) -> str:
        """Say what does not fit, with both shapes."""
        parts = []
        if self.misfits:
            both = (
                f"{path} is {theirs} in the file, {ours} in {self.name}"
                for path, (theirs, ours) in self.misfits.items()
            )
            parts.append("; ".join([*both][:_MOST]) + _more(len(self.misfits)))
        if self.missing:
            parts.append(f"missing in the file: {some(self.missing, _MOST)}")
        if self.unknown:
            parts.append(f"not in {self.name}: {some(self.unknown, _MOST)}")
        return "; ".join(parts)


def _more(count: int) -> str:
    return f"; and {count - _MOST} more" if count > _MOST else ""


def recognised(
    state: Mapping[str, Array], where: object, name: str | None = None, **options: Any
) -> Fit:
    """Return the model to which weights belong.

    Parameters
    ----------
    state : mapping
        Name -> array, with the names of torchvision, timm or clearconv.
    where : object
        The file, for messages.
    name : str, optional
        A name in ``clearconv.models.MODELS``; by default all models are tried.
    **options
        Options of the model.

    Returns
    -------
    Fit
        It is exact, but the number of classes is the file's, and a last layer may be missing.

    Raises
    ------
    ArgumentError
        If no model of that name is known, or it has no such options.
    ModelFileError
        If the weights fit no model, or not the one that was named; the message lists what does not
        fit, with both shapes.
    """
    options = {key: value for key, value in options.items() if value is not None}
    if name is None and options:
        found = recognised(state, where)
        return recognised(state, where, found.name, **{**found.options, **options})
    fits = [fit for one in ([name] if name else MODELS) for fit in _fits(state, one, options)]
    exact = [fit for fit in fits if fit.exact]
    if exact:
        return exact[0]
    best = max(fits, key=lambda fit: (fit.fitting / fit.paths, fit.fitting))
    fitting = f"{best.fitting:,} of its {counted(best.paths, 'array')} fit"
    if name is not None:
        raise ModelFileError(
            f"The weights of {where} are not those of {name}: {fitting}; {best.complaint()}."
        )
    if best.fitting < 2:
        raise ModelFileError(
            f"The weights of {where} are not those of a bundled model: it has {some(state)}. Make "
            "the network in Python, and load them: model.load_state_dict(state)."
        )
    raise ModelFileError(
        f"The weights of {where} are not those of a bundled model. The nearest is {best.name}, of "
        f"which {fitting}; {best.complaint()}."
    )


def _fits(state: Mapping[str, Array], name: str, options: Mapping[str, Any]) -> Iterator[Fit]:
    """Yield how weights fit a model, for each of its options and each way to name its parts."""
    normalised = [False, True] if name in taking("batch_norm") else [False]
    if "batch_norm" in options:
        normalised = [bool(options["batch_norm"])]
    for batch_norm in normalised:
        chosen = {key: value for key, value in options.items() if key != "batch_norm"}
        if batch_norm:
            chosen["batch_norm"] = True
        for whose, ours in translations(state, name).items():
            yield _fit(ours, name, chosen, whose)


def _fit(state: dict[str, Array], name: str, options: dict[str, Any], whose: str) -> Fit:
    size = MODELS[name].input_shape
    paths = _paths(name, tuple(options.items()), size)
    first = next(iter(paths.shapes))
    kernel = np.shape(state.get(first, ()))
    if len(kernel) == len(paths.shapes[first]) == 4 and kernel[1] in (1, 3):
        size = (kernel[1], *size[1:])  # a model of grey images, or of colours
        paths = _paths(name, tuple(options.items()), size)
    expected, classes = dict(paths.shapes), None
    if (head := state.get(paths.head[0])) is not None and head.ndim:
        classes = len(head)
        for path in paths.head:
            expected[path] = (classes, *expected[path][1:])
    elif not any(path in state for path in paths.head):
        expected = {path: shape for path, shape in expected.items() if path not in paths.head}
    return Fit(
        name,
        options,
        whose,
        size,
        state,
        classes,
        tuple(path for path in expected if path not in state),
        tuple(path for path in state if path not in expected),
        {
            path: (state[path].shape, shape)
            for path, shape in expected.items()
            if path in state and state[path].shape != shape
        },
        len(expected),
    )


@dataclass(frozen=True)
class _Paths:
    """Shapes of a model's arrays by path, and the paths of its last layer: the weight first."""

    shapes: dict[str, Shape]
    head: tuple[str, ...]


@cache
def _paths(name: str, options: tuple[tuple[str, Any], ...], input_shape: Shape) -> _Paths:
    model = laid_out(create(name, MODELS[name].classes, **dict(options)), input_shape)
    last = [leaf for leaf in model.leaves() if leaf.declared][-1]
    shapes = declared(model)
    return _Paths(shapes, tuple(path for path in shapes if path.rpartition(".")[0] == last.path))
