"""``clearconv import``: somebody else's ONNX file as a model file."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clearconv.arrays import Shape
from clearconv.data import Preprocessing
from clearconv.errors import ArgumentError
from clearconv.exchange.onnx.reading.load import load_onnx
from clearconv.files import read_text
from clearconv.layers import Graph
from clearconv.words import counted


@dataclass(frozen=True)
class Imported:
    """A model that was read and written again.

    Attributes
    ----------
    model : Graph
        The model.
    file : Path
        The model file.
    """

    model: Graph
    file: Path

    @property
    def predicts(self) -> bool:
        """Whether it knows its classes and how its images are prepared."""
        return {"classes", "preprocessing"} <= self.model.info.keys()


def import_onnx(
    path: Path,
    out: Path | None = None,
    *,
    output: str | None = None,
    input_shape: Shape | None = None,
    labels: Path | None = None,
    mean: tuple[float, ...] | None = None,
    std: tuple[float, ...] | None = None,
) -> Imported:
    """Read an ONNX file and write a model file.

    Parameters
    ----------
    path : Path
        The ONNX file.
    out : Path, optional
        The model file; by default beside it, ending in ``.safetensors``.
    output, input_shape
        As for ``load_onnx``.
    labels : Path, optional
        A text file with the name of a class in each line, in the order of the model's outputs.
    mean, std : tuple of float, optional
        How its images are scaled, in units of pixels/255: one number for each channel.

    Returns
    -------
    Imported

    Raises
    ------
    ModelFileError
        If the file cannot be read or written.
    ArgumentError
        If labels or scaling do not fit the model.
    """
    model = load_onnx(path, output=output, input_shape=input_shape)
    if labels is not None:
        model.info["classes"] = _classes(labels, model)
    if mean is not None or std is not None:
        model.info["preprocessing"] = _preprocessing(model, mean, std).to_dict()
    file = path.with_suffix(".safetensors") if out is None else out
    model.save(file)
    return Imported(model, file)


def _classes(labels: Path, model: Graph) -> list[str]:
    try:
        names = [line.strip() for line in read_text(labels).splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise ArgumentError(
            f"`labels={str(labels)!r}` cannot be read ({error}). Give a text file with the name of "
            "a class in each line."
        ) from None
    if model.output_shape != (len(names),) or len(set(names)) < len(names):
        raise ArgumentError(
            f"`labels={str(labels)!r}` has {counted(len(set(names)), 'different name')}, but the "
            f"model gives {model.output_shape}: a different name is needed for each number."
        )
    return names


def _preprocessing(
    model: Graph, mean: tuple[float, ...] | None, std: tuple[float, ...] | None
) -> Preprocessing:
    shape = model.input_shape
    if len(shape) != 3 or shape[0] not in (1, 3):
        raise ArgumentError(f"`mean`, `std`: the model takes {shape}, and not an image.")
    given: dict[str, Any] = {"mean": mean or (), "std": std or ()}
    return Preprocessing(size=(shape[1], shape[2]), channels=shape[0], **given)
