"""Images to batches: sources, splits, preprocessing, augmentation."""

from clearconv.data._augmentation import Augmentation
from clearconv.data._batches import Batch, Batches
from clearconv.data._decode import load_image, side_for
from clearconv.data._folds import make_folds, usual_folds
from clearconv.data._from_arrays import from_arrays
from clearconv.data._lacking import class_problems, unusable
from clearconv.data._open import class_names, open_data
from clearconv.data._preprocessing import Preprocessing
from clearconv.data._problems import Problem, by_gravity
from clearconv.data._source import Source, Split
from clearconv.data._split import complete_split, make_split, read_split, write_split
from clearconv.data._statistics import channel_statistics
from clearconv.data._twin_words import groups_of, part_numbers, twin_problems
from clearconv.data._twins import Twins

__all__ = [
    "Augmentation",
    "Batch",
    "Batches",
    "Preprocessing",
    "Problem",
    "Source",
    "Split",
    "Twins",
    "by_gravity",
    "channel_statistics",
    "class_problems",
    "class_names",
    "complete_split",
    "from_arrays",
    "load_image",
    "make_folds",
    "make_split",
    "groups_of",
    "open_data",
    "part_numbers",
    "read_split",
    "side_for",
    "twin_problems",
    "unusable",
    "usual_folds",
    "write_split",
]
