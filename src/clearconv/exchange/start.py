"""The one door through which a run starts from a model that is not a run's."""

from pathlib import Path
from typing import Any

from clearconv.arrays import finite
from clearconv.data import Preprocessing
from clearconv.errors import ModelFileError
from clearconv.exchange.onnx.start import is_onnx, start_from_onnx
from clearconv.exchange.pretrained.catalogue import WEIGHTS
from clearconv.exchange.pretrained.get import as_pretrained, pretrained
from clearconv.exchange.published import CLASSES, PUBLISHED
from clearconv.exchange.pytorch.load import is_pytorch, load_pytorch
from clearconv.exchange.recognition import recognised
from clearconv.exchange.state_dict import StateDict
from clearconv.runs.earlier import Earlier
from clearconv.runs.given import Given
from clearconv.saving.weights_file import holds_weights_alone, read_weights
from clearconv.words import some


def start_from(
    start: str | Path, *, model: str | None = None, key: str | None = None, **options: Any
) -> Earlier:
    """Open the model that a run is to start from, whoever wrote it.

    ``clearconv train --from FILE`` calls it; in Python its result is given as `start`. A reader of
    a further kind of file is one more case here: it returns an `Earlier` with the model, its
    weights by path, and what it knows of classes and preprocessing.

    Parameters
    ----------
    start : str or Path
        A run folder, a model file, an ONNX file, weights (a ``.pth``, ``.pt`` or ``.bin`` file of
        PyTorch's, or a safetensors file), or the name of pretrained weights in
        ``clearconv.exchange.WEIGHTS`` that ``get_weights`` has got. A file's content decides, not
        its name.
    model : str, optional
        A name in ``clearconv.models.MODELS``, for files that hold weights alone; by default the
        model is recognised by the names and shapes of its weights.
    key : str, optional
        Entry of a PyTorch checkpoint that holds the weights: see ``clearconv.load_pytorch``.
    **options
        Options of that model, such as ``dropout=0.3``.

    Returns
    -------
    Earlier
        To be given as `start` to ``clearconv.train.train``, ``clearconv.fit`` or
        ``clearconv.plan``.

    Raises
    ------
    ModelFileError, RunError
        If it cannot be used. Weights that do not fit the model are listed with both shapes; only
        the number of classes may differ.

    Examples
    --------
    >>> import clearconv
    >>> from clearconv.exchange import start_from
    >>> earlier = start_from("mobilenet_v2-b0353104.pth")  # doctest: +SKIP
    >>> clearconv.fit("mobilenet_v2", "photos/", start=earlier)  # doctest: +SKIP
    """
    path = Path(start)
    if str(start) in WEIGHTS and not path.exists():
        return pretrained(str(start))
    if path.is_file():
        with path.open("rb") as file:
            head = file.read(8)
        if is_onnx(path, head):
            return start_from_onnx(path)
        if is_pytorch(head):
            return _from_weights(path, load_pytorch(path, key), model, options)
        if holds_weights_alone(path):
            arrays, ignored = read_weights(path)
            notes = (f"ignored: {some(ignored)}",) if ignored else ()
            return _from_weights(path, StateDict(arrays, notes, ignored), model, options)
    return as_pretrained(Earlier.open(start))


def _from_weights(
    path: Path, state: StateDict, model: str | None, options: dict[str, Any]
) -> Earlier:
    """Return weights that belong to a bundled model."""
    fit = recognised(state, path, model, **options)
    for name, array in fit.state.items():
        if not finite(array):
            raise ModelFileError(
                f"{path}: {name} holds NaN or infinity, so nothing can be computed with these "
                "weights. Take another file, or an earlier checkpoint."
            )
    whose = f", with {fit.whose}" if fit.whose else ""
    notes = [f"the weights are those of {fit.name}{whose}", *state.notes]
    if fit.classes is None:
        notes.append("they lack the last layer, so a new one is made")
    scaling = head = None
    known = PUBLISHED.get(fit.name)
    if known is not None and fit.input_shape[0] == 3:
        _, height, width = fit.input_shape
        scaling = Preprocessing(size=(height, width), mean=known.mean, std=known.std)
        notes.append(
            "images are scaled as for its published weights: mean "
            f"{' '.join(map(str, known.mean))}, deviation {' '.join(map(str, known.std))}"
        )
        if fit.classes in (CLASSES, None):  # ImageNet's: their features serve for others
            head = known.head
    settings = Given(model=fit.name, **{key: options.get(key) for key in ("batch_norm", "dropout")})
    if fit.options.get("batch_norm"):
        settings = Given(model=fit.name, batch_norm=True, dropout=options.get("dropout"))
    return Earlier(
        path=path.resolve(),
        model=fit.model(),
        input_shape=fit.input_shape,
        state=fit.state,
        settings=settings,
        preprocessing=scaling,
        notes=tuple(notes),
        head=head,
    )
