"""Operators on constants: the same numbers as ONNX's own tests, in bounded memory."""

import numpy as np
import pytest

from clearconv.errors import ModelFileError
from clearconv.exchange.onnx.reading.folding import FOLDS, Room, folded
from clearconv.exchange.onnx.reading.naming import Names, cleaned, layer_in, layer_of
from clearconv.exchange.onnx.reading.plain import Operator
from clearconv.exchange.onnx.reading.shapes import reshaped, squeezed, unsqueezed


def fold(kind, *inputs, outputs=("y",), size=0, **attributes):
    operator = Operator(kind, "", (), outputs, attributes)
    return folded(operator, inputs, 17, Room(size))


def test_the_arithmetic_of_a_reshape_is_resolved():
    """Shape, Gather, Unsqueeze, Concat: what PyTorch writes for ``x.view(x.size(0), -1)``."""
    x = np.zeros((2, 3, 4))
    (shape,) = fold("Shape", x)
    (first,) = fold("Gather", shape, np.array(0), axis=0)
    (row,) = fold("Unsqueeze", first, np.array([0]))
    (target,) = fold("Concat", row, np.array([-1]), axis=0)
    assert target.tolist() == [2, -1]
    assert reshaped(x.shape, target.tolist()) == (2, 12)


def test_integers_are_divided_towards_zero():
    a, b = np.array([7, -7, 7, -7, 6]), np.array([2, 2, -2, -2, 3])
    assert fold("Div", a, b)[0].tolist() == [3, -3, -3, 3, 2]
    with pytest.raises(ModelFileError, match="division by 0"):
        fold("Div", a, np.zeros(5, int))


def test_slices_go_backwards_and_stop_at_the_front():
    x = np.arange(10)
    least = np.array([-(2**63)])
    got = fold("Slice", x, np.array([-1]), least, np.array([0]), np.array([-3]))[0]
    assert got.tolist() == [9, 6, 3, 0]


@pytest.mark.parametrize(
    "kind, inputs, attributes",
    [
        ("Tile", (np.zeros(1000), np.array([10**9])), {}),
        ("Range", (np.array(0), np.array(10**15), np.array(1)), {}),
        ("Concat", (np.broadcast_to(0.0, (2**40,)),) * 2, {"axis": 0}),
        ("Add", (np.zeros((10**5, 1)), np.zeros((1, 10**5))), {}),
        ("Neg", (np.broadcast_to(0.0, (2**40,)),), {}),
        ("Reshape", (np.broadcast_to(0.0, (2**40,)), np.array([2**20, 2**20])), {}),
        ("MatMul", (np.broadcast_to(0.0, (2**20, 1)), np.broadcast_to(0.0, (1, 2**20))), {}),
    ],
)
def test_a_few_bytes_never_become_gigabytes(kind, inputs, attributes):
    with pytest.raises(ModelFileError, match="more than a file of this size needs"):
        fold(kind, *inputs, **attributes)


def test_a_constant_of_one_number_takes_no_memory():
    (y,) = fold("ConstantOfShape", np.array([2**20, 2**20]), value=np.array([3.0], np.float32))
    assert y.shape == (2**20, 2**20) and y[-1, -1] == 3 and y.base is not None


def test_made_up_attributes_give_one_error():
    for kind in FOLDS:
        for attributes in ({"axis": 99}, {"perm": [5]}, {"axes": [99]}, {"to": 99}, {"value": "x"}):
            for inputs in ((), (np.zeros(3),), (np.zeros(3), np.array([7])), (None,)):
                try:
                    fold(kind, *inputs, **attributes)
                except ModelFileError:
                    pass


def test_shapes_that_do_not_fit_are_refused():
    assert reshaped((2, 3, 4), [0, -1]) == (2, 12)
    assert squeezed((1, 3, 1), [-1]) == (1, 3)
    assert unsqueezed((3,), [0, -1]) == (1, 3, 1)
    for call in (
        lambda: reshaped((2, 3), [4, -1]),
        lambda: reshaped((2, 3), [-1, -1]),
        lambda: reshaped((2,), [1, 0]),
        lambda: squeezed((2, 3), [0]),
        lambda: unsqueezed((2,), [5]),
    ):
        with pytest.raises(ModelFileError):
            call()


def test_layers_are_called_after_their_weights():
    assert layer_of("layer1.0.conv1.weight") == "layer1.0.conv1"
    assert layer_of("conv1_W") == "conv1"
    assert layer_of("onnx::Conv_193") is None
    assert layer_in("/layer1/layer1.0/conv1/Conv") == "layer1.0.conv1"
    assert layer_in("/features/features.0/features.0.0/Conv") == "features.0.0"
    assert layer_in("Conv_0") is None
    assert cleaned("a b/ü:c..d") == "a_b._.c.d"
    names = Names()
    assert [names.free("conv", "conv") for _ in range(3)] == ["conv", "conv_1", "conv_2"]
    assert [names.free(None, "relu") for _ in range(2)] == ["relu1", "relu2"]
