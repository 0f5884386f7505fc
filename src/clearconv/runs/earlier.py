"""A run that starts from an earlier model: its layers, its weights, its preprocessing."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from clearconv.arrays import Array
from clearconv.data import Preprocessing, Source
from clearconv.errors import ArgumentError, ShapeError
from clearconv.layers import Conv2d, Layer, Linear, Node, Sequential, from_spec
from clearconv.layers.base.numbers.parameter import join
from clearconv.runs import files
from clearconv.runs.evaluation import Integers
from clearconv.runs.open import Opened, open_run
from clearconv.runs.settings import OWN

#: Settings that the earlier model determines; a run that starts from it cannot change them.
FIXED = ("model", "batch_norm", "dropout")


@dataclass(frozen=True, eq=False)
class Earlier:
    """A trained model to start from.

    Attributes
    ----------
    opened : Opened
        A run or a model file.
    settings : dict
        Settings of its run, as far as they determine the model; empty for a model file.
    """

    opened: Opened
    settings: Mapping[str, Any]

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
        _ = opened.trained  # raises now if something is wrong with it
        about = {"model": OWN} if opened.run is None else opened.settings.to_dict()
        return cls(opened, {name: about[name] for name in FIXED if name in about})

    @property
    def path(self) -> Path:
        """Return the run folder or the model file, absolute."""
        return self.opened.path.resolve()

    @property
    def model(self) -> Node:
        """Return the model, built, with its weights."""
        return self.opened.model

    @property
    def classes(self) -> tuple[str, ...]:
        """Return its classes, in the order of its outputs."""
        return self.opened.classes

    @property
    def preprocessing(self) -> Preprocessing:
        """Return the preprocessing of its images."""
        return self.opened.preprocessing

    def settled(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return the settings that the model determines.

        Parameters
        ----------
        given : dict
            The settings asked for.

        Raises
        ------
        ArgumentError
            If one of them requires another architecture.
        """
        for name in FIXED:
            value, own = given.get(name), self.settings.get(name)
            if value is None or value == own:
                continue
            asked = f"`{name}={value!r}`" if not isinstance(value, Node) else "A model of your own"
            known = "" if own in (None, OWN) else f" (`{name}={own!r}`)"
            raise ArgumentError(
                f"{asked} does not go with the model of {self.path}{known}, which brings its own "
                f"layers. Leave `{name}` out, or start without that model."
            )
        return {**self.settings, "start": str(self.path)}

    def doubts(self, source: Source, test: Integers) -> Iterator[str]:
        """Warn if the model has learnt from images of the new test part."""
        if self.opened.run is None:
            return
        if count := self.opened.learnt_from(source, test):
            split = f"`split={str(self.path / files.SPLIT)!r}`"
            yield (
                f"the model of {self.path} has learnt from {count:,} of the {len(test):,} test "
                "images; the test says little about new ones. Keep those apart that it was tested "
                f"with ({split} if the data are the same), or test on others"
            )

    def begin(
        self, classes: tuple[str, ...], image_size: int | None, seed: int
    ) -> tuple[Node, Preprocessing]:
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

        Raises
        ------
        ArgumentError
            If the model cannot be given these classes or this size.
        """
        head: tuple[str, ...] = ()
        if classes != self.classes or image_size is not None:
            head = _new_head(self.model, len(self.classes), len(classes), self.path)
        model = from_spec(self.model.spec())
        preprocessing = self.preprocessing
        if image_size is not None:
            preprocessing = replace(preprocessing, size=(image_size, image_size))
        try:
            model.build((preprocessing.channels, *preprocessing.size), seed=seed)
        except ShapeError as error:
            raise ArgumentError(
                f"The model of {self.path} cannot take images of {image_size} x {image_size}: "
                f"{error} Leave the image size out, to keep {self.preprocessing.size[0]}."
            ) from None
        state = model.state_dict()
        for path, values in self.model.state_dict().items():
            if path in head:
                self._known_classes(values, state[path], classes)
            elif values.shape == state[path].shape:
                state[path] = values
            else:
                raise ArgumentError(
                    f"With images of {image_size} x {image_size} {path} would have the shape "
                    f"{state[path].shape}, but in the model of {self.path} it is {values.shape}. "
                    f"Leave the image size out, to keep {self.preprocessing.size[0]}."
                )
        model.load_state_dict(state)
        return model, preprocessing

    def _known_classes(self, old: Array, new: Array, classes: tuple[str, ...]) -> None:
        """Copy the rows (one per class) of the classes that both have, if their lengths agree."""
        if old.shape[1:] != new.shape[1:]:
            return  # another image size: the inputs of the rows have changed their meaning
        for place, name in enumerate(classes):
            if name in self.classes:
                new[place] = old[self.classes.index(name)]


def freeze(model: Node, before: int | str) -> None:
    """Freeze the first layers of a model that is about to be trained; 0 freezes none."""
    if before and not isinstance(model, Sequential):
        raise ArgumentError(
            f"`freeze={before!r}`: the model is a {type(model).__name__}, but only a Sequential "
            "has layers that run first. Wrap it: Sequential(...)."
        )
    if isinstance(model, Sequential):
        model.freeze(before)


def _new_head(model: Node, old: int, new: int, where: Path) -> tuple[str, ...]:
    """Let the last layer with parameters give `new` numbers; return its parameters' paths."""
    head: Layer = [layer for layer in model.leaves() if layer.declared][-1]
    if not isinstance(head, Linear | Conv2d) or head.output_shape[0] != old:
        raise ArgumentError(
            f"The model of {where} ends in {head.label}, which gives {head.output_shape} and not "
            f"one number for each of its {old} classes, so it cannot get other classes."
        )
    head.arguments["out_features" if isinstance(head, Linear) else "out_channels"] = new
    return tuple(join(head.path, name) for name in head.declared)
