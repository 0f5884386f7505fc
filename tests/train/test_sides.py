"""A network that sees more than 224 pixels gets the same pixels wherever an image is read."""

import numpy as np
from PIL import Image

from clearconv import Conv2d, Flatten, GlobalAvgPool2d, Linear, Sequential
from clearconv.data import side_for
from clearconv.train import Callback, evaluate, predict, resume, train


class Sides(Callback):
    def __init__(self):
        self.seen = []

    def started(self, run):
        self.seen.append(run.source.image(0).shape)


def test_training_resuming_testing_and_predicting_read_large_images_alike(tmp_path):
    rng = np.random.default_rng(0)
    for label in ("a", "b"):
        (tmp_path / "photos" / label).mkdir(parents=True)
        for number in range(3):
            pixels = rng.integers(0, 256, (400, 420, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "photos" / label / f"{number}.png")
    model = Sequential(Conv2d(2, 9, stride=9), GlobalAvgPool2d(), Flatten(), Linear(2))
    sides, out = Sides(), tmp_path / "run"
    how = {"model": model, "image_size": 288, "epochs": 1, "callbacks": [sides]}
    train(tmp_path / "photos", out=out, **how)
    resume(out, callbacks=[sides])
    assert side_for((288, 288)) == 330
    assert sides.seen == [(330, 347, 3)] * 2  # 346.5 is rounded half up
    tested = evaluate(out)
    files = [tmp_path / "photos" / file for file in tested.files]
    alone = [prediction.probabilities for prediction in predict(out, files)]
    np.testing.assert_allclose(tested.probabilities, alone, rtol=1e-5)
