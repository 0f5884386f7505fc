"""Grad-CAM is what its paper defines: by hand, by class activation maps, by central differences."""

import numpy as np
import pytest

from clearconv import (
    BatchNorm2d,
    Concat,
    Conv2d,
    Flatten,
    GlobalAvgPool2d,
    Identity,
    Linear,
    MaxPool2d,
    ReLU,
    Residual,
    Sequential,
)
from clearconv.errors import ArgumentError, ShapeError
from clearconv.explain import grad_cam, spatial_layers
from clearconv.explain.gradient_maps import enlarged, map_and_gradient
from clearconv.layers import Node
from clearconv.models import create

SHAPE = (2, 9, 8)


def images(n=2, shape=SHAPE, seed=0):
    return np.random.default_rng(seed).standard_normal((n, *shape))


def net():
    """Every kind of place: fused stages, nested chains, blocks, branches; evaluation mode."""
    model = Sequential(
        Conv2d(4, 3, padding=1, name="stem"),
        BatchNorm2d(name="bn"),
        ReLU(),
        Sequential(
            Residual(
                Conv2d(4, 3, padding=1, name="one"),
                ReLU(),
                Conv2d(4, 3, padding=1, name="two"),
                activation="relu",
                name="block",
            ),
            Residual(Conv2d(4, 3, padding=1, name="three"), name="bare"),
            name="stage",
        ),
        BatchNorm2d(name="after"),
        Concat(
            Conv2d(3, 3, padding=1, activation="relu", name="left"),
            Sequential(Conv2d(2, 1, name="right"), ReLU()),
            name="sides",
        ),
        BatchNorm2d(name="last"),
        MaxPool2d(2),
        GlobalAvgPool2d(),
        Flatten(),
        Linear(3),
    ).build(SHAPE, seed=1, dtype="float64")
    state = model.state_dict()
    rng = np.random.default_rng(5)
    for path, value in state.items():
        if "running_var" in path:
            state[path] = rng.uniform(0.5, 2, value.shape)
        elif "mean" in path or "bias" in path:
            state[path] = 0.1 * rng.standard_normal(value.shape)
    model.load_state_dict(state)
    return model


@pytest.mark.parametrize(
    ("layer", "shift", "sign"),
    [
        ("stem", "stem.bias", 1),
        ("stage.block.one", "stage.block.one.bias", 1),
        ("stage.block.two", "stage.block.two.bias", 1),
        ("stage.bare.three", "stage.bare.three.bias", 1),
        ("stage.bare", "after.running_mean", -1),
        ("stage", "after.running_mean", -1),
        ("sides", "last.running_mean", -1),
    ],
)
def test_the_weights_are_the_derivative_of_the_logit(layer, shift, sign):
    """Adding a number to a whole map adds it to the bias behind it, or takes it off the mean."""
    model, x, eps = net(), images(), 1e-6
    _, grads = map_and_gradient(model, x, 2, layer)
    state = model.state_dict()
    for k in range(grads.shape[1]):
        sides = []
        for step in (eps, -eps):
            moved = state[shift].copy()
            moved[k] += sign * step
            model.load_state_dict({**state, shift: moved})
            sides.append(model.forward(x)[:, 2])
        slope = (sides[0] - sides[1]) / (2 * eps)
        assert np.abs(grads[:, k].sum(axis=(1, 2)) - slope).max() < 1e-7


def test_the_gradient_at_every_pixel():
    """The head is redone in NumPy, so that single pixels of the map can be moved."""
    model = Sequential(
        Conv2d(3, 3, padding=1, name="conv"), ReLU(), GlobalAvgPool2d(), Flatten(), Linear(2)
    ).build((1, 4, 5), dtype="float64")
    maps, grads = map_and_gradient(model, images(1, (1, 4, 5)), 1, "conv")
    weight, bias = model.parameters["linear1.weight"], model.parameters["linear1.bias"]

    def logit(maps):
        return (np.maximum(maps, 0).mean(axis=(2, 3)) @ weight.T + bias)[0, 1]

    for place in np.ndindex(maps.shape):
        up, down = maps.copy(), maps.copy()
        up[place] += 1e-6
        down[place] -= 1e-6
        assert grads[place] == pytest.approx((logit(up) - logit(down)) / 2e-6, abs=1e-8)


def test_with_a_pooled_linear_head_it_is_the_class_activation_map():
    """Zhou et al. 2016: the head's own weights; Grad-CAM's are these, divided by the pixels."""
    model = Sequential(
        Conv2d(5, 3, padding=1, activation="relu", name="conv"),
        GlobalAvgPool2d(),
        Flatten(),
        Linear(3, name="head"),
    ).build(SHAPE, dtype="float64")
    x = images()
    for target in range(3):
        maps, _ = map_and_gradient(model, x, target)
        cam = np.einsum("k,nkij->nij", model.parameters["head.weight"][target], maps) / (9 * 8)
        assert np.abs(grad_cam(model, x, target) - np.maximum(cam, 0)).max() < 1e-12


def test_worked_by_hand():
    """Two 1x1 filters, -1 and 2, without bias; one class: 3 * mean(first) + 1 * mean(second)."""
    model = Sequential(
        Conv2d(2, 1, bias=False), GlobalAvgPool2d(), Flatten(), Linear(1, bias=False)
    ).build((1, 2, 2), dtype="float64")
    first, second = model.parameters.values()
    first[...] = np.array([-1.0, 2.0]).reshape(2, 1, 1, 1)
    second[...] = [[3.0, 1.0]]
    x = np.array([[[1.0, -2.0], [0.0, 4.0]]])
    # maps -x and 2x; gradients 3/4 and 1/4; 3/4 * -x + 1/4 * 2x = -x/4; ReLU keeps the -2
    assert np.array_equal(grad_cam(model, x), [[0, 0.5], [0, 0]])


def test_each_image_has_its_class_and_none_depends_on_its_neighbours():
    model, x = net(), images(3)
    together = grad_cam(model, x, [0, 2, 1])
    alone = [grad_cam(model, image, target) for image, target in zip(x, (0, 2, 1), strict=True)]
    assert together.shape == (3, 9, 8) and alone[0].shape == (9, 8)
    assert np.abs(together - alone).max() < 1e-12
    likeliest = model.forward(x).argmax(axis=1)
    assert np.array_equal(grad_cam(model, x), grad_cam(model, x, likeliest))
    assert model.tape is None


def test_one_image_at_a_time_is_held(monkeypatch):
    """Every inner array is kept, so a report's dozen photographs would take gigabytes."""
    model, x = net(), images(5)
    sizes = []
    forward = Node.forward

    def counted(self, x, **how):
        sizes.append(len(x))
        return forward(self, x, **how)

    monkeypatch.setattr(Node, "forward", counted)
    grad_cam(model, x)
    assert sizes == [1] * 10  # below the maps, and above them


def test_nothing_is_learnt_from_an_explanation():
    model = net()
    before = model.store.fingerprint()
    grad_cam(model, images())
    assert model.store.fingerprint() == before


def test_layers_to_choose_from():
    found = spatial_layers(net())
    assert list(found)[-1] == "pool1"
    assert found["stage"] == "stage.bare" and found["sides"] == "sides"
    assert "stage.block.activation" in found and "linear1" not in found
    assert list(spatial_layers(create("resnet20", 3).build((3, 32, 32))))[-1] == "layer3.2"
    assert list(spatial_layers(create("seed_cnn", 3).build((3, 224, 224))))[-1] == "conv4"
    branches = Sequential(
        Concat(Conv2d(2, 1), Conv2d(2, 1), name="c"), GlobalAvgPool2d(), Flatten()
    )
    assert list(spatial_layers(branches.build(SHAPE)))[-1] == "c"


def test_a_layer_goes_before_the_container_whose_path_it_shares():
    model = Sequential(
        Concat(Identity(name=""), Conv2d(3, 1, name="b"), name="c"),
        GlobalAvgPool2d(),
        Flatten(),
        Linear(2),
    ).build(SHAPE, dtype="float64")
    maps, grads = map_and_gradient(model, x := images(), 0, "c")
    assert np.array_equal(maps, x) and grads.shape == x.shape


def test_what_cannot_be_explained_is_said():
    model, x = net(), images()
    with pytest.raises(
        ArgumentError, match="layer 'linear1' is not in the model.*there are .*sides, last, pool1"
    ):
        grad_cam(model, x, layer="linear1")
    deep = create("resnet20", 3).build((3, 32, 32))
    with pytest.raises(ArgumentError, match=r"there are .*\.\.\., .*layer3\.2\.$") as caught:
        grad_cam(deep, np.zeros((1, 3, 32, 32), "float32"), layer="layer4")
    assert "layer2" in str(caught.value) and len(str(caught.value)) < 300
    with pytest.raises(ArgumentError, match=r"there are conv1, .*\.\.\., .*layer3\.2\.$"):
        grad_cam(deep, np.zeros((1, 3, 32, 32), "float32"), layer="where")
    with pytest.raises(ArgumentError, match="target=3.*classes are 0 to 2"):
        grad_cam(model, x, 3)
    with pytest.raises(ArgumentError, match="one for each of 2 images"):
        grad_cam(model, x, [0, 1, 2])
    with pytest.raises(ArgumentError, match="one class number"):
        grad_cam(model, x, 0.5)
    flat = Sequential(Flatten(), Linear(2)).build((4,))
    with pytest.raises(ShapeError, match="no layer of the model has maps"):
        spatial_layers(flat)
    with pytest.raises(ShapeError, match=r"\(classes,\) is needed"):
        spatial_layers(Sequential(Conv2d(2, 1)).build(SHAPE))


@pytest.mark.parametrize("size", [(8, 6), (9, 7), (4, 3), (1, 1), (40, 33)])
def test_maps_are_enlarged_as_pictures_are(size):
    """Pillow's bilinear filter, where it enlarges, is the same interpolation."""
    from PIL import Image

    maps = np.random.default_rng(0).random((2, 4, 3)).astype(np.float32)
    if size < (4, 3):
        assert enlarged(maps, size).shape == (2, *size)
        return
    got = enlarged(maps, size)
    for one, expected in zip(got, maps, strict=True):
        image = Image.fromarray(expected).resize(size[::-1], Image.Resampling.BILINEAR)
        assert np.abs(one - np.asarray(image)).max() < 1e-6


@pytest.mark.oracle
@pytest.mark.parametrize("layer", ["layer3.2", "layer2", "layer3.0.conv1", "layer1.1.bn2", "conv1"])
def test_pytorch_gives_the_same_maps(layer):
    torch = pytest.importorskip("torch")
    functional = torch.nn.functional
    model = create("resnet20", 4).build((3, 32, 32), seed=3, dtype="float64")
    rng = np.random.default_rng(0)
    state = {
        path: rng.uniform(0.5, 1.5, value.shape) if "var" in path else value
        for path, value in model.state_dict().items()
    }
    model.load_state_dict(state)
    tensors = {path: torch.from_numpy(value.copy()) for path, value in state.items()}
    kept = {}

    def keep(path, value):
        kept[path] = value
        return value

    def conv(path, x, stride=1):
        weight = tensors[f"{path}.weight"]
        padding = weight.shape[-1] // 2
        return keep(path, functional.conv2d(x, weight, stride=stride, padding=padding))

    def norm(path, x):
        names = ("running_mean", "running_var", "weight", "bias")
        return keep(path, functional.batch_norm(x, *(tensors[f"{path}.{n}"] for n in names)))

    x = rng.standard_normal((2, 3, 32, 32))
    h = torch.from_numpy(x).requires_grad_()
    h = functional.relu(norm("bn1", conv("conv1", h)))
    for stage in (1, 2, 3):
        for block in range(3):
            path = f"layer{stage}.{block}"
            stride = 2 if stage > 1 and block == 0 else 1
            inner = functional.relu(norm(f"{path}.bn1", conv(f"{path}.conv1", h, stride)))
            inner = norm(f"{path}.bn2", conv(f"{path}.conv2", inner))
            if stride == 2:
                h = norm(f"{path}.downsample.1", conv(f"{path}.downsample.0", h, 2))
            h = keep(path, functional.relu(inner + h))
        keep(f"layer{stage}", h)
    logits = h.mean(dim=(2, 3)) @ tensors["fc.weight"].T + tensors["fc.bias"]
    chosen = [1, 3]
    (grads,) = torch.autograd.grad(logits[range(2), chosen].sum(), kept[layer])
    weights = grads.mean(dim=(2, 3), keepdim=True)
    heat = functional.relu((weights * kept[layer]).sum(dim=1, keepdim=True))
    heat = functional.interpolate(heat, size=(32, 32), mode="bilinear", align_corners=False)
    theirs = heat[:, 0].detach().numpy()
    assert np.abs(grad_cam(model, x, chosen, layer) - theirs).max() < 1e-9 * theirs.max()
