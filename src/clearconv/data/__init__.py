"""Images to batches: sources, splits, preprocessing, augmentation."""

from clearconv.data.batches.augmentation import Augmentation
from clearconv.data.batches.batches import Batch, Batches
from clearconv.data.images.decode import load_image, side_for
from clearconv.data.images.preprocessing import Preprocessing
from clearconv.data.sources.from_arrays import from_arrays
from clearconv.data.sources.open import class_names, open_data
from clearconv.data.sources.problems import Problem, by_gravity
from clearconv.data.sources.source import Source, Split
from clearconv.data.sources.statistics import channel_statistics
from clearconv.data.splitting.folds import make_folds, usual_folds
from clearconv.data.splitting.lacking import class_problems, unusable
from clearconv.data.splitting.split import complete_split, make_split, read_split, write_split
from clearconv.data.splitting.twin_words import groups_of, part_numbers, twin_problems
from clearconv.data.splitting.twins import Twins

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
