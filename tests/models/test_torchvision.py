"""The networks that torchvision has too: names, shapes, and the same numbers both ways."""

import json
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torchvision_facts as theirs
from safetensors.numpy import load_file, save_file

from clearconv.layers import Dropout
from clearconv.layers.base.numbers.parameter import join
from clearconv.models import MODELS, create

FACTS = json.loads(Path(__file__).with_name("torchvision_facts.json").read_text())
HERE = [name for name in FACTS if name in MODELS]


@pytest.mark.parametrize("name", HERE)
def test_names_and_shapes_are_torchvisions(name):
    model = create(name, 1000)
    model._place("", MODELS[name].input_shape)  # not built: some have 500 MB of weights
    shapes = {}
    for layer in model.leaves():
        shapes |= {join(layer.path, key): item.shape for key, item in layer.declared.items()}
        shapes |= {join(layer.path, k): item.shape for k, item in layer.declared_buffers.items()}
    summary = create(name, 1000).summary(MODELS[name].input_shape)
    assert theirs.facts(summary.parameters, shapes) == FACTS[name]


def test_weights_from_a_file_of_another_library(tmp_path):
    weights = create("resnet20", 10).build((3, 8, 8), seed=1).state_dict()
    counter = {"bn1.num_batches_tracked": np.array(7)}
    save_file({**weights, **counter}, tmp_path / "weights.safetensors")
    model = create("resnet20", 10).build((3, 8, 8))
    assert model.load_state_dict(load_file(tmp_path / "weights.safetensors")) == ([], [])
    assert all(np.array_equal(value, weights[path]) for path, value in model.state_dict().items())
    other = create("resnet20", 3).build((3, 8, 8))
    body = {path: value for path, value in weights.items() if not path.startswith("fc.")}
    left = other.load_state_dict(body, strict=False)
    assert left == (["fc.bias", "fc.weight"], [])


# The smallest images, or nearly, with which batch norm still has several numbers a channel.
SIZES = {
    "squeezenet1_1": 33,
    "googlenet": 33,
    "vgg11": 32,
    "vgg11_bn": 33,
    "vgg16": 32,
    "densenet121": 64,
}


@pytest.mark.oracle
@pytest.mark.parametrize("name", HERE)
def test_numbers_are_torchvisions(name, monkeypatch):
    torch = pytest.importorskip("torch")
    if find_spec("torchvision") is None:
        pytest.skip("torchvision is not installed")
    size = SIZES.get(name, 40)
    if name.startswith("vgg"):  # 4,096 wide, its linear layers would take gigabytes
        monkeypatch.setattr("clearconv.models.vgg._HIDDEN", 8)
    model = create(name, 5).build((3, size, size + 3), seed=1, dtype="float64")
    module = narrowed(theirs.network(name, num_classes=5), 8).double()
    rng = np.random.default_rng(2)
    for path, value in model.state_dict().items():
        spread = rng.uniform(0.5, 1.5, value.shape)
        centred = path.endswith(("bias", "running_mean"))
        state = spread - 1 if centred else spread if value.ndim == 1 else value * spread
        (model.store.parameters | model.store.buffers)[path][...] = state
    given = {path: torch.from_numpy(value) for path, value in model.state_dict().items()}
    module.load_state_dict(given)
    for layer in model.leaves():
        if isinstance(layer, Dropout):
            layer.p = 0.0
    for part in module.modules():
        if isinstance(part, torch.nn.Dropout):
            part.p = 0.0
    x = rng.standard_normal((2, 3, size, size + 3))
    module.eval()
    close(model.forward(x), module(torch.from_numpy(x)).detach().numpy(), "evaluation")
    module.train()
    tensor = torch.from_numpy(x).requires_grad_()
    y = model.forward(x, training=True)
    expected = module(tensor)
    close(y, expected.detach().numpy(), "training")
    grad_y = rng.standard_normal(y.shape)
    expected.backward(torch.from_numpy(grad_y))
    close(model.backward(grad_y), tensor.grad.numpy(), "gradient of x")
    for path, parameter in module.named_parameters():
        close(model.gradients[path], parameter.grad.numpy(), path)
    for path, buffer in model.store.buffers.items():
        close(buffer, module.state_dict()[path].numpy(), path)
    assert all(not state for state in model.load_state_dict(module.state_dict()))


def narrowed(module, hidden):
    """Make VGG's hidden linear layers as narrow as ours."""
    import torch

    if hasattr(module, "classifier") and len(getattr(module.classifier, "_modules", {})) == 7:
        linear = [torch.nn.Linear(512 * 49, hidden), torch.nn.Linear(hidden, hidden)]
        module.classifier[0], module.classifier[3] = linear
        module.classifier[6] = torch.nn.Linear(hidden, module.classifier[6].out_features)
    return module


def close(got, wanted, what):
    """Compare by the largest error, relative to the largest number."""
    scale = np.abs(wanted).max()
    assert np.isfinite(scale), what
    np.testing.assert_allclose(got, wanted, rtol=0, atol=1e-9 * scale + 1e-12, err_msg=what)
