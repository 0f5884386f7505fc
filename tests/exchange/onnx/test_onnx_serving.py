"""The ten lines in the docs serve an exported file with the answers of `clearconv predict`."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from exchange_engines import lively
from PIL import Image

import clearconv as cc
from clearconv.data import Preprocessing

PAGE = Path(__file__).parents[3] / "docs" / "onnx.md"


@pytest.fixture
def photographs(tmp_path):
    """Write JPEGs: one that is decoded at a smaller size, one that lies on its side, a grey one."""
    numbers = np.random.default_rng(0)
    files = []
    for name, size, turned in (("large", (1300, 1100), 1), ("side", (300, 400), 6)):
        coarse = numbers.integers(0, 256, (*(n // 50 for n in size), 3), dtype=np.uint8)
        picture = Image.fromarray(coarse).resize(size[::-1], Image.Resampling.BICUBIC)
        exif = Image.Exif()
        exif[0x0112] = turned
        picture.save(tmp_path / f"{name}.jpg", quality=90, exif=exif)
        files.append(tmp_path / f"{name}.jpg")
    picture.convert("L").save(tmp_path / "grey.png")
    return [*files, tmp_path / "grey.png"]


def test_the_script_of_the_docs_gives_the_same_answers(photographs, tmp_path):
    model = cc.Sequential(
        cc.Conv2d(8, 3, stride=4), cc.ReLU(), cc.GlobalAvgPool2d(), cc.Flatten(), cc.Linear(3)
    )
    lively(model.build((3, 48, 64), seed=2))
    how = Preprocessing(size=(48, 64), mean=(0.4, 0.5, 0.3), std=(0.2, 0.3, 0.2))
    model.info.update(classes=["bird", "cat", "dog"], preprocessing=how.to_dict())
    model.save(tmp_path / "model.safetensors")
    model.export_onnx(tmp_path / "model.onnx")
    (script,) = re.findall(r"```python\n(import.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert "clearconv" not in script
    done = subprocess.run(
        [sys.executable, "-c", script, tmp_path / "model.onnx", *photographs],
        env={key: value for key, value in os.environ.items() if key != "PYTHONPATH"},
        capture_output=True,
        text=True,
        check=True,
    )
    expected = [
        f"{each.file} {each.best[0]} {each.best[1]:.4f}"
        for each in cc.train.predict(tmp_path / "model.safetensors", photographs)
    ]
    assert done.stdout.splitlines() == expected
