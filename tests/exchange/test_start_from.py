"""What a run starts from: whatever `start_from` opens, `train` and `plan` take."""

from pathlib import Path

import pytest

import clearconv
from clearconv.exchange import start_from
from clearconv.layers.loading import declared, laid_out
from clearconv.models import create
from clearconv.runs.earlier import Earlier
from clearconv.runs.given import Given
from clearconv.train import Callback, train


class Before(Callback):
    """Keeps what a run started with."""

    def started(self, run):
        self.state, self.preprocessing = run.model.state_dict(), run.preprocessing
        self.notes, self.settings = run.notes, run.settings


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    out = tmp_path_factory.mktemp("digits") / "run"
    return train("digits", classes=tuple("0123"), epochs=1, out=out).folder


def test_a_run_and_its_model_file_are_opened_as_before(digits):
    for path in (digits, digits / "best.safetensors"):
        ours, same = start_from(path), Earlier.open(path)
        assert ours.classes == same.classes == tuple("0123")
        assert ours.preprocessing == same.preprocessing and ours.settings == same.settings


def test_an_opened_model_can_be_given_in_place_of_its_path(digits, tmp_path):
    paths, opened = Before(), Before()
    given = {"classes": tuple("0189"), "epochs": 1}
    train("digits", start=digits, out=tmp_path / "one", callbacks=[paths], **given)
    train("digits", start=start_from(digits), out=tmp_path / "two", callbacks=[opened], **given)
    assert all((paths.state[path] == opened.state[path]).all() for path in paths.state)
    assert paths.settings == opened.settings and paths.notes == opened.notes == ()
    plan = clearconv.plan("digits", start=start_from(digits), classes=tuple("0189"))
    assert plan.notes == ()


def opened_elsewhere(outputs):
    """A model as a reader of another format hands it over: neither classes nor preprocessing."""
    model = create("digits_cnn", outputs).build((1, 8, 8), seed=5)
    return Earlier(
        path=Path("elsewhere.bin").resolve(),
        model=create("digits_cnn", outputs),
        input_shape=model.input_shape,
        state=model.state_dict(),
        settings=Given(model="digits_cnn"),
        notes=("a note",),
    )


def test_without_classes_their_number_decides_on_the_head(tmp_path):
    kept, new = Before(), Before()
    state = opened_elsewhere(4).state
    for before, classes in ((kept, "0123"), (new, "01234")):
        train(
            "digits",
            start=opened_elsewhere(4),
            classes=tuple(classes),
            epochs=1,
            out=tmp_path / classes,
            callbacks=[before],
        )
    assert kept.notes == ("a note", "its 4 outputs are taken for 0, 1, 2, 3, in this order")
    assert new.notes[1] == "its last layer has 4 outputs, so a new one is made for 5 classes"
    assert all((kept.state[path] == values).all() for path, values in state.items())
    same = {path for path in state if new.state[path].shape == state[path].shape}
    assert {*state} - same == {"linear1.weight", "linear1.bias"}
    assert all((new.state[path] == state[path]).all() for path in same)
    # its preprocessing is not known, so it is measured, as for a new model
    measured = Before()
    train("digits", classes=tuple("0123"), epochs=1, out=tmp_path / "x", callbacks=[measured])
    assert kept.preprocessing == measured.preprocessing


def test_what_is_laid_out_has_the_shapes_of_what_is_built():
    model = create("clearnet", 7)
    shapes = declared(laid_out(model, (3, 40, 40)))
    assert model.input_shape == ()  # it is left as it was
    built = model.build((3, 40, 40))
    assert shapes == {path: array.shape for path, array in built.state_dict().items()}
