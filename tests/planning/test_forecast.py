"""The forecast: what is multiplied by what, and that the run does not notice. Nothing is timed."""

from dataclasses import replace

import numpy as np
import pytest

from clearconv.data import Split
from clearconv.planning import forecast as forecast_of
from clearconv.planning.forecaster import Forecast, _Found, _measure
from clearconv.train import Callback, loop, prepare, train
from epochs import record

MODULE = "clearconv.planning.forecaster"


@pytest.fixture
def run():
    return prepare("digits", epochs=7)  # 1,438 to train, 180 to validate, 179 to test


def test_what_was_measured_is_multiplied_by_what_there_is_more_of(run, monkeypatch):
    asked = []

    def measure(run, train, judged):
        asked.append((train, judged))
        return _Found(0.01, 0.002, 0.5, 0.25, 0.75, steps=9)

    monkeypatch.setattr(f"{MODULE}._measure", measure)
    monkeypatch.setattr(f"{MODULE}.peak_memory", lambda: 100_000)
    found = forecast_of(run)
    assert found.training_seconds == pytest.approx(0.5 + 1438 * 0.01)
    assert found.validation_seconds == pytest.approx(180 * 0.002)
    assert found.epoch_seconds == pytest.approx(14.88 + 0.36 + 0.25)
    assert found.test_seconds == pytest.approx(0.75 + 179 * 0.002)
    assert found.report_seconds == pytest.approx(1 + (1438 + 180 + 179) * 0.002)
    assert found.seconds == pytest.approx(7 * 15.49 + 1.108 + 4.594)
    assert found.images_per_second == pytest.approx(100)
    # six tables of all images' probabilities, 4 bytes each, and fifteen per cent above
    assert found.memory_bytes == round(1.15 * (100_000 + 6 * 1797 * 10 * 4))
    # The look: 5 steps of 32. Then 3 s of steps of 0.32 s: 9, and 5; of judging 1.5 s: 750 images.
    assert asked == [(160, 64), (14 * 32, 750)]
    run.history = [{"epoch": 1}, {"epoch": 2}]
    assert forecast_of(run).epochs == 5


def test_the_measurement_takes_apart_what_the_loop_reports(run, monkeypatch):
    """By a clock of our own: ten steps of 0.1 s after a start of 0.3 s, then 0.8 s of judging 8."""
    now = [100.0]

    def go(copy, callbacks):
        (watch,) = callbacks
        watch.started(copy)
        now[0] += 0.3
        for step in range(10):
            now[0] += 5.0 if step == 6 else 0.1  # one step was disturbed
            watch.step(1, step + 1, 10, 0.0, 0.0, 0.0)
        now[0] += 0.8
        done = record(1, seconds=now[0] - 100)
        now[0] += 0.2
        watch.epoch(done, True)
        now[0] += 7.0
        watch.finished(None)

    monkeypatch.setattr(f"{MODULE}.go", go)
    monkeypatch.setattr(f"{MODULE}.perf_counter", lambda: now[0])
    run.split = Split(np.arange(320), np.arange(320, 328), np.arange(328, 330))
    found = _measure(run, 320, 8)
    assert found.image == pytest.approx(0.1 / 32)
    assert found.judged == pytest.approx(0.1)
    assert found.start == pytest.approx(0.3)
    assert found.save == pytest.approx(0.2)
    assert found.end == pytest.approx(7 - 64 * 0.1)  # the test is of 64 training images
    assert found.steps == 7


def test_the_run_is_not_touched(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = run.model.store.fingerprint(), run.optimiser.state()
    found = forecast_of(run)
    assert run.model.store.fingerprint() == before[0]
    for name, array in run.optimiser.state().items():
        np.testing.assert_array_equal(array, before[1][name])
    assert (run.history, run.epochs_done) == ([], 0)
    assert not list(tmp_path.iterdir())
    assert found.steps >= 1
    assert found.seconds > 0
    assert found.memory_bytes > 10 << 20


def test_a_forecast_in_between_leaves_the_weights_as_they_would_be(tmp_path):
    class Look(Callback):
        def started(self, run):
            forecast_of(run)

    plain = train("digits", out=tmp_path / "a", epochs=1)
    looked = train("digits", out=tmp_path / "b", epochs=1, callbacks=[Look()])
    assert looked.fingerprint == plain.fingerprint


def test_the_batches_and_maps_of_the_report_are_measured(monkeypatch):
    """Few images to validate and to test do not hide that the report judges larger batches."""
    run = prepare("digits", epochs=1)
    run.split = Split(np.arange(1000), np.arange(1000, 1004), np.arange(1004, 1010))
    seen, explained = [], []
    judge = loop.evaluate_model

    def evaluate_model(model, source, indices, *rest):
        seen.append(len(indices))
        return judge(model, source, indices, *rest)

    monkeypatch.setattr(loop, "evaluate_model", evaluate_model)
    monkeypatch.setattr(f"{MODULE}.grad_cam", lambda model, x: explained.append(x.shape))
    forecast_of(run)
    assert max(seen) == 64
    assert explained == [(1, 1, 8, 8)]


def test_odd_settings_are_measured_as_they_are(tmp_path):
    """A batch larger than the data, a rare class with weights, a learning rate that diverges."""
    run = prepare("digits", batch_size=5000, class_weights=True, lr=1e6, threads=1)
    assert forecast_of(run).steps == 1


def test_in_words():
    found = Forecast(100, 7.2, 7.0, 0.2, 1.5, 0.5, 340.0, 1181 << 20, 12)
    assert str(found) == "about 12 min for 100 epochs (7.2 s each), at most 1.2 GiB"
    assert str(replace(found, epochs=1)) == "about 9.2 s for 1 epoch, at most 1.2 GiB"
