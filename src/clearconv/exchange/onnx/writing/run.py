"""``export_run``: the model of a run, with what its test found, as an ONNX file."""

from pathlib import Path
from typing import Any

from clearconv.exchange.onnx.writing.export import export_onnx
from clearconv.runs import files
from clearconv.runs.open import open_run
from clearconv.runs.records.result import read_test

#: What of a run's test a file carries.
_TEST = ("accuracy", "interval", "right", "total")


def export_run(
    run: str | Path, out: str | Path | None = None, *, abstain: bool = False, **options: Any
) -> Path:
    """Write the model of a run as an ONNX file.

    Parameters
    ----------
    run : str or Path
        A run folder, or a model file.
    out : str or Path, optional
        Path of the file; by default ``model.onnx`` in the run folder, or the model file's name
        ending in ``.onnx``.
    abstain : bool
        Whether the file also says when the model gives no answer.
    **options
        Options of ``export_onnx``.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ModelFileError, RunError, DataError, ArgumentError
        If the model cannot be read or exported, or the file cannot be written.
    """
    opened = open_run(run)
    model, test = opened.trained.model, None
    abstainer = opened.trained.to_abstain(opened.path) if abstain else None
    if opened.run is not None and opened.finished:
        found = read_test(opened.path)
        test = {key: found[key] for key in _TEST if key in found}
    if out is None:
        out = opened.path.with_suffix(".onnx") if opened.run is None else opened.path / files.ONNX
    export_onnx(model, out, test=test, abstainer=abstainer, **options)
    return Path(out)
