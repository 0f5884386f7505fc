"""``clearconv export`` and ``clearconv verify``."""

import json
from importlib.util import find_spec

import pytest

if find_spec("onnx") is None or find_spec("onnxruntime") is None:
    pytest.skip("the extra onnx is not installed", allow_module_level=True)


def test_a_run_is_exported_and_verified(run, digits, tmp_path):
    import onnx

    folder = digits[0]
    done = run("export", folder, "--out", tmp_path / "a.onnx")
    assert done.exit_code == 0, done.output
    assert f"verify    clearconv verify {tmp_path / 'a.onnx'}" in done.output
    held = {entry.key: entry.value for entry in onnx.load(tmp_path / "a.onnx").metadata_props}
    tested = json.loads((folder / "result.json").read_text())["test"]
    assert json.loads(held["test"])["accuracy"] == tested["accuracy"]
    done = run("verify", tmp_path / "a.onnx")
    assert done.exit_code == 0, done.output
    assert "ONNX Runtime" in done.output and "onnx.reference" in done.output


def test_the_file_lands_in_the_run(run, digits, tmp_path):
    from shutil import copytree

    folder = copytree(digits[0], tmp_path / "run")
    options = ("--batch", "--input", "tensor", "--weights", "float16", "--batch-norm", "keep")
    assert run("export", folder, *options).exit_code == 0
    assert (folder / "model.onnx").is_file()
    assert run("export", folder / "best.safetensors").exit_code == 0
    assert (folder / "best.onnx").is_file()


def test_an_error_is_one_line_with_the_flag(run, digits, tmp_path):
    done = run("export", digits[0], "--opset", 11)
    assert done.exit_code == 2 and "from 13 to" in done.output
    (tmp_path / "a.onnx").write_text("nothing")
    done = run("verify", tmp_path / "a.onnx")
    assert done.exit_code == 1
    assert done.output.count("\n") == 1 and "cannot be verified" in done.output
