"""The public names, pinned; and what ``import clearconv`` costs."""

import ast
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import clearconv

NAMES = """
Activation Adam AdamW AdaptiveAvgPool2d Add ArgumentError AvgPool2d BackendError BatchNorm2d
Callback ClearconvError Concat Constant Context Conv2d ConvPool2d ConvTranspose2d CrossEntropy
DataError Divide Dropout DtypeError Flatten GlobalAvgPool2d GradientCheck Graph GroupNorm
Hardsigmoid Hardswish History Identity InstanceNorm2d Join Layer LayerNorm LeakyReLU Linear
MaxPool2d ModelFileError MultiInput Multiply Node Plan ReLU ReLU6 Residual RunError SGD Sequential
ShapeError ShortageError SiLU Sigmoid Softmax SquaredError Subtract Tanh Tape TapeError Trace
Upsample __version__ backend col2im export_onnx fit from_spec gradient_check im2col load load_onnx
load_pytorch plan register_activation register_layer set_threads trace
""".split()

PARTS = """
article data doctor errors exchange explain glassbox layers losses models ops optim report tracing
train
""".split()


def test_the_public_names_are_these():
    assert sorted(clearconv.__all__) == sorted([*NAMES, *PARTS])


@pytest.mark.parametrize("name", NAMES)
def test_every_name_is_there_under_its_own_name(name):
    value = getattr(clearconv, name)
    assert name in dir(clearconv)
    if not isinstance(value, str):
        known_as = {
            "im2col": "forward",
            "col2im": "backward_input",
        }  # names of a chapter's functions
        assert value.__name__ in (name, known_as.get(name))


@pytest.mark.parametrize("part", PARTS)
def test_every_part_is_reached_as_an_attribute(part):
    code = f"import clearconv; assert clearconv.{part}.__name__ == 'clearconv.{part}'"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_error_is_public():
    errors = vars(clearconv.errors).values()
    public = {e.__name__ for e in errors if inspect.isclass(e) and issubclass(e, Exception)}
    assert public <= set(NAMES)


def test_editors_and_type_checkers_see_the_same_names():
    """What is imported for them alone must be what __getattr__ gives at run time."""
    tree = ast.parse(Path(clearconv.__file__).read_text())
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    seen = {alias.asname: node.module for node in block.body for alias in node.names}
    assert seen == clearconv._HOMES


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="'clearconv' has no attribute 'Conv3d'"):
        _ = clearconv.Conv3d


def loaded(code):
    """Return the modules that a fresh interpreter has loaded after this code."""
    code += "; import sys; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return set(run.stdout.split())


def test_import_loads_nothing_but_itself():
    extra = loaded("import clearconv") - loaded("import importlib, typing, numpy")
    assert extra == {"clearconv", "clearconv.doors", "clearconv.version"}


def test_a_model_runs_without_loading_what_only_files_and_commands_need():
    code = (
        "import clearconv as cc, numpy; m = cc.Sequential(cc.Flatten(), cc.Linear(2));"
        "m.build((1, 2, 2)).predict(numpy.zeros((1, 1, 2, 2), 'float32'))"
    )
    heavy = {"PIL", "click", "rich", "jinja2", "safetensors", "torch", "onnx"}
    assert not heavy & loaded(code)
