"""`clearconv summary`: bundled models, run folders, model files."""

import pytest

from clearconv.layers import Flatten, Linear, Sequential
from clearconv.models import MODELS


@pytest.mark.parametrize("name", MODELS)
def test_every_bundled_model(run, name):
    result = run("summary", name)
    assert result.exit_code == 0, result.stderr
    assert result.stdout.startswith(f"{name}: ")
    assert max(map(len, result.stdout.splitlines())) <= 100


def test_numbers_by_hand(run):
    """The last layer of seed_cnn: 128 * 6 * 6 = 4608 features, 4608 * 5 + 5 parameters."""
    lines = run("summary", "seed_cnn", "--classes", 5).stdout.splitlines()
    assert any(line.split() == ["linear1", "Linear", "5", "23,045", "23,040"] for line in lines)


def test_a_large_model_as_it_was_published(run):
    lines = run("summary", "resnet50").stdout.splitlines()
    assert any(line.split() == ["fc", "Linear", "1000", "2,049,000", "2,048,000"] for line in lines)
    assert lines[-3].split() == ["total", "25,557,032", "4,089,184,256"]
    assert lines[-1] == "The parameters take 97.49 MiB (float32)."


def test_which_layers_run_as_one(run):
    text = run("summary", "resnet20", "--stages").stdout
    training, evaluation = text.split("in training")[1].split("in evaluation")
    assert "conv + batch norm + ReLU" in training and "conv_block.add " in training
    assert "conv + batch norm + sum + ReLU" in evaluation and "conv_block.add" not in evaluation


def test_options(run):
    assert "BatchNorm2d" in run("summary", "seed_cnn", "--batch-norm").stdout
    assert "Dropout" in run("summary", "seed_cnn", "--dropout", 0.5).stdout
    assert "3 x 96 x 128" in run("summary", "seed_cnn", "--input", "3x96x128").stdout
    result = run("summary", "lenet", "--batch-norm")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "batch_norm" in result.stderr


def test_a_model_file(run, tmp_path):
    model = Sequential(Flatten(), Linear(2)).build((1, 2, 2))
    model.save(tmp_path / "small.safetensors")
    result = run("summary", tmp_path / "small.safetensors")
    assert "1 x 2 x 2" in result.stdout
    assert run("summary", tmp_path / "small.safetensors", "--classes", 3).exit_code == 2


def test_what_is_no_model(run, tmp_path):
    path = tmp_path / "no.safetensors"
    path.write_bytes(b"nothing")
    result = run("summary", path)
    assert result.exit_code == 1
    assert str(path) in result.stderr
    assert run("summary", tmp_path).exit_code == 1


def test_a_run(run, digits):
    assert "1 x 8 x 8" in run("summary", digits[0]).stdout
