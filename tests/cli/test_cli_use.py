"""`clearconv evaluate` and `clearconv predict`: what a finished run is for."""

import csv
import io
import json
import os
import re
import shutil

import numpy as np
import pytest

from clearconv import load
from clearconv.runs.open import open_run
from clearconv.train import predict, train


@pytest.fixture(scope="module")
def trained(painted, tmp_path_factory):
    """Return a run on the photographs."""
    folder = tmp_path_factory.mktemp("trained") / "run"
    train(painted, out=folder, epochs=2, image_size=64)
    return folder


def test_evaluate_repeats_the_test_of_the_run(run, digits):
    folder, done = digits
    result = run("evaluate", folder)
    assert result.exit_code == 0, result.stderr
    assert result.stdout.splitlines()[-1] == done.stdout.splitlines()[-1]
    table = done.stdout.partition("Confusion")[2].partition("run folder")[0].strip()
    assert table in result.stdout


def test_evaluate_a_model_file_on_data(run, digits):
    result = run("evaluate", digits[0] / "best.safetensors", "digits")
    assert result.exit_code == 0, result.stderr
    assert re.fullmatch(r"test accuracy 0\.\d{4} \(\d+ of 1797\)", result.stdout.splitlines()[-1])
    alone = run("evaluate", digits[0] / "best.safetensors")
    assert alone.exit_code == 2
    assert "give DATA" in alone.stderr


def test_evaluate_as_json(run, digits):
    content = json.loads(run("evaluate", digits[0], "--json").stdout)
    assert content["total"] == 179
    assert sum(map(sum, content["confusion"])) == 179


def test_evaluate_data_with_other_classes(run, digits, photos):
    result = run("evaluate", digits[0], photos)
    assert result.exit_code == 2
    assert "green, red" in result.stderr


def test_predict_a_table(run, trained, photos):
    first, second = photos / "red" / "0.png", photos / "green" / "1.png"
    result = run("predict", trained, first, second)
    assert result.exit_code == 0, result.stderr
    lines = result.stdout.splitlines()
    assert lines[0].split() == ["file", "class", "probability", "runner-up"]
    assert len(lines) == 4
    for line, said in zip(lines[2:], predict(trained, [first, second]), strict=True):
        name, sure = said.best
        assert line.split()[:3] == [said.file, name, f"{sure:.3f}"]
        assert float(line.split()[4]) == pytest.approx(1 - sure, abs=0.002)


def test_predict_as_json(run, trained, photos):
    result = run("predict", trained, photos / "red" / "0.png", "--json")
    (image,) = json.loads(result.stdout)
    assert image["file"] == str(photos / "red" / "0.png")
    assert set(image["probabilities"]) == {"green", "red"}
    assert sum(image["probabilities"].values()) == pytest.approx(1, abs=1e-6)
    assert image["probability"] == max(image["probabilities"].values())
    assert image["probabilities"][image["class"]] == image["probability"]


def test_predict_more_classes_than_one(run, trained, photos):
    lines = run("predict", trained, photos / "red" / "0.png", "--top", 5).stdout.splitlines()
    assert len(lines) == 4
    assert {line.split()[-2] for line in lines[2:]} == {"green", "red"}


def test_predict_names_what_it_cannot_read_and_goes_on(run, trained, photos):
    bad = photos / "bad.jpg"
    bad.write_bytes(b"no image")
    result = run("predict", trained, bad, photos / "red" / "0.png", photos / "none.jpg")
    assert result.exit_code == 1
    assert str(photos / "red" / "0.png") in result.stdout
    assert f"Error: {bad} cannot be read" in result.stderr
    assert "none.jpg cannot be read: no such file" in result.stderr
    assert "2 of 3 images could not be read" in result.stderr
    as_json = run("predict", trained, bad, photos / "red" / "0.png", "--json")
    assert as_json.exit_code == 1
    first, second = json.loads(as_json.stdout)
    assert "error" in first and "class" not in first
    assert "class" in second


def test_a_model_file_of_weights_that_are_no_numbers_is_refused(run, trained, photos, tmp_path):
    model = load(trained / "best.safetensors")
    name, weight = next(iter(model.state_dict().items()))
    model.load_state_dict({name: np.full_like(weight, np.nan)}, strict=False)
    model.save(tmp_path / "nan.safetensors")
    for command in ("predict", "explain"):
        result = run(command, tmp_path / "nan.safetensors", photos / "red" / "0.png")
        assert result.exit_code == 1
        assert f"nan.safetensors: {name} holds NaN or infinity" in result.stderr
        assert result.stderr.count("\n") == 1


def test_predict_a_folder(run, trained, photos, tmp_path):
    notes = photos / "red" / "notes.txt"
    notes.write_text("not asked for")
    said = run("predict", trained, photos)
    assert said.exit_code == 0
    assert f"Warning: {notes} is left out: not a JPEG" in said.stderr
    lines = said.stdout.splitlines()
    files = [line.split()[0] for line in lines[2:]]
    assert files == sorted(str(path) for path in photos.rglob("*.png"))
    for litter in (".hid", "__MACOSX", "red/.hid", "red/@eaDir"):
        (photos / litter).mkdir()
        (photos / litter / "1.png").write_bytes((photos / "red" / "0.png").read_bytes())
    assert run("predict", trained, photos).stdout.splitlines() == lines
    empty = tmp_path / "empty"
    empty.mkdir()
    result = run("predict", trained, empty)
    assert result.exit_code == 2
    assert "contains no images" in result.stderr


def test_in_a_folder_content_decides_what_is_predicted(run, trained, photos, tmp_path):
    mixed = tmp_path / "mixed"
    mixed.mkdir()
    whole = (photos / "red" / "0.png").read_bytes()
    for name in ("bare", "photo.jpeg", "list.txt"):
        (mixed / name).write_bytes(whole)
    good = run("predict", trained, mixed)
    assert (good.exit_code, good.stderr) == (0, "")
    assert [line.split()[0] for line in good.stdout.splitlines()[2:]] == [
        str(mixed / name) for name in ("bare", "list.txt", "photo.jpeg")
    ]
    (mixed / "new.HEIC").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(40))
    (mixed / "cut.png").write_bytes(whole[:200])
    (mixed / "list.csv").write_text("a,b")
    os.mkfifo(mixed / "pipe")
    for command in ("predict", "explain"):
        result = run(command, trained, mixed)
        assert result.exit_code == 1
        assert f"Warning: {mixed / 'list.csv'} is left out: not a JPEG" in result.stderr
        assert f"Warning: {mixed / 'pipe'} is left out: a pipe, not a file" in result.stderr
        assert (
            "new.HEIC cannot be read: HEIC photographs are not supported; export" in result.stderr
        )
        assert "cut.png cannot be read: the image is damaged" in result.stderr
        assert "2 of 5 images could not be read" in result.stderr


def test_predict_with_what_is_no_run(run, photos, tmp_path):
    image = photos / "red" / "0.png"
    assert "not a run folder" in run("predict", tmp_path, image).stderr
    broken = tmp_path / "model.safetensors"
    broken.write_bytes(b"\x00" * 100)
    result = run("predict", broken, image)
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1


def test_odd_file_names_do_no_harm(run, trained, photos):
    """A file name may hold what a terminal would obey."""
    odd = photos / "red" / "\x1b[31mred\n.png"
    odd.write_bytes((photos / "red" / "0.png").read_bytes())
    result = run("predict", trained, odd)
    assert result.exit_code == 0, result.stderr
    assert "\x1b" not in result.stdout
    assert "\\x1b[31mred\\n.png" in result.stdout


def test_predict_as_csv(run, trained, photos, tmp_path):
    """Every image has a row: the one that cannot be read holds its file alone."""
    odd = photos / 'a "red", one.png'
    odd.write_bytes((photos / "red" / "0.png").read_bytes())
    bad = photos / "bad.jpg"
    bad.write_bytes(b"no image")
    files = [odd, bad, photos / "green" / "1.png"]
    result = run("predict", trained, *files, "--csv")
    assert result.exit_code == 1
    assert "bad.jpg cannot be read" in result.stderr and "1 of 3 images" in result.stderr
    text = result.stdout_bytes.decode()
    assert text.count("\r\n") == text.count("\n") == 4
    head, first, failed, second = csv.reader(io.StringIO(text, newline=""))
    assert head == ["file", "class", "probability", "green", "red"]
    assert failed == [str(bad), "", "", "", ""]
    for row, said in zip((first, second), predict(trained, [odd, files[2]]), strict=True):
        assert row[:2] == [said.file, said.best[0]]
        assert [float(cell) for cell in row[2:]] == [said.best[1], *said.probabilities.tolist()]
    for other in (["--json"], ["--top", 2]):
        refused = run("predict", trained, odd, "--csv", *other)
        assert refused.exit_code == 2 and f"--csv and {other[0]} cannot go" in refused.stderr


def test_predict_as_json_is_one_list(run, trained, photos):
    result = run("predict", trained, photos, "--json")
    content = json.loads(result.stdout)
    assert len(content) == 10
    assert result.stdout == json.dumps(content, indent=1) + "\n"


def test_predict_may_abstain(run, trained, photos, tmp_path):
    """With a threshold that no probability reaches no image gets an answer."""
    file, image = tmp_path / "strict.safetensors", photos / "red" / "0.png"
    arrays = open_run(trained).trained.abstainer.arrays() | {"abstain/most": np.array([9.0])}
    content = load(trained / "best.safetensors")
    file.write_bytes(content.to_bytes({**arrays, "abstain/least": np.array([2.0])}))
    named = run("predict", file, image)
    assert "(unsure)" not in named.stdout
    refused = run("predict", file, image, "--abstain")
    assert refused.exit_code == 0, refused.stderr
    assert "(unsure)" in refused.stdout
    (plain,) = json.loads(run("predict", file, image, "--abstain", "--json").stdout)
    assert plain["class"] is None
    assert plain["refused"] == "unsure"
    head, row = csv.reader(io.StringIO(run("predict", file, image, "--abstain", "--csv").stdout))
    assert head == ["file", "class", "probability", "refused", "green", "red"]
    assert row[1] == ""
    assert row[3] == "unsure"
    file.write_bytes(content.to_bytes({**arrays, "abstain/least": np.array([0.0])}))
    (usual,) = json.loads(run("predict", file, image, "--abstain", "--json").stdout)
    assert usual["refused"] is None
    assert usual["class"] in ("green", "red")


def test_evaluate_counts_what_it_would_refuse(run, trained, photos, tmp_path):
    data = shutil.copytree(photos, tmp_path / "more")
    shutil.copytree(photos / "red", data / "blue")
    result = run("evaluate", trained, data, "--abstain")
    assert result.exit_code == 0, result.stderr
    count = len(list((photos / "red").iterdir()))
    assert re.search(rf"not a class: blue +{count} ", result.stdout)
    assert "left out" not in result.stderr
    assert re.search(r"accuracy of the answers (-|[01]\.\d{3})", result.stdout)
    assert "not a class" not in run("evaluate", trained, data).stdout
