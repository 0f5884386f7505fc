"""The engines that may be installed, each with one way to run a model."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np

from clearconv.exchange.onnx.package import onnx_package, onnxruntime_package

Arrays = Mapping[str, np.ndarray[Any, np.dtype[Any]]]

#: Runs a model on named inputs, and returns the outputs of these names.
Run = Callable[[Arrays, Sequence[str]], list[Any]]


@dataclass(frozen=True)
class Engine:
    """A program that runs ONNX models.

    Attributes
    ----------
    title : str
        Its name.
    package : str
        Package that must be installed.
    load : callable
        Takes the bytes of a model and returns a function that runs it.
    repeats : int
        Number of runs of which the fastest is timed.
    exact : bool
        Whether it computes in float64 what is to be. Otherwise some pixels that the preprocessing
        makes are off by one level.
    """

    title: str
    package: str
    load: Callable[[bytes], Run]
    repeats: int
    exact: bool = True


def _onnxruntime(content: bytes) -> Run:
    runtime = onnxruntime_package()
    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    session = runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    return lambda feeds, names: session.run(list(names), dict(feeds))


def _reference(content: bytes) -> Run:
    evaluator = onnx_package("reference").ReferenceEvaluator(
        onnx_package().load_model_from_string(content)
    )
    return lambda feeds, names: evaluator.run(list(names), dict(feeds))


def _openvino(content: bytes) -> Run:
    core = import_module("openvino").Core()
    # on some CPUs it would compute in bf16 otherwise, the pixels included
    hints = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}
    compiled = core.compile_model(core.read_model(content), "CPU", hints)

    def run(feeds: Arrays, names: Sequence[str]) -> list[Any]:
        found = compiled(dict(feeds))
        return [found[name] for name in names]

    return run


def _opencv(content: bytes) -> Run:
    cv2 = import_module("cv2")
    cv2.setNumThreads(1)
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    net = cv2.dnn.readNetFromONNX(np.frombuffer(content, np.uint8))

    def run(feeds: Arrays, names: Sequence[str]) -> list[Any]:
        for name, value in feeds.items():
            net.setInput(value, name)
        return [net.forward(name) for name in names]

    return run


#: Key -> engine, in the order they run; the first that agrees is what others are compared with.
ENGINES = {
    "onnxruntime": Engine("ONNX Runtime", "onnxruntime", _onnxruntime, 5),
    "reference": Engine("onnx.reference", "onnx", _reference, 1),
    "openvino": Engine("OpenVINO", "openvino", _openvino, 5, exact=False),
    "opencv": Engine("OpenCV dnn", "cv2", _opencv, 5),
}


def version_of(engine: Engine) -> str:
    """Return the version of an engine's package."""
    found = str(getattr(import_module(engine.package), "__version__", "?"))
    return found.partition("-")[0]


def timed(run: Run, feeds: Arrays, names: Sequence[str], repeats: int) -> tuple[list[Any], float]:
    """Run a model several times; return its outputs and the shortest time in milliseconds."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        found = run(feeds, names)
        times.append(time.perf_counter() - start)
    return found, 1e3 * min(times)
