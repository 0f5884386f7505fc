"""Predictions for files, arrays and Pillow images; evaluation of what a program holds."""

import numpy as np
import pytest
from PIL import Image

import clearconv
from clearconv.data import from_arrays, open_data
from clearconv.errors import DataError
from clearconv.train import evaluate, predict, predictions, train


@pytest.fixture(scope="module")
def grey(tmp_path_factory):
    """Return a run on grey arrays of two classes, and the arrays."""
    rng = np.random.default_rng(0)
    labels = np.repeat(["dark", "light"], 20)
    images = rng.integers(0, 128, (40, 8, 8), dtype=np.uint8)
    images[labels == "light"] += 90
    out = tmp_path_factory.mktemp("grey") / "run"
    train((images, labels), model="digits_cnn", out=out, epochs=2, batch_size=8)
    return out, images, labels


@pytest.fixture(scope="module")
def colour(tmp_path_factory):
    """Return a run on photographs of two classes, and the files."""
    rng = np.random.default_rng(0)
    root = tmp_path_factory.mktemp("photos")
    for name, tint in (("red", (200, 40, 40)), ("blue", (40, 40, 200))):
        (root / name).mkdir()
        for number in range(6):
            pixels = rng.normal(tint, 40, (48 + number, 64, 3)).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(root / name / f"{number}.png")
    out = tmp_path_factory.mktemp("colour") / "run"
    train(str(root), model="clearnet", image_size=32, out=out, epochs=1, batch_size=6)
    return out, sorted(root.rglob("*.png"))


def probabilities(found):
    return np.array([prediction.probabilities for prediction in found])


def test_arrays_are_answered_as_in_evaluation(grey):
    run, images, labels = grey
    tested = evaluate(run, (images, labels))  # the run's own arrays, so its test part
    places = [int(name.rpartition("/")[2]) for name in tested.files]
    found = predict(run, images[places])
    np.testing.assert_array_equal(probabilities(found), tested.probabilities)
    assert [prediction.file for prediction in found][:2] == ["images[0]", "images[1]"]


def test_shapes_of_arrays(grey):
    run, images, _ = grey
    expected = probabilities(predict(run, images[:5]))  # (5, 8, 8)
    for same in (
        list(images[:5]),
        images[:5, ..., None],  # (5, 8, 8, 1)
        list(images[:5, ..., None]),
        np.repeat(images[:5, ..., None], 3, axis=3),
        [np.dstack([x, x, x, np.full_like(x, 255)]) for x in images[:5]],
        [Image.fromarray(x) for x in images[:5]],
        (x for x in images[:5]),
    ):
        np.testing.assert_array_equal(probabilities(predict(run, same)), expected)
    for one in (images[0], images[0][..., None], Image.fromarray(images[0])):
        np.testing.assert_array_equal(probabilities(predict(run, one)), expected[:1])
    assert predict(run, []) == []
    assert predict(run, images[:0]) == []


def test_a_file_an_array_and_a_picture_are_one_image(colour):
    run, files = colour
    expected = probabilities(predict(run, files))
    arrays = [np.asarray(Image.open(file)) for file in files]
    np.testing.assert_array_equal(probabilities(predict(run, arrays)), expected)
    pictures = [Image.open(file) for file in files]
    found = predict(run, pictures)
    np.testing.assert_array_equal(probabilities(found), expected)
    assert [prediction.file for prediction in found] == list(map(str, files))
    np.testing.assert_array_equal(probabilities(predict(run, files[0])), expected[:1])
    mixed = predict(run, [files[0], arrays[1], pictures[2], str(files[3])])
    np.testing.assert_array_equal(probabilities(mixed), expected[:4])


def test_what_is_transparent_is_white(colour):
    run, _ = colour
    clear = np.zeros((40, 40, 4), np.uint8)
    white = np.full((40, 40, 3), 255, np.uint8)
    first, second = predict(run, [clear, white])
    np.testing.assert_array_equal(first.probabilities, second.probabilities)


@pytest.mark.parametrize("batch_size", [1, 2, 5, 64])
def test_a_prediction_does_not_depend_on_the_others(colour, batch_size, tmp_path):
    """To the bit, also beside files that cannot be read."""
    run, files = colour
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no image")
    given = [bad, *files[:5], bad, *files[5:], bad]
    found = list(predictions(run, given, batch_size))
    assert [prediction.file for prediction in found] == list(map(str, given))
    good = [prediction for prediction in found if prediction.error is None]
    assert len(good) == len(files)
    for prediction, file in zip(good, files, strict=True):
        (alone,) = predict(run, [file])
        np.testing.assert_array_equal(prediction.probabilities, alone.probabilities)


def test_only_a_few_images_are_held(grey):
    """Of a stream no more are drawn than two batches ahead of what was answered."""
    run, images, _ = grey
    drawn = []

    def stream():
        for number in range(1000):
            drawn.append(number)
            yield images[number % 40]

    found = predictions(run, stream(), batch_size=8)
    for number, _ in zip(range(50), found, strict=False):
        assert len(drawn) <= number + 1 + 2 * 8
    found.close()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda x: [x / 255], r"images\[0\] is float64, but uint8.*\(255 \* x\).round\(\)"),
        (lambda x: [x, x.astype(np.float32)], r"images\[1\] is float32.*x.round\(\)"),
        (lambda x: [x.astype(int)], r"is int64, but uint8.*x.astype\('uint8'\)"),
        (lambda x: [(x - 100.0) / 50], r"are from -1.96 to .*: undo their scaling"),
        (lambda x: [x > 100], "is bool, but uint8"),
        (lambda x: [np.stack([x] * 3)], r"shape \(3, 8, 8\).*x.transpose\(1, 2, 0\)"),
        (lambda x: [np.stack([x] * 2, axis=2)], r"shape \(8, 8, 2\), but"),
        (lambda x: [x[:0]], r"shape \(0, 8\)"),
        (lambda x: [x, None], r"images\[1\] is NoneType, but"),
        (lambda x: [x.tolist()], r"images\[0\] is list, but"),
        (lambda x: 5, "images is int, but a list of paths, arrays or Pillow images"),
        (lambda x: [Image.fromarray(x.astype(np.float32))], "floating-point numbers"),
    ],
)
def test_what_is_no_image(grey, make, words):
    run, images, _ = grey
    with pytest.raises(DataError, match=words):
        predict(run, make(images[0]))


def test_evaluation_of_what_a_program_holds(grey, tmp_path):
    run, images, labels = grey
    own = evaluate(run, (images, labels))
    assert own.total < 40
    np.testing.assert_array_equal(
        evaluate(run, from_arrays(images, labels)).probabilities, own.probabilities
    )
    again = evaluate(run / "best.safetensors", (images, labels))  # a file knows no test part
    assert again.total == 40 and again.classes == ("dark", "light")
    part = from_arrays(images, labels, test=(images[:3], labels[:3]))
    assert evaluate(run, part).total == 3
    one_class = evaluate(run, (images[:6], labels[:6]))
    assert one_class.total == 6 and one_class.labels.tolist() == [0] * 6


def test_images_of_classes_that_the_model_does_not_know_are_left_out(grey):
    run, images, labels = grey
    found = evaluate(run, (images[:30], [*labels[:25], *["striped"] * 5]))
    assert found.total == 25
    assert "left out, the model does not know it: striped" in found.problems
    with pytest.raises(DataError, match="arrays has the classes spotted, striped, but the model"):
        evaluate(run, (images[:4], ["spotted", "striped"] * 2))


def test_evaluation_of_an_opened_source(colour):
    run, files = colour
    source = open_data(files[0].parents[1])
    own, opened = evaluate(run), evaluate(run, source)
    assert own.files == opened.files
    np.testing.assert_array_equal(opened.probabilities, own.probabilities)
    for wrong in (5, (1,), [files[0]]):
        with pytest.raises(DataError, match="expected"):
            evaluate(run, wrong)


def test_they_are_at_hand():
    assert clearconv.train.predictions is predictions
