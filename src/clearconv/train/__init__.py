"""A training run from settings to a tested model, and the functions that use its results."""

from clearconv.runs.evaluate import evaluate
from clearconv.runs.evaluation import Evaluation, Mistake, evaluate_model
from clearconv.runs.prediction import Prediction, predict, predictions
from clearconv.runs.records.epoch import EpochRecord
from clearconv.runs.records.folds import CrossValidation
from clearconv.runs.records.lr_curve import LrCurve
from clearconv.runs.records.result import Result
from clearconv.runs.run import Run
from clearconv.runs.settings import Settings
from clearconv.train.callbacks import Callback, Callbacks
from clearconv.train.cross_validation import cross_validate, resume_folds
from clearconv.train.fitting import fit
from clearconv.train.folds import Folds, new_folds, resumed_folds
from clearconv.train.loop import go
from clearconv.train.lr_finder import find_lr
from clearconv.train.preparing import prepare
from clearconv.train.show.epoch_lines import EpochLines
from clearconv.train.show.history import History
from clearconv.train.show.tensorboard import TensorBoard
from clearconv.train.start import copy_of, new_run, resume, resumed_run, train
from clearconv.train.stop import Interrupted, Stop

__all__ = [
    "Callback",
    "Callbacks",
    "CrossValidation",
    "EpochLines",
    "EpochRecord",
    "Evaluation",
    "Folds",
    "History",
    "Interrupted",
    "LrCurve",
    "Mistake",
    "Prediction",
    "Result",
    "Run",
    "Settings",
    "Stop",
    "TensorBoard",
    "copy_of",
    "cross_validate",
    "evaluate",
    "evaluate_model",
    "fit",
    "find_lr",
    "go",
    "new_folds",
    "new_run",
    "predict",
    "predictions",
    "prepare",
    "resume",
    "resume_folds",
    "resumed_folds",
    "resumed_run",
    "train",
]
