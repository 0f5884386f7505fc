"""The range test: the number it reads off a curve, and that it leaves nothing behind."""

import json

import numpy as np
import pytest

from clearconv import SGD, AdamW, Conv2d, Dropout, Flatten, Linear, Sequential
from clearconv.data import Batches, Preprocessing, complete_split, open_data
from clearconv.errors import ArgumentError, RunError
from clearconv.models import create
from clearconv.train import find_lr, resume, train
from clearconv.train.lr_finder import smoothed, suggested


def digits(seed=0, batch_size=32):
    source = open_data("digits")
    part = complete_split(source, seed).train
    scale = Preprocessing(size=(8, 8), channels=1, resize="squash", mean=(0.3,), std=(0.4,))
    return Batches(source, part, scale, batch_size, seed=seed, shuffle=True)


def test_the_rule():
    """Loss 3 up to 1e-4, then down in a straight line over log(lr) to 1 at 1e-2, then up.

    Nine tenths of the way, 1.2, are reached at nine tenths of those two decades: 10^-2.2.
    """
    exponents = np.linspace(-5, 0, 501)
    down = np.interp(exponents, [-5, -4, -2, 0], [3, 3, 1, 4])
    assert suggested(10**exponents, down) == pytest.approx(10**-2.2, rel=0.05)
    assert suggested(10**exponents, down) == float(f"{10**-2.2:.1e}")
    with pytest.raises(RunError, match="falls at no learning rate from 1e-05 to 1 .from 3.000"):
        suggested(10**exponents, np.full(501, 3.0))


def test_smoothing_is_a_mean_that_an_explosion_does_not_spoil():
    np.testing.assert_allclose(smoothed([2.0] * 30), 2.0)
    spoilt = smoothed([2.0] * 29 + [1e9])
    assert spoilt[-1] < 3.0 and spoilt[0] == pytest.approx(2.0)
    middle = smoothed([1.0] * 20 + [1.4] + [1.0] * 20)
    assert middle.argmax() == 20 and np.allclose(middle, middle[::-1])


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize(
    ("make", "good"),
    [
        (lambda model: AdamW(model, weight_decay=0.05), 3e-3),
        (lambda model: SGD(model, momentum=0.9, weight_decay=5e-4), 0.02),
    ],
)
def test_on_digits_it_finds_what_is_known_to_be_good(make, good, seed):
    model = create("digits_cnn", 10).build((1, 8, 8), seed=seed)
    found = find_lr(model, make(model), digits(seed), seed=seed).suggestion
    assert good / 3 < found < good * 3


def test_model_and_optimiser_are_as_before_and_the_curve_is_the_same_again():
    model = Sequential(Conv2d(4, 3), Flatten(), Dropout(0.5), Linear(10)).build((1, 8, 8), seed=1)
    optimiser = AdamW(model, weight_decay=0.1)
    (batch, *_) = digits()
    model.forward(batch.x, training=True)
    model.backward(np.full((len(batch.labels), 10), 0.01, np.float32), input_gradient=False)
    optimiser.step()  # a memory that is not empty
    before, memory = model.store.fingerprint(), optimiser.state()
    progress = []
    curves = [
        find_lr(model, optimiser, digits(), steps=20, progress=lambda *at: progress.append(at))
        for _ in range(2)
    ]
    assert curves[0] == curves[1]
    assert model.store.fingerprint() == before
    after = optimiser.state()
    assert all(np.array_equal(memory[name], after[name]) for name in memory)
    assert progress[0] == (1, 20) and progress[-1] == (20, 20)
    rates = np.array(curves[0].lr)
    np.testing.assert_allclose(rates[1:] / rates[:-1], 1e5 ** (1 / 19), rtol=1e-9)
    assert rates[0] == pytest.approx(1e-5)


def test_it_ends_where_the_loss_explodes():
    model = create("digits_cnn", 10).build((1, 8, 8))
    curve = find_lr(model, SGD(model), digits(), lowest=1e-3, highest=1e6)
    assert len(curve.lr) == len(curve.loss) == len(curve.smooth) < 100
    assert np.isfinite(curve.loss).all()


def test_what_makes_no_test():
    model = create("digits_cnn", 10).build((1, 8, 8))
    for given in ({"lowest": 1.0, "highest": 0.1}, {"lowest": 0.0}, {"steps": 3}):
        with pytest.raises(ArgumentError, match="increasing learning rates above 0"):
            find_lr(model, AdamW(model), digits(), **given)
    with pytest.raises(ArgumentError, match="there are no more batches"):
        find_lr(model, AdamW(model), iter(list(digits())[:3]))


def test_a_run_with_auto_is_the_run_with_that_rate(tmp_path):
    given = {"epochs": 2, "classes": ("0", "1", "7")}
    auto = train("digits", out=tmp_path / "auto", lr="auto", **given)
    about = json.loads((tmp_path / "auto" / "run.json").read_text())
    curve = json.loads((tmp_path / "auto" / "lr_finder.json").read_text())
    assert about["settings"]["lr"] == curve["suggestion"]
    assert curve.keys() == {"suggestion", "lr", "loss", "smooth"}
    named = train("digits", out=tmp_path / "named", lr=curve["suggestion"], **given)
    assert auto.fingerprint == named.fingerprint
    assert not (tmp_path / "named" / "lr_finder.json").exists()
    assert resume(tmp_path / "auto").fingerprint == auto.fingerprint


@pytest.mark.data
@pytest.mark.slow
def test_on_photographs_it_finds_what_is_known_to_be_good(shared, tmp_path):
    folder, classes = str(shared / "animals"), ("dog", "panda", "bird")
    train(folder, out=tmp_path / "run", classes=classes, model="seed_cnn", lr="auto", epochs=1)
    curve = json.loads((tmp_path / "run" / "lr_finder.json").read_text())
    assert 3e-3 / 4 < curve["suggestion"] < 3e-3 * 4
