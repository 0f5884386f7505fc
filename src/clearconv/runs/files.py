"""What the files of a run are called: nobody else spells these names.

A run folder holds the first group, from the first step to the report; the folder of a
cross-validation the second.
"""

#: Where runs are kept that were given no folder: ``runs/photos-1``.
RUNS = "runs"

#: Settings, versions, and what identifies the data.
RUN = "run.json"
#: Which image is in which part.
SPLIT = "split.json"
#: The record of each epoch, one a line.
HISTORY = "history.jsonl"
#: Where the run stands, and where it stood before: model, optimiser, history.
LAST, PREVIOUS = "last.safetensors", "previous.safetensors"
#: The model of the epoch that is kept.
BEST = "best.safetensors"
#: The test, once the run is finished.
RESULT = "result.json"
#: What was known before the first step: survey and forecast.
PLAN = "plan.json"
#: The curve of the range test, where the learning rate was looked for.
LR_FINDER = "lr_finder.json"
#: What a person should know of the run, as a page.
REPORT = "report.html"
#: The folder of TensorBoard's files.
TENSORBOARD = "tensorboard"
#: What the process holds that writes in the folder.
LOCK = ".lock"

#: With this file in it a folder holds the runs of a cross-validation.
FOLDS = "folds.json"
#: What finds the run folders of the folds, and their split files.
FOLD_FOLDERS, FOLD_SPLITS = "fold-*", "split-*.json"


def fold(number: int) -> str:
    """Return the name of a fold's run folder; folds count from 1."""
    return FOLD_FOLDERS.replace("*", str(number))


def fold_split(number: int) -> str:
    """Return the name of the split file that a fold was started with."""
    return FOLD_SPLITS.replace("*", str(number))
