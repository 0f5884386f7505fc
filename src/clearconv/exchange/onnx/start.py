"""An ONNX file as a model to start a run from."""

from pathlib import Path

from clearconv.arrays import finite
from clearconv.data import Preprocessing
from clearconv.errors import ModelFileError
from clearconv.exchange.onnx.reading.load import read_graph
from clearconv.runs.earlier import Earlier
from clearconv.runs.given import Given
from clearconv.runs.settings import OWN


def is_onnx(path: Path, head: bytes) -> bool:
    """Return whether a file seems to be an ONNX model, by its name or its first bytes.

    Parameters
    ----------
    path : Path
        The file.
    head : bytes
        Its first bytes, at least two.
    """
    return path.suffix.lower() == ".onnx" or (head[:1] == b"\x08" and head[1:2] < b"\x40")


def start_from_onnx(path: Path) -> Earlier:
    """Read a network and its weights, ready to be trained further.

    A softmax at its end is left out, since the loss works on logits.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    Earlier

    Raises
    ------
    ModelFileError
        If it cannot be read, or does not take images and give one number for each class.
    """
    model = read_graph(path, to_train=True)
    if len(model.input_shape) != 3 or len(model.output_shape) != 1:
        raise ModelFileError(
            f"{path} makes {model.output_shape} of {model.input_shape}, but a classifier of images "
            "is needed, which gives one number for each class. clearconv.load_onnx(path, "
            "output=NAME) reads another value of the file; save that model and start from it."
        )
    numbers = {**model.store.parameters, **model.store.buffers}
    for name, array in numbers.items():
        if not finite(array):
            raise ModelFileError(f"{path}: {name} holds NaN or infinity, so it cannot be trained.")
    classes, settings = model.info.get("classes"), model.info.get("preprocessing")
    notes = [f"the network and its weights are those of {path.name}"]
    if settings is None:
        notes.append(
            "the file does not say how its images were scaled: mean and deviation are measured on "
            "the new ones"
        )
    return Earlier(
        path=path.resolve(),
        model=model,
        input_shape=model.input_shape,
        state=numbers,
        settings=Given(model=OWN),
        classes=None if classes is None else tuple(classes),
        preprocessing=None if settings is None else Preprocessing.from_dict(settings),
        notes=tuple(notes),
    )
