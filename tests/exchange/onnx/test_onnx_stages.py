"""A model that comes back from an ONNX file runs the stages of the model that was written."""

import numpy as np
import pytest

pytest.importorskip("onnx", reason="the extra onnx is not installed")

import clearconv  # noqa: E402
from clearconv.models import create  # noqa: E402


def fused(model, training):
    """Count what runs fused; a graph copies and adds channels in one row."""
    rows = model.stages(training).rows
    calls = [call for row in rows for call in row.calls if call.chapter == "conv_block"]
    return sorted(call.does for call in calls)


@pytest.mark.parametrize(
    "name", ["resnet18", "mobilenet_v2", pytest.param("densenet121", marks=pytest.mark.ci)]
)
def test_a_network_comes_back_with_its_stages_and_its_numbers(name, tmp_path):
    """A number that falls is a stage that was lost: right numbers, in more time."""
    shape = (3, 32, 32)
    model = create(name, 4).build(shape, seed=1)
    model.export_onnx(tmp_path / "model.onnx", batch_norm="keep")
    again = clearconv.load_onnx(tmp_path / "model.onnx")
    for training in (True, False):
        assert fused(again, training) == fused(model, training)
    x = np.random.default_rng(0).standard_normal((2, *shape)).astype("float32")
    np.testing.assert_array_equal(again(x), model(x))
