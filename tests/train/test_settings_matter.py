"""Every setting of a run does what it says: against a loop written out here, and one by one."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

import clearconv
from clearconv import SGD, Adam, AdamW, Context, CrossEntropy
from clearconv.data import (
    Batches,
    Preprocessing,
    channel_statistics,
    complete_split,
    from_arrays,
    open_data,
)
from clearconv.models import create
from clearconv.optim import schedule
from clearconv.report import write_report
from clearconv.train import History, Run, Settings, train
from clearconv.train.network import criterion_of
from clearconv.train.show.epoch_lines import epoch_line
from epochs import record

SMALL = {"model": "digits_cnn", "epochs": 2, "batch_size": 128, "classes": ("1", "7", "8")}


@pytest.mark.parametrize(
    ("settings", "make"),
    [
        (
            {"optimiser": "sgd", "lr": 0.05, "nesterov": True, "weight_decay": 0.1},
            lambda model: SGD(model, momentum=0.9, nesterov=True, weight_decay=0.1),
        ),
        (
            {"optimiser": "sgd", "lr": 0.05, "momentum": 0.5, "weight_decay": 0.0},
            lambda model: SGD(model, momentum=0.5),
        ),
        (
            {"optimiser": "adam", "lr": 0.01, "weight_decay": 0.1},
            lambda model: Adam(model, weight_decay=0.1),
        ),
        (
            {"optimiser": "adamw", "lr": 0.01, "weight_decay": 0.1},
            lambda model: AdamW(model, weight_decay=0.1),
        ),
    ],
)
@pytest.mark.parametrize("name", ["constant", "cosine"])
def test_a_run_is_this_loop(tmp_path, settings, make, name):
    """Label smoothing, class weights, warm-up and schedule are in it too."""
    given = {**SMALL, "schedule": name, "warmup": 0.25, "label_smoothing": 0.2, "seed": 3}
    train("digits", out=tmp_path / "run", class_weights=True, **given, **settings)
    lines = (tmp_path / "run" / "history.jsonl").read_text().splitlines()

    source = open_data("digits", SMALL["classes"])
    split = complete_split(source, 3)
    mean, std = channel_statistics(source, split.train)
    scale = Preprocessing(size=(8, 8), channels=1, resize="squash", mean=mean, std=std)
    model = create("digits_cnn", 3).build((1, 8, 8), seed=3)
    optimiser = make(model)
    counts = np.bincount(source.labels[split.train])
    # every class counts alike: weight n / (K * n_class)
    criterion = CrossEntropy(0.2, tuple((counts.sum() / (3 * counts)).tolist()))
    steps = -(-len(split.train) // 128)
    factor = schedule(name, 2 * steps, round(0.25 * 2 * steps))
    step = 0
    for epoch in (1, 2):
        for batch in Batches(source, split.train, scale, 128, seed=3, epoch=epoch, shuffle=True):
            context = Context(True, 3, epoch, step, tuple(batch.samples.tolist()))
            _, grad = criterion(model.forward(batch.x, context=context), batch.labels)
            model.backward(grad)
            optimiser.step(settings["lr"] * factor(step))
            step += 1
        assert json.loads(lines[epoch - 1])["weights_sha256"] == model.store.fingerprint()


def test_class_weights_do_not_turn_common_images_into_rare_ones(tmp_path):
    """Of 160 : 4 images smoothing's share of the rare class must not count 40 times as much."""
    digits = open_data("digits", ("1", "7"))
    places = [*np.flatnonzero(digits.labels == 0)[:160], *np.flatnonzero(digits.labels == 1)[:4]]
    images = np.stack([digits.image(place) for place in places])
    result = train(
        (images, digits.labels[places]),
        out=tmp_path / "run",
        model="digits_cnn",
        epochs=4,
        batch_size=16,
        label_smoothing=0.1,
        class_weights=True,
    )
    history = History.of(result)
    assert history[-1]["train_accuracy"] > 0.95
    # and the epoch is chosen by the mean recall, which is shown
    assert history[-1].measure == "validation_mean_recall"
    recall = f"{history[-1]['validation_mean_recall']:.3f}"
    assert f"recall {recall} loss" in epoch_line(history[-1], 4, best=True)
    assert str(history).splitlines()[4].split()[5] == recall
    assert "Mean recall" in history._repr_html_()
    page = write_report(result.folder, from_arrays(images, digits.labels[places])).read_text()
    assert "the latest that was not clearly below the highest in validation mean recall" in page


def test_a_class_without_training_images_has_the_weight_0():
    source = SimpleNamespace(labels=np.array([0, 0, 0, 2, 1]), classes=("a", "b", "c"))
    settings = Settings("digits", "digits_cnn", class_weights=True)
    criterion = criterion_of(settings, source, np.arange(4))  # 3 of "a", 1 of "c"
    assert criterion.class_weight == pytest.approx((4 / (2 * 3), 0, 4 / 2))


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    root = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    for name in ("one", "two"):
        (root / name).mkdir()
        for number in range(6):
            pixels = rng.integers(0, 256, (48, 64, 3)).astype(np.uint8)
            Image.fromarray(pixels).save(root / name / f"{number}.png")
    return root


def test_photographs_are_cropped_and_flipped_by_default(photos, tmp_path):
    result = train(str(photos), out=tmp_path / "run", image_size=28, model="lenet", epochs=1)
    info = clearconv.load(result.folder / "best.safetensors").info
    assert info["preprocessing"]["resize"] == "crop"
    about = json.loads((result.folder / "run.json").read_text())
    assert about["settings"]["augmentation"]["flip"] == 0.5


@pytest.mark.parametrize(
    "change",
    [
        {"augmentation": {"flip": 0.5}},
        {"augmentation": {"vertical_flip": 0.5}},
        {"augmentation": {"crop": (0.5, 1.0)}},
        {"augmentation": {"rotate": 20.0}},
        {"augmentation": {"brightness": 0.5}},
        {"augmentation": {"contrast": 0.5}},
        {"augmentation": {"colour": 0.5}},
        {"model": "seed_cnn", "image_size": 63, "dropout": 0.5},
        {"model": "seed_cnn", "image_size": 63, "batch_norm": True},
        {"batch_size": 3},
        {"schedule": "one_cycle"},
        {"schedule": "step", "warmup": 0.0},
    ],
    ids=str,
)
def test_each_setting_changes_the_weights(photos, tmp_path, change):
    none = dict.fromkeys(("flip", "vertical_flip", "rotate", "brightness", "contrast", "colour"), 0)
    base = {"model": "simple_convnet", "image_size": 28, "epochs": 2, "batch_size": 4}
    if "model" in change:
        base |= {"model": change["model"], "image_size": change["image_size"]}
    prints = []
    for number, extra in enumerate(({}, change)):
        settings = {**base, **extra}
        settings["augmentation"] = {**none, "crop": None, **extra.get("augmentation", {})}
        folder = tmp_path / str(number)
        train(str(photos), out=folder, **settings)
        line = (folder / "history.jsonl").read_text().splitlines()[-1]
        prints.append(json.loads(line)["weights_sha256"])
    assert prints[0] != prints[1]


@pytest.mark.parametrize(
    ("records", "best"),
    [
        ([(0.5, 1.0), (0.7, 0.9), (0.6, 0.1)], 2),
        ([(0.7, 0.9), (0.7, 0.8), (0.7, 0.85)], 2),  # equal accuracy: the lower loss
        ([(0.7, 0.8), (0.7, 0.8)], 1),  # equal in both: the first
    ],
)
def test_best_epoch(records, best):
    history = [
        record(number, validation_accuracy=accuracy, validation_loss=loss)
        for number, (accuracy, loss) in enumerate(records, start=1)
    ]
    run = Run(None, None, None, None, None, None, history=history)
    assert run.best_epoch == best


def test_what_lies_at_the_ends_of_wide_images_is_seen_squashed_and_not_cropped(tmp_path):
    rng = np.random.default_rng(0)
    for colour in ("blue", "red"):
        (tmp_path / "wide" / colour).mkdir(parents=True)
        for i in range(20):
            pixels = rng.integers(60, 200, (28, 112, 3), dtype=np.uint8)
            pixels[:, :14] = (20, 20, 220) if colour == "blue" else (220, 20, 20)
            Image.fromarray(pixels).save(tmp_path / "wide" / colour / f"{i}.png")
    none = {"flip": 0.0, "crop": None}
    for resize, right in ((None, False), ("squash", True)):
        found = train(
            tmp_path / "wide",
            out=tmp_path / f"run-{resize}",
            model="simple_convnet",
            image_size=28,
            epochs=8,
            batch_size=8,
            resize=resize,
            augmentation=none,
        )
        history = History.of(found)
        assert (history[-1]["train_accuracy"] == 1 and found.evaluation.right == 4) is right
        assert history.model.info["preprocessing"]["resize"] == (resize or "crop")
