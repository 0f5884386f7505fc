"""How a file's inputs, outputs and entries of metadata are called, for writers and readers."""

#: Input of a file that takes pictures, uint8, and of one that takes what its network sees.
IMAGE, TENSOR = "image", "x"

LOGITS, PROBABILITIES, CLASS_INDEX = "logits", "probabilities", "class_index"
ACTIVATION_MAP = "activation_map"
CALIBRATED, DISTANCE, REFUSED = "calibrated", "distance", "refused"

#: Entries of metadata: each is text, all but the hash JSON.
LABELS = "labels"
PREPROCESSING = "preprocessing"
WEIGHTS_SHA256 = "weights_sha256"
VERSIONS = "versions"
OPTIONS = "options"
TEST = "test"
GOLDEN = "golden"
