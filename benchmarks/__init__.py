"""clearconv side by side with PyTorch: ``python -m benchmarks --help``."""

import os

# Read by NumPy and PyTorch when they are first imported. NumPy's threads stay out of the way;
# PyTorch compiles in the process that asks, which is one of many that live for seconds.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("TORCHINDUCTOR_COMPILE_THREADS", "1")
