"""clearconv: convolutional networks with nothing hidden.

Names are loaded when they are first used, so that ``import clearconv`` costs next to nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clearconv.errors import ArgumentError as ArgumentError
    from clearconv.errors import BackendError as BackendError
    from clearconv.errors import ClearconvError as ClearconvError
    from clearconv.errors import DataError as DataError
    from clearconv.errors import DtypeError as DtypeError
    from clearconv.errors import ModelFileError as ModelFileError
    from clearconv.errors import RunError as RunError
    from clearconv.errors import ShapeError as ShapeError
    from clearconv.errors import ShortageError as ShortageError
    from clearconv.errors import TapeError as TapeError
    from clearconv.exchange.onnx.reading.load import load_onnx as load_onnx
    from clearconv.exchange.onnx.writing.export import export_onnx as export_onnx
    from clearconv.exchange.pytorch import load_pytorch as load_pytorch
    from clearconv.gradient_checking import GradientCheck as GradientCheck
    from clearconv.gradient_checking import gradient_check as gradient_check
    from clearconv.layers import Activation as Activation
    from clearconv.layers import AdaptiveAvgPool2d as AdaptiveAvgPool2d
    from clearconv.layers import Add as Add
    from clearconv.layers import AvgPool2d as AvgPool2d
    from clearconv.layers import BatchNorm2d as BatchNorm2d
    from clearconv.layers import Concat as Concat
    from clearconv.layers import Constant as Constant
    from clearconv.layers import Context as Context
    from clearconv.layers import Conv2d as Conv2d
    from clearconv.layers import ConvPool2d as ConvPool2d
    from clearconv.layers import ConvTranspose2d as ConvTranspose2d
    from clearconv.layers import Divide as Divide
    from clearconv.layers import Dropout as Dropout
    from clearconv.layers import Flatten as Flatten
    from clearconv.layers import GlobalAvgPool2d as GlobalAvgPool2d
    from clearconv.layers import Graph as Graph
    from clearconv.layers import GroupNorm as GroupNorm
    from clearconv.layers import Hardsigmoid as Hardsigmoid
    from clearconv.layers import Hardswish as Hardswish
    from clearconv.layers import Identity as Identity
    from clearconv.layers import InstanceNorm2d as InstanceNorm2d
    from clearconv.layers import Join as Join
    from clearconv.layers import Layer as Layer
    from clearconv.layers import LayerNorm as LayerNorm
    from clearconv.layers import LeakyReLU as LeakyReLU
    from clearconv.layers import Linear as Linear
    from clearconv.layers import MaxPool2d as MaxPool2d
    from clearconv.layers import MultiInput as MultiInput
    from clearconv.layers import Multiply as Multiply
    from clearconv.layers import Node as Node
    from clearconv.layers import ReLU as ReLU
    from clearconv.layers import ReLU6 as ReLU6
    from clearconv.layers import Residual as Residual
    from clearconv.layers import Sequential as Sequential
    from clearconv.layers import Sigmoid as Sigmoid
    from clearconv.layers import SiLU as SiLU
    from clearconv.layers import Softmax as Softmax
    from clearconv.layers import Subtract as Subtract
    from clearconv.layers import Tanh as Tanh
    from clearconv.layers import Tape as Tape
    from clearconv.layers import Upsample as Upsample
    from clearconv.layers import from_spec as from_spec
    from clearconv.layers import register_activation as register_activation
    from clearconv.layers import register_layer as register_layer
    from clearconv.layers.loading import load as load
    from clearconv.losses import CrossEntropy as CrossEntropy
    from clearconv.losses import SquaredError as SquaredError
    from clearconv.ops.im2col import col2im as col2im
    from clearconv.ops.im2col import im2col as im2col
    from clearconv.ops.tellings import backend as backend
    from clearconv.ops.tellings import set_threads as set_threads
    from clearconv.optim import SGD as SGD
    from clearconv.optim import Adam as Adam
    from clearconv.optim import AdamW as AdamW
    from clearconv.planning import Plan as Plan
    from clearconv.planning import plan as plan
    from clearconv.tracing import Trace as Trace
    from clearconv.tracing import trace as trace
    from clearconv.train import Callback as Callback
    from clearconv.train import History as History
    from clearconv.train.fitting import fit as fit

from clearconv import doors
from clearconv.version import __version__

#: Module -> the public names that come from it; the same as above, for run time.
_NAMES = {
    "clearconv.errors": (
        "ArgumentError BackendError ClearconvError DataError DtypeError ModelFileError RunError "
        "ShapeError ShortageError TapeError"
    ),
    "clearconv.layers": (
        "Activation AdaptiveAvgPool2d Add AvgPool2d BatchNorm2d Concat Constant Context Conv2d "
        "ConvPool2d ConvTranspose2d Divide Dropout Flatten GlobalAvgPool2d Graph GroupNorm "
        "Hardsigmoid Hardswish Identity InstanceNorm2d Join Layer LayerNorm LeakyReLU Linear "
        "MaxPool2d MultiInput Multiply Node ReLU ReLU6 Residual Sequential SiLU Sigmoid Softmax "
        "Subtract Tanh Tape Upsample from_spec register_activation register_layer"
    ),
    "clearconv.exchange.onnx.reading.load": "load_onnx",
    "clearconv.exchange.onnx.writing.export": "export_onnx",
    "clearconv.exchange.pytorch": "load_pytorch",
    "clearconv.gradient_checking": "GradientCheck gradient_check",
    "clearconv.layers.loading": "load",
    "clearconv.losses": "CrossEntropy SquaredError",
    "clearconv.ops.tellings": "backend set_threads",
    "clearconv.ops.im2col": "col2im im2col",
    "clearconv.optim": "SGD Adam AdamW",
    "clearconv.planning": "Plan plan",
    "clearconv.tracing": "Trace trace",
    "clearconv.train": "Callback History",
    "clearconv.train.fitting": "fit",
}
_HOMES = {name: module for module, names in _NAMES.items() for name in names.split()}
_PARTS = (
    *("article", "data", "doctor", "errors", "exchange", "explain", "glassbox", "layers"),
    *("losses", "models", "ops", "optim", "report", "tracing", "train"),
)

__all__ = ["__version__", *sorted(_HOMES), *_PARTS]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        value = getattr(import_module(_HOMES[name]), name)
    elif name in _PARTS:
        value = import_module(f"clearconv.{name}")
    else:
        raise AttributeError(f"module 'clearconv' has no attribute {name!r}")
    globals()[name] = value  # found directly from now on
    return value


doors.tell(__getattr__)  # for methods that hand a call up


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
