"""Every layer of the library leaves as ONNX and gives the same numbers in ONNX Runtime."""

from copy import deepcopy

import numpy as np
import pytest
from exchange_engines import OF_GRAPHS, in_onnxruntime, lively

import clearconv as cc
from clearconv.layers.base import registry
from clearconv.layers.wiring.container import Container

MAPS = (4, 9, 7)

#: Layers with every option that changes what is written, each on maps (4, 9, 7) unless it says so.
CASES = [
    *(cc.Conv2d(6, 3), cc.Conv2d(6, (3, 2), stride=(2, 1), padding="same", bias=False)),
    cc.Conv2d(4, 3, padding=((2, 1), (0, 3)), dilation=(1, 2), groups=2, activation="hardswish"),
    *(cc.Conv2d(4, 2, stride=20), cc.Conv2d(4, 3, shared_biases=False, activation="relu6")),
    *(cc.ConvTranspose2d(6, 3), cc.ConvTranspose2d(4, 3, stride=2, padding=1, output_padding=1)),
    cc.ConvTranspose2d(4, (3, 2), stride=(2, 3), padding=((1, 0), (0, 1)), groups=2, dilation=2),
    cc.ConvTranspose2d(4, 2, shared_biases=False, bias=True, activation="silu"),
    *(cc.Linear(5), cc.Linear(5, bias=False, activation="tanh")),
    *(cc.BatchNorm2d(), cc.BatchNorm2d(eps=0.1)),
    *(cc.GroupNorm(2), cc.GroupNorm(4, affine=False), cc.GroupNorm(1, eps=0.5)),
    *(cc.InstanceNorm2d(), cc.InstanceNorm2d(affine=True)),
    *(cc.LayerNorm(), cc.LayerNorm(elementwise_affine=False)),
    *(cc.MaxPool2d(2), cc.MaxPool2d(3, 2, 1), cc.MaxPool2d(3, 2, ceil_mode=True)),
    *(cc.MaxPool2d(2, 2, 1, ceil_mode=True), cc.MaxPool2d(3, 1, "same", 2)),
    *(cc.MaxPool2d(2, 3, ((0, 1), (1, 0))), cc.MaxPool2d(2, 2, dilation=3, padding=2)),
    *(cc.AvgPool2d(2), cc.AvgPool2d(3, 2, 1), cc.AvgPool2d(3, 2, 1, count_include_pad=False)),
    *(cc.AvgPool2d(3, 2, ceil_mode=True), cc.AvgPool2d(3, 2, 1, ceil_mode=True)),
    cc.AvgPool2d(3, 2, 1, ceil_mode=True, count_include_pad=False),
    *(cc.AvgPool2d(2, 1, "same"), cc.AvgPool2d(3, 1, 2, 2, count_include_pad=False)),
    cc.AvgPool2d(2, 2, ((0, 1), (1, 0)), dilation=2),
    *(cc.GlobalAvgPool2d(), cc.AdaptiveAvgPool2d(1), cc.AdaptiveAvgPool2d((3, 7))),
    *(cc.AdaptiveAvgPool2d((4, 10)), cc.AdaptiveAvgPool2d((None, 2))),
    *(cc.Upsample(scale_factor=2), cc.Upsample((20, 3)), cc.Upsample(scale_factor=(1.7, 3))),
    *(cc.Upsample(scale_factor=2, mode="bilinear"), cc.Upsample((5, 13), mode="bilinear")),
    cc.Upsample(scale_factor=(2, 3), mode="bilinear", align_corners=True),
    cc.Upsample(scale_factor=1.3, mode="bilinear"),
    *(cc.Flatten(), cc.Dropout(0.3), cc.Softmax(), cc.Identity()),
    *(cc.ReLU(), cc.ReLU6(), cc.LeakyReLU(), cc.LeakyReLU(0.3), cc.Sigmoid(), cc.Tanh()),
    *(cc.Hardsigmoid(), cc.Hardswish(), cc.SiLU(), cc.Activation("leaky_relu", 0.2)),
    *(cc.Concat(cc.Identity(), cc.Conv2d(3, 1)), cc.Concat(cc.MaxPool2d(3), cc.AvgPool2d(3))),
    cc.Residual(cc.Conv2d(4, 3, padding=1), cc.BatchNorm2d(), activation="relu"),
    cc.Residual(cc.Conv2d(3, 1), shortcut=cc.Conv2d(3, 1, bias=False), activation="leaky_relu"),
    cc.ConvPool2d(3, 3, pool="avg"),
    cc.Sequential(cc.Conv2d(3, 3, bias=False), cc.BatchNorm2d(), cc.ReLU()),
    cc.Sequential(cc.ConvTranspose2d(4, 3, groups=2), cc.BatchNorm2d()),
]
FEATURES = (cc.Linear, cc.BatchNorm2d, cc.GroupNorm, cc.LayerNorm, cc.Dropout, cc.ReLU)


def cases():
    for layer in CASES:
        if not isinstance(layer, cc.Linear):
            yield pytest.param(layer, MAPS, id=f"{layer!r}")
        if isinstance(layer, FEATURES):
            yield pytest.param(layer, (12,), id=f"{layer!r}-features")


def difference(model, tmp_path, **options):
    """Return how far ONNX Runtime's numbers are from ours, as a share of the largest."""
    file = tmp_path / "model.onnx"
    model.export_onnx(file, **options)
    x = np.random.default_rng(1).normal(0, 3, (1, *model.input_shape)).astype(np.float32)
    y = in_onnxruntime(file.read_bytes(), {"x": x})["logits"]
    expected = model.forward(x)
    assert y.shape == expected.shape and y.dtype == expected.dtype
    return np.abs(y - expected).max() / max(1, np.abs(expected).max())


@pytest.mark.parametrize(("layer", "shape"), [*cases()])
def test_a_layer_gives_the_same_numbers(layer, shape, tmp_path):
    model = lively(cc.Sequential(deepcopy(layer)).build(shape, seed=2))
    assert difference(model, tmp_path) < 2e-6


def test_every_layer_of_the_library_is_among_them():
    tried = {type(leaf) for case in CASES for leaf in (case, *case.leaves())}
    kinds = {*registry.built_in().values()}
    graphs = {kind for kind in kinds if issubclass(kind, (cc.MultiInput, cc.Graph))}
    graphs |= set(OF_GRAPHS)  # test_onnx_graphs.py
    assert kinds - graphs <= tried | {cc.Sequential}
    assert all(issubclass(kind, (cc.Layer, Container)) for kind in tried)


def deep():
    """A model with folded batch norms, and with some that cannot be folded."""
    return lively(
        cc.Sequential(
            cc.Conv2d(8, 3, bias=False),
            cc.BatchNorm2d(),
            cc.ReLU(),
            cc.Residual(cc.BatchNorm2d(), cc.ReLU(), cc.Conv2d(8, 3, padding=1), cc.BatchNorm2d()),
            cc.ConvTranspose2d(6, 2, groups=2, bias=True),
            cc.BatchNorm2d(),
            cc.Conv2d(6, 2, activation="relu"),
            cc.BatchNorm2d(),
            cc.Flatten(),
            cc.Linear(9),
            cc.BatchNorm2d(),
            cc.Linear(3),
        ).build(MAPS, seed=5)
    )


@pytest.mark.parametrize("batch_norm", ["fold", "keep"])
@pytest.mark.parametrize("opset", [13, 15, 17, 18, 21, 23])
def test_batch_norms_are_folded_or_kept(batch_norm, opset, tmp_path):
    assert difference(deep(), tmp_path, batch_norm=batch_norm, opset=opset) < 2e-6
    kinds = operators(tmp_path / "model.onnx")
    assert kinds.count("BatchNormalization") == (2 if batch_norm == "fold" else 6)


def operators(file):
    import onnx

    return [node.op_type for node in onnx.load(file).graph.node]


@pytest.mark.parametrize(("weights", "size", "off"), [("float16", 2, 2**-9), ("bf16", 2, 2**-6)])
def test_weights_may_be_kept_in_two_bytes(weights, size, off, tmp_path):
    model = lively(cc.Sequential(cc.Flatten(), cc.Linear(500), cc.Linear(2)).build(MAPS, seed=1))
    assert difference(model, tmp_path, weights=weights) < off
    numbers = sum(array.size for array in model.parameters.values())
    assert (tmp_path / "model.onnx").stat().st_size < size * numbers + 4000


def test_a_weight_that_float16_cannot_hold_is_named(tmp_path):
    model = cc.Sequential(cc.Conv2d(2, 1, name="wide")).build(MAPS, seed=1)
    model.parameters["wide.weight"][0] = 1e5
    with pytest.raises(cc.ArgumentError, match=r"wide\.weight.*bf16"):
        model.export_onnx(tmp_path / "a.onnx", weights="float16")


def test_a_file_may_take_any_number_of_inputs(tmp_path):
    model = deep()
    model.export_onnx(tmp_path / "a.onnx", batch=True)
    x = np.random.default_rng(1).normal(size=(5, *MAPS)).astype(np.float32)
    y = in_onnxruntime((tmp_path / "a.onnx").read_bytes(), {"x": x})["logits"]
    np.testing.assert_allclose(y, model.forward(x), atol=2e-6 * np.abs(y).max())


def test_layers_of_your_own_are_all_named(tmp_path):
    class Doubled(cc.Layer):
        def _build(self, input_shape):
            return input_shape

        def _forward(self, x, context):
            return 2 * x, None

        def _backward(self, grad_y, saved, context):
            return 2 * grad_y

    cc.register_activation("cubed", lambda x: x**3, lambda x: 3 * x**2)
    model = cc.Sequential(
        Doubled(name="mine"), cc.Conv2d(2, 1, activation="cubed", name="c"), cc.ReLU()
    ).build(MAPS)
    with pytest.raises(cc.ArgumentError, match=r"Doubled 'mine' .*Conv2d 'c' .*'cubed'"):
        model.export_onnx(tmp_path / "a.onnx")
    assert not any(tmp_path.iterdir())


def test_a_layer_of_your_own_that_runs_the_librarys_passes_is_written(tmp_path):
    class Small(cc.Conv2d):
        def __init__(self, name=None):
            super().__init__(3, 1, name=name)

    assert difference(cc.Sequential(Small()).build(MAPS), tmp_path) < 2e-6


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"opset": 12}, "opset=12, but it must be from 13"),
        ({"weights": "int8"}, "'float32', 'float16', 'bf16'"),
        ({"batch_norm": "no"}, "'fold', 'keep'"),
    ],
)
def test_wrong_options_are_named(options, message, tmp_path):
    with pytest.raises(cc.ArgumentError, match=message):
        deep().export_onnx(tmp_path / "a.onnx", **options)
    with pytest.raises(cc.ShapeError, match="not built"):
        cc.Sequential(cc.ReLU()).export_onnx(tmp_path / "a.onnx")


def test_a_missing_package_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    with pytest.raises(cc.ArgumentError, match=r"pip install 'clearconv\[onnx\]'"):
        deep().export_onnx(tmp_path / "a.onnx")
