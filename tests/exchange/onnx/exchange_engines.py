"""Other people's engines, for the tests of exported files."""

from importlib.util import find_spec

import numpy as np
import pytest

from clearconv.exchange.onnx.package import onnxruntime_package
from clearconv.layers.base import registry
from clearconv.layers.shape.pad import Pad
from clearconv.layers.shape.reshape import Permute, Reshape

if find_spec("onnx") is None or find_spec("onnxruntime") is None:
    pytest.skip("the extra onnx is not installed", allow_module_level=True)


def session_of(content):
    """Return a file's bytes as a session of ONNX Runtime, on one thread."""
    runtime = onnxruntime_package()
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


#: Layers of other programs' models, which graphs hold.
OF_GRAPHS = [
    *(kind for kind in registry.built_in().values() if "elementary" in kind.__module__),
    *(Pad, Permute, Reshape),
]


def in_onnxruntime(content, feeds):
    """Return the outputs, by name, of a file's bytes."""
    session = session_of(content)
    names = [value.name for value in session.get_outputs()]
    return dict(zip(names, session.run(None, feeds), strict=True))


def lively(model, seed=0):
    """Give batch norms statistics, and parameters that begin at 0 or 1 other values."""
    numbers = np.random.default_rng(seed)
    for path, array in {**model.store.parameters, **model.store.buffers}.items():
        if array.ndim == 1 or path.endswith("bias") or ".norm" in path:
            spread = numbers.uniform(0.5, 1.5, array.shape)
            array[...] = spread if path.endswith("var") else spread - 0.7
    return model
