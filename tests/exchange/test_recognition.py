"""Weights are recognised by names and shapes, with torchvision's names, timm's, and ours."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from clearconv.errors import ModelFileError
from clearconv.exchange import renamed
from clearconv.exchange.recognition import recognised
from clearconv.layers.loading import declared, laid_out
from clearconv.models import MODELS, create

TIMM = json.loads(Path(__file__).with_name("data").joinpath("timm_names.json").read_text())


def weights(shapes):
    """Return arrays of these shapes that take no memory."""
    return {name: np.broadcast_to(np.float32(0), shape) for name, shape in shapes.items()}


def state_of(name, classes=7, channels=None, **options):
    C, H, W = MODELS[name].input_shape
    model = create(name, classes, **options)
    return weights(declared(laid_out(model, (channels or C, H, W))))


def test_every_bundled_model_is_recognised():
    for name in MODELS:
        fit = recognised(state_of(name), "a file")
        assert (fit.name, fit.classes, fit.whose, fit.options) == (name, 7, "", {})
        assert fit.input_shape == MODELS[name].input_shape


def test_batch_norm_and_channels_are_recognised():
    fit = recognised(state_of("seed_cnn", batch_norm=True), "a file")
    assert (fit.name, fit.options) == ("seed_cnn", {"batch_norm": True})
    fit = recognised(state_of("resnet18", channels=1), "a file", "resnet18")
    assert fit.input_shape == (1, 224, 224) and fit.exact


@pytest.mark.parametrize("name", TIMM)
def test_timms_names_lead_to_ours(name):
    ((_, shapes),) = TIMM[name].items()
    fit = recognised(weights(shapes), "a file")
    assert (fit.name, fit.whose, fit.classes) == (name, "timm's names", 1000)
    ours = renamed(weights(shapes), name)
    assert {path: array.shape for path, array in ours.items()} == {
        path: array.shape for path, array in state_of(name, 1000).items()
    }


def test_timms_linear_layers_of_vgg_see_the_channels_in_our_order():
    values = np.arange(2 * 3 * 7 * 7, dtype=np.float32).reshape(2, 3, 7, 7)
    ours = renamed({"pre_logits.fc1.weight": values}, "vgg11")
    assert np.array_equal(ours["classifier.0.weight"], values.reshape(2, 147))


def test_torchvisions_early_densenet():
    old = {
        re.sub(r"(denselayer\d+\.(?:norm|conv))([12])\.", r"\1.\2.", name): array
        for name, array in state_of("densenet121").items()
    }
    assert "features.denseblock1.denselayer1.norm.1.weight" in old
    fit = recognised(old, "a file")
    assert fit.name == "densenet121" and "early" in fit.whose


def test_what_training_adds_is_left_out():
    state = state_of("googlenet", 5)
    more = {"aux1.fc1.weight": (1024, 2048), "conv1.bn.num_batches_tracked": ()}
    assert recognised({**state, **weights(more)}, "a file").exact


def test_a_file_may_lack_the_last_layer():
    body = {k: v for k, v in state_of("resnet18").items() if not k.startswith("fc.")}
    fit = recognised(body, "a file")
    assert fit.name == "resnet18" and fit.classes is None


def test_what_does_not_fit_is_listed_with_both_shapes():
    state = {**state_of("resnet18"), "more.weight": np.zeros(3)}
    state["layer1.0.conv1.weight"] = np.zeros((64, 64, 1, 1))
    del state["bn1.bias"]
    expected = (
        r"the weights of x\.pth are not those of a bundled model\. The nearest is resnet18, of "
        r"which 100 of its 102 arrays fit; layer1\.0\.conv1\.weight is \(64, 64, 1, 1\) in the "
        r"file, \(64, 64, 3, 3\) in resnet18; missing in the file: bn1\.bias; not in resnet18: "
        r"more\.weight\."
    )
    with pytest.raises(ModelFileError, match=f"(?i){expected}"):
        recognised(state, "x.pth")
    with pytest.raises(ModelFileError, match="are not those of resnet18: 100 of its 102 arrays"):
        recognised(state, "x.pth", "resnet18")
    with pytest.raises(ModelFileError, match="not those of lenet: 0 of its"):
        recognised(state_of("resnet18"), "x.pth", "lenet")
    with pytest.raises(ModelFileError, match="not those of a bundled model: it has mine.weight"):
        recognised({"mine.weight": np.zeros(3)}, "x.pth")
