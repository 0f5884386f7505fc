"""What TensorBoard is given is the run's history; read back from the file, record by record."""

import json
import struct
import sys

import pytest

from clearconv.errors import ArgumentError
from clearconv.train import Callback, resume, train
from clearconv.train.show.tensorboard import TensorBoard


def events(folder):
    """Read TFRecords: length (8 bytes), its checksum (4), the event, its checksum (4)."""
    event_pb2 = pytest.importorskip("tensorboardX.proto.event_pb2")
    for file in sorted(folder.iterdir()):
        content = file.read_bytes()
        while content:
            (length,) = struct.unpack("<Q", content[:8])
            yield event_pb2.Event.FromString(content[12 : 12 + length])
            content = content[16 + length :]


def curves(folder):
    """Return tag -> {step: value}; a start event takes back what comes at its step and after."""
    found = {}
    for event in events(folder):
        if event.session_log.status == 1 and event.step:
            found = {
                tag: {step: value for step, value in points.items() if step < event.step}
                for tag, points in found.items()
            }
        for value in event.summary.value:
            if value.HasField("simple_value"):
                found.setdefault(value.tag, {})[event.step] = value.simple_value
    return found


FEW = {"classes": ("0", "1", "7"), "epochs": 3, "batch_size": 64}


def history(folder):
    return [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]


def test_the_curves_are_the_runs(tmp_path):
    pytest.importorskip("tensorboardX")
    result = train("digits", out=tmp_path / "run", callbacks=[TensorBoard()], **FEW)
    found = curves(tmp_path / "run" / "tensorboard")
    records = history(tmp_path / "run")
    steps = max(found["loss/epoch_so_far"]) // 3
    for name, key in (
        ("loss/training", "train_loss"),
        ("loss/validation", "validation_loss"),
        ("accuracy/training", "train_accuracy"),
        ("accuracy/validation", "validation_accuracy"),
        ("learning_rate", "lr"),
    ):
        wanted = {steps * record["epoch"]: record[key] for record in records}
        assert found[name] == pytest.approx(wanted, rel=1e-6)
    assert list(found["loss/epoch_so_far"]) == list(range(1, 3 * steps + 1))
    test = found["accuracy/test"]
    assert test == {3 * steps: pytest.approx(result.evaluation.accuracy, rel=1e-6)}
    texts = [e for e in events(tmp_path / "run" / "tensorboard") if e.summary.value]
    assert b"digits_cnn" in texts[0].SerializeToString()


def test_a_resumed_run_goes_on_with_its_curves(tmp_path):
    pytest.importorskip("tensorboardX")

    class StopError(Exception):
        pass

    class Stop(Callback):
        def step(self, epoch, step, steps, loss, accuracy, images_per_second):
            if (epoch, step) == (2, 3):
                raise StopError

    train("digits", out=tmp_path / "whole", callbacks=[TensorBoard()], **FEW)
    board = TensorBoard(tmp_path / "curves")
    with pytest.raises(StopError):
        train("digits", out=tmp_path / "run", callbacks=[board, Stop()], **FEW)
    board._writer.close()  # as the end of the process does
    resume(tmp_path / "run", callbacks=[TensorBoard(tmp_path / "curves")])
    whole, found = curves(tmp_path / "whole" / "tensorboard"), curves(tmp_path / "curves")
    assert found.pop("images_per_second").keys() == whole.pop("images_per_second").keys()
    assert found == whole


def test_warnings_are_there_too(tmp_path):
    pytest.importorskip("tensorboardX")
    train("digits", out=tmp_path / "run", callbacks=[TensorBoard()], epochs=2, lr=1e-9)
    texts = [e.SerializeToString() for e in events(tmp_path / "run" / "tensorboard")]
    assert any(b"learnt nothing" in text for text in texts)


def test_where_the_package_is_missing_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(ArgumentError, match="pip install tensorboardX"):
        TensorBoard()
