"""Finished runs to report on: the digits, and two small folders of photographs."""

import numpy as np
import pytest
from PIL import Image

from clearconv.report import write_report
from clearconv.train import train


@pytest.fixture(scope="session")
def digits(tmp_path_factory):
    """Return the folder of two epochs on the digits, with its report."""
    folder = tmp_path_factory.mktemp("runs") / "digits-1"
    train("digits", out=folder, epochs=2)
    write_report(folder)
    return folder


def paint(root, names, each, size=(72, 80)):
    """Make a folder of noisy pictures, each class of its own colour."""
    rng = np.random.default_rng(0)
    for place, name in enumerate(names):
        (root / name).mkdir(parents=True)
        colour = rng.uniform(30, 225, 3) if place else np.array([220, 40, 40])
        for number in range(each):
            pixels = np.clip(colour + 40 * rng.standard_normal((*size, 3)), 0, 255)
            Image.fromarray(pixels.astype(np.uint8)).save(root / name / f"{number}.png")
    return root


@pytest.fixture(scope="session")
def photos(tmp_path_factory):
    """Return the folder of a run on photographs of two classes, one with an odd name."""
    place = tmp_path_factory.mktemp("photos")
    data = paint(place / "data", ("red", "<b>&\"'"), 12)
    train(str(data), out=place / "run", epochs=2, image_size=48, model="resnet20")
    write_report(place / "run")
    return place / "run"


@pytest.fixture(scope="session")
def many(tmp_path_factory):
    """Return the folder of a run on forty classes, far from learnt."""
    place = tmp_path_factory.mktemp("many")
    data = paint(place / "data", [f"kind {number:02d}" for number in range(40)], 5, (20, 20))
    train(str(data), out=place / "run", epochs=1, image_size=16, model="resnet20")
    write_report(place / "run")
    return place / "run"
