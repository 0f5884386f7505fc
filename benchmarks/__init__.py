"""clearconv side by side with PyTorch: ``python -m benchmarks --help``."""

import os

# NumPy's own threads stay out of the way; it reads this when it is first imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
