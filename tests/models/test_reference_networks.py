"""Networks that others trained give their known answers here."""

import json

import numpy as np
import pytest
import reference_weights as reference

from clearconv.data import Preprocessing, load_image
from clearconv.models import create

pytestmark = pytest.mark.data

CLASSES = ("dog", "panda", "bird")  # 0, 1, 2 in the C++ program


@pytest.mark.parametrize(
    ("name", "file", "read", "right"),
    [
        ("simple_convnet", "simple_convnet_ch07.npz", reference.dlfs_simple, 9890),
        ("deep_convnet", "deep_convnet_ch08.npz", reference.dlfs_deep, 9935),
    ],
)
def test_book_networks_on_mnist(shared, name, file, read, right):
    x, labels = reference.mnist_test(shared / "mnist")
    model = create(name, 10).build((1, 28, 28))
    model.load_state_dict(read(shared / "reference" / "dlfs" / file))
    answers = model.predict(x, batch_size=250).argmax(axis=1)
    assert np.count_nonzero(answers == labels) == right


@pytest.fixture(scope="module")
def folder(shared):
    return shared / "reference" / "seed_cnn"


@pytest.fixture(scope="module")
def photo_network(folder):
    file = folder / "AlexNet_aug_1e-3" / "iter_395000_train_0.918_valid_0.913.model"
    model = create("seed_cnn", 3).build((3, 224, 224))
    model.load_state_dict(reference.seed_cnn(file))
    return model


@pytest.fixture(scope="module")
def expected(folder):
    return json.loads((folder / "expected.json").read_text())


@pytest.fixture(scope="module")
def photographs(shared, folder):
    """Return a reader of one part of the C++ program's split: images and labels."""
    split = json.loads((folder / "split.json").read_text())
    prepare = Preprocessing((224, 224), order="bgr", resize="squash", antialias=False)

    def read(part):
        x = np.stack([prepare(load_image(shared / "animals" / file)) for file in split[part]])
        return x, np.array([CLASSES.index(file.split("/")[0]) for file in split[part]])

    return read


def test_photo_network_on_made_up_pictures(photo_network, expected):
    synthetic = expected["synthetic"]
    zero = np.zeros((1, 3, 224, 224), "float32")
    np.testing.assert_allclose(photo_network(zero)[0], synthetic["all_zero_input"], atol=1e-3)
    pattern = ((np.arange(zero.size) * 7919) % 256 / 255).astype("float32").reshape(zero.shape)
    np.testing.assert_allclose(photo_network(pattern)[0], synthetic["pattern_logits"], atol=1e-3)


@pytest.mark.ci
def test_photo_network_on_photographs(photo_network, expected, photographs):
    x, labels = photographs("test")
    logits = photo_network.predict(x)
    known = [image["logits"] for image in expected["images"]]
    np.testing.assert_allclose(logits[: len(known)], known, rtol=0, atol=0.1)
    assert np.count_nonzero(logits.argmax(axis=1) == labels) == expected["correct"]["test"][0]
    x, labels = photographs("valid")
    right = np.count_nonzero(photo_network.predict(x).argmax(axis=1) == labels)
    assert right == expected["correct"]["valid"][0]


@pytest.mark.slow
def test_batch_norm_checkpoint_with_statistics_of_the_training_set(folder, photographs):
    """The file lacks running statistics: the mean of the batches' own, in batches of 4.

    The known accuracies leave 6 of 300 images open: these photographs were compressed once more,
    which costs the other checkpoint 2 to 4 images.
    """
    file = folder / "AlexNet_bn" / "iter_20000_train_0.988_valid_0.770.model"
    model = create("seed_cnn", 3, batch_norm=True).build((3, 224, 224))
    model.load_state_dict(reference.seed_cnn(file, batch_norm=True))
    x, _ = photographs("train")
    norms = [layer for layer in model.leaves() if type(layer).__name__ == "BatchNorm2d"]
    for count, start in enumerate(range(0, len(x), 4), start=1):
        for norm in norms:
            norm.momentum = 1 / count  # running = the mean so far
        model.forward(x[start : start + 4], training=True)
    for part, accuracy in (("valid", 0.777), ("test", 0.697)):
        pictures, labels = photographs(part)
        share = np.mean(model.predict(pictures).argmax(axis=1) == labels)
        assert share == pytest.approx(accuracy, abs=0.0201)
