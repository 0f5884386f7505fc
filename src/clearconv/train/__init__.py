"""A training run from settings to a tested model, and what is done with one afterwards."""

from clearconv.train.evaluation import Evaluation, Mistake, evaluate_model
from clearconv.train.loop import Result, Watcher, resume, train
from clearconv.train.run import Run
from clearconv.train.settings import Settings
from clearconv.train.use import Prediction, evaluate, predict

__all__ = [
    "Evaluation",
    "Mistake",
    "Prediction",
    "Result",
    "Run",
    "Settings",
    "Watcher",
    "evaluate",
    "evaluate_model",
    "predict",
    "resume",
    "train",
]
