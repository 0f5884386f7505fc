"""A training run from settings to a tested model, and what is done with one afterwards."""

from clearconv.runs.evaluation import Evaluation, Mistake, evaluate_model
from clearconv.runs.prediction import Prediction, predict, predictions
from clearconv.runs.run import Run
from clearconv.runs.settings import Settings
from clearconv.runs.use import evaluate
from clearconv.train.callbacks import Callback, Callbacks
from clearconv.train.cross_validation import CrossValidation, cross_validate, resume_folds
from clearconv.train.fitting import fit
from clearconv.train.loop import Result, go
from clearconv.train.lr_finder import LrCurve, find_lr
from clearconv.train.show.epoch_lines import EpochLines
from clearconv.train.show.history import History
from clearconv.train.show.tensorboard import TensorBoard
from clearconv.train.start import copy_of, prepare, resume, train
from clearconv.train.stop import Interrupted

__all__ = [
    "Callback",
    "Callbacks",
    "CrossValidation",
    "EpochLines",
    "Evaluation",
    "History",
    "Interrupted",
    "LrCurve",
    "Mistake",
    "Prediction",
    "Result",
    "Run",
    "Settings",
    "TensorBoard",
    "copy_of",
    "cross_validate",
    "evaluate",
    "evaluate_model",
    "fit",
    "find_lr",
    "go",
    "predict",
    "predictions",
    "prepare",
    "resume",
    "resume_folds",
    "train",
]
