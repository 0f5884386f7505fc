"""``clearconv import``, and training from an ONNX file."""

import numpy as np
import pytest

pytest.importorskip("onnx", reason="the extra onnx is not installed")

import clearconv as cc  # noqa: E402


def exported(path, **options):
    model = cc.Sequential(
        cc.Conv2d(4, 3), cc.ReLU(), cc.GlobalAvgPool2d(), cc.Flatten(), cc.Linear(2)
    )
    model.build((3, 12, 12), seed=1).export_onnx(path, **options)
    return model


def test_a_file_becomes_a_model(start, tmp_path):
    model = exported(tmp_path / "net.onnx")
    done = start("import", str(tmp_path / "net.onnx"))
    assert done.returncode == 0, done.stderr
    assert "opset 17, output logits" in done.stdout
    assert "5 layers, 122 parameters: 3 x 12 x 12 -> 2" in done.stdout
    assert "clearconv train DATA --from" in done.stdout
    again = cc.load(tmp_path / "net.safetensors")
    assert again.store.fingerprint() == model.store.fingerprint()
    assert start("summary", str(tmp_path / "net.safetensors")).returncode == 0


def test_labels_and_scaling_make_it_predict(start, tmp_path):
    exported(tmp_path / "net.onnx")
    (tmp_path / "labels.txt").write_text("cat\ndog\n")
    scaling = ("--mean", "0.5,0.5,0.5", "--std", "0.2,0.2,0.2")
    labels = ("--labels", str(tmp_path / "labels.txt"))
    out = tmp_path / "out.safetensors"
    done = start("import", str(tmp_path / "net.onnx"), *labels, *scaling, "--out", str(out))
    assert done.returncode == 0, done.stderr
    from PIL import Image

    pixels = np.random.default_rng(0).integers(0, 256, (20, 20, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    done = start("predict", str(out), str(tmp_path / "a.png"))
    assert done.returncode == 0, done.stderr
    assert "cat" in done.stdout or "dog" in done.stdout


@pytest.mark.parametrize(
    "arguments, code, words",
    [
        (["--labels", "LABELS"], 2, "1 different name"),
        (["--mean", "a"], 2, "a number for each channel"),
        (["--mean", "0.1"], 2, "one per channel"),
        (["--input", "3x"], 2, "channels, height and width"),
        (["--output", "logit"], 1, "Did you mean 'logits'"),
    ],
)
def test_what_does_not_fit_is_one_line(start, tmp_path, arguments, code, words):
    exported(tmp_path / "net.onnx")
    (tmp_path / "labels.txt").write_text("cat\ncat\n")
    given = [word.replace("LABELS", str(tmp_path / "labels.txt")) for word in arguments]
    done = start("import", str(tmp_path / "net.onnx"), *given)
    assert done.returncode == code and words in done.stderr, done.stderr
