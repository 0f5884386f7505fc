"""A training run from settings to a tested model, and what is done with one afterwards."""

from clearconv.train.callbacks import Callback, Callbacks
from clearconv.train.cross_validation import CrossValidation, cross_validate, resume_folds
from clearconv.train.epoch_lines import EpochLines
from clearconv.train.evaluation import Evaluation, Mistake, evaluate_model
from clearconv.train.fit import fit
from clearconv.train.history import History
from clearconv.train.loop import Result, go
from clearconv.train.lr_finder import LrCurve, find_lr
from clearconv.train.prediction import Prediction, predict, predictions
from clearconv.train.run import Run
from clearconv.train.settings import Settings
from clearconv.train.start import copy_of, prepare, resume, train
from clearconv.train.stop import Interrupted
from clearconv.train.tensorboard import TensorBoard
from clearconv.train.use import evaluate

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
