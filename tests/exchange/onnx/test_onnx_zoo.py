"""Every bundled model leaves with its preprocessing and answers pictures as ours does."""

import gc

import numpy as np
import pytest
from exchange_engines import lively, session_of

from clearconv.data import Preprocessing
from clearconv.data.images.given_image import image_pixels
from clearconv.models import MODELS, create

#: Those that a minute is enough for; the others are built for less than their photographs.
QUICK = ("clearnet", "clearnet_small", "resnet20", "lenet", "digits_cnn", "squeezenet1_1")
SIZES = {name: info.input_shape[1] for name, info in MODELS.items()}
SIZES |= {name: 64 for name, size in SIZES.items() if size == 224}
SIZES |= {name: max(SIZES[name], info.smallest) for name, info in MODELS.items()}
MODES = ("crop", "squash", "letterbox")


def check(name, sizes, tmp_path, **options):
    """Compare a model's answers to pictures of random noise of these sizes."""
    channels = MODELS[name].input_shape[0]
    model = create(name, 7)
    side = SIZES[name] if name in QUICK else max(SIZES[name], 96)
    lively(model.build((channels, side, side), seed=1))
    how = Preprocessing(
        size=(side, side),
        channels=channels,
        resize=MODES[len(name) % 3],
        order=("rgb", "bgr")[len(name) % 2],
        mean=(0.45,) * channels,
        std=(0.25,) * channels,
    )
    model.info.update(classes=list("abcdefg"), preprocessing=how.to_dict())
    model.export_onnx(tmp_path / "model.onnx", **options)
    session = session_of((tmp_path / "model.onnx").read_bytes())
    numbers = np.random.default_rng(2)
    for size in sizes:
        picture = numbers.integers(0, 256, (*size, 3), dtype=np.uint8)
        logits, index = session.run(["logits", "class_index"], {"image": picture})
        expected = model.forward(how(image_pixels(picture, how)))
        largest = max(1.0, float(np.abs(expected).max()))  # random weights may give thousands
        np.testing.assert_allclose(logits, expected, atol=1e-4 * largest)
        first, second = np.sort(expected)[::-1][:2]
        if first - second > 1e-3 * largest:
            assert index == expected.argmax()
    (tmp_path / "model.onnx").unlink()
    gc.collect()


@pytest.mark.parametrize("name", QUICK)
def test_a_small_model_answers_as_ours_does(name, tmp_path):
    check(name, [(50, 81), (300, 260), (17, 400)], tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("batch_norm", ["fold", "keep"])
def test_a_model_answers_a_hundred_pictures_as_ours_does(name, batch_norm, tmp_path):
    count = 100 if batch_norm == "fold" else 5
    sizes = np.exp(np.random.default_rng(3).uniform(0, 6.4, (count, 2))).astype(int)
    check(name, sizes.tolist(), tmp_path, batch_norm=batch_norm)
