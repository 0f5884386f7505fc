"""A file can say when it gives no answer, as `predict` does that may abstain."""

import numpy as np
import pytest
from exchange_engines import in_onnxruntime, lively

import clearconv as cc
from clearconv.runs.abstaining.abstainer import Abstainer
from clearconv.runs.abstaining.distance import seen

HEADS = {
    "linear": (cc.GlobalAvgPool2d(), cc.Flatten(), cc.Dropout(0.2), cc.Linear(3)),
    "maps": (cc.Conv2d(3, 1), cc.GlobalAvgPool2d(), cc.Flatten()),
}


@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS)
@pytest.mark.parametrize("opset", [17, 18])
def test_the_rules_are_those_of_predict(head, opset, tmp_path):
    model = cc.Sequential(cc.Conv2d(8, 3), cc.BatchNorm2d(), cc.ReLU(), *head)
    lively(model.build((3, 9, 9), seed=4))
    numbers = np.random.default_rng(1)
    x = numbers.normal(size=(60, 3, 9, 9)).astype(np.float32)
    features, logits = seen(model, x)
    labels = numbers.integers(0, 3, 20)
    abstainer = Abstainer.fit(features[:20], (features[20:40], logits[20:40], labels))
    model.export_onnx(tmp_path / "a.onnx", batch=True, abstainer=abstainer, opset=opset)
    x[50:] *= 9  # images that are unlike the others
    judged = abstainer.ask(model, x)
    found = in_onnxruntime((tmp_path / "a.onnx").read_bytes(), {"x": x})
    np.testing.assert_allclose(found["calibrated"], judged.probabilities, atol=1e-6)
    np.testing.assert_allclose(found["distance"], judged.distances, atol=2e-3)
    at_the_rim = np.abs(judged.distances - abstainer.most) < 2e-3
    at_the_rim |= np.abs(judged.probabilities.max(axis=1) - abstainer.least) < 1e-5
    assert 0 < judged.refused.sum() < 60
    np.testing.assert_array_equal(found["refused"] | at_the_rim, judged.refused | at_the_rim)
