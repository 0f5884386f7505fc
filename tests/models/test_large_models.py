"""The networks for photographs take training steps, on images as small as they allow."""

import numpy as np
import pytest

from clearconv.losses import CrossEntropy
from clearconv.models import MODELS, create
from clearconv.optim import Adam

SIZE = 32
QUICK = ("mobilenet_v2", "googlenet")
LARGE = [
    name if name in QUICK else pytest.param(name, marks=pytest.mark.ci)
    for name, info in MODELS.items()
    if info.classes == 1000
]


@pytest.fixture(autouse=True)
def narrow(monkeypatch):
    """VGG's linear layers have 100 million weights for nothing."""
    monkeypatch.setattr("clearconv.models.vgg._HIDDEN", 16)


@pytest.mark.parametrize("name", LARGE)
def test_the_loss_falls_and_evaluation_folds(name):
    options = {"dropout": 0.0} if "dropout" in MODELS[name].options else {}
    model = create(name, 3, **options).build((3, SIZE + 1, SIZE), seed=0)
    optimiser, criterion = Adam(model, 1e-3), CrossEntropy()
    rng = np.random.default_rng(0)
    x = rng.standard_normal((6, 3, SIZE + 1, SIZE)).astype("float32")
    labels = np.array([0, 1, 2, 0, 1, 2])
    losses = []
    for _ in range(5):
        loss, grad = criterion(model.forward(x, training=True), labels)
        model.backward(grad, input_gradient=False)
        assert np.isfinite(model.store.grads).all()
        optimiser.step()
        losses.append(loss)
    assert np.isfinite(losses).all()
    assert losses[-1] < losses[0], losses
    folded, plain = model.forward(x), model.forward(x, keep="all")
    scale = np.abs(plain).max()
    np.testing.assert_allclose(folded, plain, rtol=0, atol=1e-4 * scale)
