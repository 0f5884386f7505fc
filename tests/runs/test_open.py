"""The one door to a run: what it reads, and what it refuses."""

import json
import re
import shutil

import numpy as np
import pytest
from PIL import Image

from clearconv.errors import RunError
from clearconv.glassbox import trace_image
from clearconv.report import measured, write_report
from clearconv.runs.open import open_run
from clearconv.runs.records.epoch import EpochRecord
from clearconv.train import evaluate, prepare, train
from epochs import record


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A short run on twelve photographs, and what came of it."""
    place = tmp_path_factory.mktemp("open")
    rng = np.random.default_rng(0)
    for colour in ("blue", "red"):
        (place / "data" / colour).mkdir(parents=True)
        for number in range(20):
            pixels = rng.integers(0, 60, (24, 24, 3), dtype=np.uint8)
            pixels[..., 2 if colour == "blue" else 0] += 150
            Image.fromarray(pixels).save(place / "data" / colour / f"{number:02}.png")
    given = {"model": "seed_cnn", "image_size": 66, "epochs": 1}
    return train(str(place / "data"), out=place / "run", **given)


def test_what_a_run_says(run):
    opened = open_run(run.folder)
    assert opened.classes == ("blue", "red") and opened.settings.model == "seed_cnn"
    assert opened.finished and opened.best_epoch == 1 and len(opened.history) == 1
    assert opened.model.store.fingerprint() == run.fingerprint
    source = opened.data(moved=None, call="")
    assert source.files == tuple(opened.about.data.sha256) or len(source) == 40
    assert len(opened.split(source).test) == run.evaluation.total


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"validation": []}, "validation is empty, but a run has images in each part"),
        ({"test": None}, "test is null, but"),
        ({"classes": None}, "classes is null, but"),
        ({"train": "blue/00.png"}, 'train is "blue/00.png", but'),
    ],
)
def test_a_damaged_split_is_named(run, tmp_path, change, said):
    folder = shutil.copytree(run.folder, tmp_path / "run")
    path = folder / "split.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    opened = open_run(folder)
    source = opened.data(moved=None, call="")
    with pytest.raises(RunError, match=re.escape(f"split.json is damaged: {said}")):
        opened.split(source)


def test_a_model_file_has_a_model_and_nothing_else(run):
    opened = open_run(run.folder / "best.safetensors")
    assert opened.run is None and opened.classes == ("blue", "red")
    with pytest.raises(RunError, match=r"best\.safetensors is a model file, but a run folder"):
        _ = opened.settings


def test_a_photograph_that_is_no_longer_the_runs_is_named(run, tmp_path):
    data = run.folder.parent / "data"
    name = evaluate(run.folder).files[0]
    kept = (data / name).read_bytes()
    try:
        Image.open(data / name).transpose(Image.Transpose.ROTATE_90).save(data / name)
        with pytest.raises(RunError, match=rf"not those the run was started with.*{name}"):
            write_report(run.folder)
        for training in (False, True):
            with pytest.raises(Exception, match=rf"not those the run was started with.*{name}"):
                trace_image(run.folder, name, training=training)
    finally:
        (data / name).write_bytes(kept)


def test_a_report_after_training_does_not_evaluate_the_test_again(run, tmp_path, monkeypatch):
    folder = shutil.copytree(run.folder, tmp_path / run.folder.name)
    page = write_report(folder).read_text()
    asked = []

    def evaluate_model(model, source, samples, *rest):
        asked.append(samples.tolist())
        return original(model, source, samples, *rest)

    original = measured.evaluate_model
    monkeypatch.setattr(measured, "evaluate_model", evaluate_model)
    assert write_report(folder, result=run).read_text() == page
    opened = open_run(folder)
    test = opened.split(opened.data(moved=None, call="")).test.tolist()
    assert len(asked) == 2 and test not in asked


def test_a_run_that_is_only_prepared_has_no_folder():
    run = prepare("digits", model="digits_cnn")
    with pytest.raises(RunError, match="not started, so it has no folder"):
        run.save()


def test_a_record_is_a_mapping_of_what_its_file_says():
    old = record(3, train_loss=0.5)
    assert (old["train_loss"], old["epoch"]) == (0.5, 3)
    assert "validation_standard_error" not in old and old.get("validation_mean_recall") is None
    assert old.to_dict() == dict(old) and EpochRecord.from_dict(dict(old)) == old
    assert "seconds" not in old.to_dict(timed=False)
    alike = record(1, validation_accuracy=0.9, validation_mean_recall=0.4)
    assert (old.measure, old.judged) == ("validation_accuracy", 0.5)
    assert (alike.measure, alike.judged) == ("validation_mean_recall", 0.4)
