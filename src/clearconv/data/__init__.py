"""Images to batches: sources, splits, preprocessing, augmentation."""

from clearconv.data._augmentation import Augmentation
from clearconv.data._batches import Batch, Batches
from clearconv.data._decode import load_image
from clearconv.data._open import class_names, open_data
from clearconv.data._preprocessing import Preprocessing
from clearconv.data._source import Source, Split
from clearconv.data._split import complete_split, make_split, read_split, write_split
from clearconv.data._statistics import channel_statistics

__all__ = [
    "Augmentation",
    "Batch",
    "Batches",
    "Preprocessing",
    "Source",
    "Split",
    "channel_statistics",
    "class_names",
    "complete_split",
    "load_image",
    "make_split",
    "open_data",
    "read_split",
    "write_split",
]
