"""Only some passes are there, or named: they are tried with all that they can be told."""

import pytest

from clearconv.doctor import examine, record
from clearconv.doctor.kinds import KINDS
from clearconv.doctor.named import read

#: They take long; .ci/run has the time.
pytestmark = pytest.mark.ci

BACK = """
import numpy as np
def back_to_x(dout, w, shape, stride, pad):
    N, C, H, W = shape
    dx = np.zeros((N, C, H + 2 * pad, W + 2 * pad))
    for i, j in np.ndindex(dout.shape[2:]):
        rows, cols = i * stride, j * stride
        dx[:, :, rows : rows + w.shape[2], cols : cols + w.shape[3]] += np.tensordot(
            dout[:, :, i, j], w, 1)
    return dx[:, :, pad : pad + H, pad : pad + W]
def back_to_w(dout, x, shape, stride, pad):
    x = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    dw = np.zeros(shape)
    for i, j in np.ndindex(dout.shape[2:]):
        rows, cols = i * stride, j * stride
        dw += np.tensordot(dout[:, :, i, j], x[:, :, rows : rows + shape[2],
                                               cols : cols + shape[3]], ((0,), (0,)))
    return dw
"""
RESULTS = {kind.name: kind.results for kind in KINDS.values()}
GRAD_X = "conv2d.grad_x=back_to_x(grad_y, weight, x_shape, stride, padding)"
GRAD_WEIGHT = "conv2d.grad_weight=back_to_w(grad_y, x, weight_shape, stride, padding)"


def visit(folder, text, *named):
    path = folder / "mine.py"
    path.write_text(text)
    examination = examine(path, functions=[read(one, RESULTS) for one in named])
    (layer,) = record(examination)["layers"]
    return layer


@pytest.mark.parametrize("named", [(GRAD_X,), (GRAD_WEIGHT,), (GRAD_X, GRAD_WEIGHT)])
def test_a_way_back_alone_is_tried_with_strides_and_padding(tmp_path, named):
    layer = visit(tmp_path, BACK, *named)
    assert layer["right"], layer
    assert "no stride" not in layer["understood"] and "no padding" not in layer["understood"]
    assert set(layer["results"]) == {one.partition("=")[0].partition(".")[2] for one in named}


def test_a_mistake_of_strides_shows_there(tmp_path):
    text = BACK.replace(
        "rows, cols = i * stride, j * stride\n        dx", "rows, cols = i, j\n        dx"
    )
    assert text != BACK
    layer = visit(tmp_path, text, GRAD_X)
    assert layer["explanations"] == [["no-spread"]]
