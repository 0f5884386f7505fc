"""The names of a run's files, written nowhere else.

A run folder holds the first group, from the first step to the report; the folder of a
cross-validation the second.
"""

#: Folder for runs without a given folder: ``runs/photos-1``.
RUNS = "runs"

#: Settings, versions, and the identity of the data.
RUN = "run.json"
#: Which image is in which part.
SPLIT = "split.json"
#: The record of each epoch, one per line.
HISTORY = "history.jsonl"
#: The state of the run, and the state before it: model, optimiser, history.
LAST, PREVIOUS = "last.safetensors", "previous.safetensors"
#: The model of the epoch that is kept.
BEST = "best.safetensors"
#: The test, once the run is finished.
RESULT = "result.json"
#: Survey and forecast, from before the first step.
PLAN = "plan.json"
#: The curve of the range test, if there was one.
LR_FINDER = "lr_finder.json"
#: The report of the run, as a page.
REPORT = "report.html"
#: The exported model.
ONNX = "model.onnx"
#: The folder of TensorBoard's files.
TENSORBOARD = "tensorboard"
#: The lock held by the process that writes in the folder.
LOCK = ".lock"

#: With this file in it a folder holds the runs of a cross-validation.
FOLDS = "folds.json"
#: Patterns of the folds' run folders, and of their split files.
FOLD_FOLDERS, FOLD_SPLITS = "fold-*", "split-*.json"


def fold(number: int) -> str:
    """Return the name of a fold's run folder; folds count from 1."""
    return FOLD_FOLDERS.replace("*", str(number))


def fold_split(number: int) -> str:
    """Return the name of the split file that a fold was started with."""
    return FOLD_SPLITS.replace("*", str(number))
