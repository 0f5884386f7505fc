"""A run that starts from an earlier model: its layers, its weights, its preprocessing."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from clearconv.arrays import Array, Shape
from clearconv.data import Preprocessing, Source, side_for
from clearconv.errors import ArgumentError, ShapeError
from clearconv.layers import Conv2d, Graph, Layer, Linear, Node, Sequential, from_spec
from clearconv.layers.base.numbers.parameter import join
from clearconv.layers.loading import laid_out
from clearconv.runs import files
from clearconv.runs.evaluation import Integers
from clearconv.runs.given import Given
from clearconv.runs.open import Opened, open_run
from clearconv.runs.settings import OWN
from clearconv.words import counted, some

#: Settings that the earlier model determines; a run that starts from it cannot change them.
FIXED = ("model", "batch_norm", "dropout")


@dataclass(frozen=True, eq=False)
class Earlier:
    """A trained model to start from: a run's, or one that ``clearconv.exchange`` has read.

    Attributes
    ----------
    path : Path
        The run folder or the file, absolute.
    model : Node
        The model; it need not be built, since `state` has its weights.
    input_shape : tuple of int
        Shape of one input.
    state : mapping
        Path -> array: everything that ``load_state_dict`` takes.
    settings : Given
        Settings that make the model, of those in `FIXED`; other values of these are refused.
    classes : tuple of str, optional
        Classes in the order of its outputs; None if only their number is known.
    preprocessing : Preprocessing, optional
        Preprocessing of its images; None if it is not known, and measured as for a new model.
    notes : tuple of str
        What a reader of the file should know: one line each, shown when a run starts.
    opened : Opened, optional
        The run or model file, if it is clearconv's own.
    head : str, optional
        First layer of the head of a pretrained model. A run that starts from it trains only the
        head, unless its settings say otherwise.
    """

    path: Path
    model: Node
    input_shape: Shape
    state: Mapping[str, Array]
    settings: Given
    classes: tuple[str, ...] | None = None
    preprocessing: Preprocessing | None = None
    notes: tuple[str, ...] = ()
    opened: Opened | None = None
    head: str | None = None

    @classmethod
    def open(cls, path: str | Path) -> "Earlier":
        """Read a run's best model, or a model file.

        Parameters
        ----------
        path : str or Path
            The run folder or the file.

        Returns
        -------
        Earlier

        Raises
        ------
        ModelFileError, RunError
            If it cannot be used.
        """
        opened = open_run(path)
        model = opened.trained.model  # raises now if something is wrong with it
        about = Given(model=OWN)
        if opened.run is not None:
            about = Given(**{name: getattr(opened.settings, name) for name in FIXED})
        return cls(
            opened.path.resolve(),
            model,
            model.input_shape,
            {**model.store.parameters, **model.store.buffers},
            about,
            opened.classes,
            opened.preprocessing,
            opened=opened,
        )

    @cached_property
    def _laid_out(self) -> Node:
        """Return the model with its shapes, without weights."""
        return laid_out(self.model, self.input_shape)

    @property
    def outputs(self) -> int:
        """Return how many numbers the model gives for an image."""
        return self._laid_out.output_shape[0]

    def settled(self, given: Given) -> Given:
        """Return the settings asked for, with those that the model determines.

        Parameters
        ----------
        given : Given
            The settings asked for.

        Raises
        ------
        ArgumentError
            If one of them requires another architecture.
        """
        for name in FIXED:
            value, own = getattr(given, name), getattr(self.settings, name)
            if value is None or value == own:
                continue
            asked = f"`{name}={value!r}`" if not isinstance(value, Node) else "A model of your own"
            known = "" if own in (None, OWN) else f" (`{name}={own!r}`)"
            raise ArgumentError(
                f"{asked} does not go with the model of {self.path}{known}, which brings its own "
                f"layers. Leave `{name}` out, or start without that model."
            )
        return replace(self.settings, start=str(self.path)).over(given)

    def doubts(self, source: Source, test: Integers) -> Iterator[str]:
        """Warn if the model has learnt from images of the new test part."""
        if self.opened is None or self.opened.run is None:
            return
        if count := self.opened.learnt_from(source, test):
            split = f"`split={str(self.path / files.SPLIT)!r}`"
            yield (
                f"the model of {self.path} has learnt from {count:,} of the {len(test):,} test "
                "images; the test says little about new ones. Keep those apart that it was tested "
                f"with ({split} if the data are the same), or test on others"
            )

    def remarks(self, classes: tuple[str, ...]) -> tuple[str, ...]:
        """Say what is known of the model, and what becomes of its head with these classes."""
        last = [leaf.path for leaf in self._laid_out.leaves() if leaf.declared][-1]
        if self.classes is not None or not any(path.startswith(f"{last}.") for path in self.state):
            return self.notes
        outputs = counted(self.outputs, "output")
        if len(classes) == self.outputs:
            head = f"its {outputs} are taken for {some(classes)}, in this order"
        else:
            head = f"its last layer has {outputs}, so a new one is made for {len(classes)} classes"
        return (*self.notes, head)

    def begin(
        self, classes: tuple[str, ...], image_size: int | None, seed: int
    ) -> tuple[Node, Preprocessing | None]:
        """Return the model for these classes, and its preprocessing.

        The preprocessing is kept: the weights belong to images scaled like that. If the classes
        differ, the last layer with parameters is replaced, and keeps the weights of each class that
        both have.

        Parameters
        ----------
        classes : tuple of str
            Classes of the new data, in the order of the outputs.
        image_size : int, optional
            Height and width that the network sees; its own by default. It must leave the shape of
            every layer but the last unchanged.
        seed : int
            Seed of the initial weights of new classes.

        Returns
        -------
        Node, Preprocessing
            The preprocessing is None if it is not known.

        Raises
        ------
        ArgumentError
            If the model cannot be given these classes or this size.
        """
        known = self.classes
        if known is None and len(classes) == self.outputs:
            known = classes
        model = self.model
        head: tuple[str, ...] = ()
        if classes != known or image_size is not None:
            model, head = _with_head(laid_out(model, self.input_shape), len(classes), self)
        model = from_spec(model.spec())
        shape, preprocessing = self.input_shape, self.preprocessing
        side = shape[1] if len(shape) == 3 else shape[0]
        if image_size is not None:
            shape = (shape[0], image_size, image_size)
            if preprocessing is not None:
                preprocessing = replace(
                    preprocessing,
                    size=(image_size, image_size),
                    side=side_for((image_size, image_size)),
                )
        try:
            model.build(shape, seed=seed)
        except ShapeError as error:
            raise ArgumentError(
                f"The model of {self.path} cannot take images of {image_size} x {image_size}: "
                f"{error} Leave the image size out, to keep {side}."
            ) from None
        state = model.store.parameters | model.store.buffers
        for path, values in self.state.items():
            if path in head:
                _copy_rows(values, state[path], known or (), classes)
            elif values.shape == state[path].shape:
                state[path][...] = values
            else:
                raise ArgumentError(
                    f"With images of {image_size} x {image_size} {path} would have the shape "
                    f"{state[path].shape}, but in the model of {self.path} it is {values.shape}. "
                    f"Leave the image size out, to keep {side}."
                )
        return model, preprocessing


def freeze(model: Node, before: int | str) -> None:
    """Freeze the first layers of a model that is about to be trained; 0 freezes none."""
    if isinstance(model, (Sequential, Graph)):
        model.freeze(before)
    elif before:
        raise ArgumentError(
            f"`freeze={before!r}`: the model is a {type(model).__name__}, but only a Sequential "
            "and a Graph have layers that run first. Wrap it: Sequential(...)."
        )


def _with_head(model: Node, new: int, earlier: Earlier) -> tuple[Node, tuple[str, ...]]:
    """Let the last layer with parameters give `new` numbers; also return its parameters' paths."""
    head: Layer = [layer for layer in model.leaves() if layer.declared][-1]
    old = earlier.outputs
    if not isinstance(head, Linear | Conv2d) or head.output_shape[0] != old:
        raise ArgumentError(
            f"The model of {earlier.path} ends in {head.label}, which gives {head.output_shape} "
            f"and not one number for each of its {old} classes, so it cannot get other classes."
        )
    head.arguments["out_features" if isinstance(head, Linear) else "out_channels"] = new
    return model, tuple(join(head.path, name) for name in head.declared)


def _copy_rows(old: Array, new: Array, known: tuple[str, ...], classes: tuple[str, ...]) -> None:
    """Copy the rows (one per class) of the classes that both have, if their lengths agree."""
    if old.shape[1:] != new.shape[1:]:
        return  # another image size: the inputs of the rows have changed their meaning
    for place, name in enumerate(classes):
        if name in known:
            new[place] = old[known.index(name)]
