"""`clearconv.fit`: names, networks, folders and arrays in; a history out."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest

import clearconv
from clearconv import Conv2d, Dropout, Flatten, Linear, Sequential, data
from clearconv.errors import ArgumentError, DataError, ModelFileError, RunError
from clearconv.train import Callback, EpochLines, evaluate, resume, train
from clearconv.train.probe import last_activation

FEW = {"classes": ("1", "7"), "epochs": 2}


def small(classes=2):
    return Sequential(Conv2d(4, 3, activation="relu"), Flatten(), Linear(classes))


def stripes(n=60, channels=None):
    """Images with stripes across or along: two classes that a small network tells apart."""
    rng = np.random.default_rng(0)
    labels = np.arange(n) % 2
    images = rng.integers(0, 60, (n, 8, 8) if channels is None else (n, 8, 8, channels))
    images[labels == 0, ::2] += 150
    images[labels == 1, :, ::2] += 150
    return images.astype(np.uint8), labels


@pytest.fixture(scope="module")
def history(tmp_path_factory):
    return clearconv.fit("digits_cnn", "digits", out=tmp_path_factory.mktemp("fit") / "run", **FEW)


def test_fit_is_train(history, tmp_path):
    result = train("digits", model="digits_cnn", out=tmp_path / "run", **FEW)
    assert history.result.fingerprint == result.fingerprint
    assert history.model.store.fingerprint() == result.fingerprint
    assert history.best_epoch == result.best_epoch


def test_pixels_that_are_not_scaled_are_noticed(history, recwarn):
    model = history.model
    digits = data.open_data("digits", FEW["classes"])
    pixels = np.stack([digits.image(i) for i in range(4)]).transpose(0, 3, 1, 2)  # (4, 1, 8, 8)
    scale = data.Preprocessing.from_dict(model.info["preprocessing"])
    right = np.stack([scale(digits.image(i)) for i in range(4)])
    for x in (right, right[0], np.maximum(right, 0), np.zeros_like(right)):
        model.predict(x)  # scaled, the last two without a dark pixel
    assert not recwarn.list
    for wrong in (pixels / 255, pixels, pixels[0] / 255):
        with pytest.warns(UserWarning, match=r"train\.predict\(run, images\) scales"):
            model.predict(wrong.astype("float32"))


def test_a_model_without_preprocessing_takes_any_numbers(recwarn):
    model = small().build((1, 8, 8))
    x = np.linspace(0, 1, 64, dtype="float32").reshape(1, 8, 8)
    model.predict(x)
    model.predict(255 * x)
    assert not recwarn.list


@pytest.mark.parametrize(
    ("end", "said"),
    [
        ([Linear(2), clearconv.Softmax()], "ends in softmax, of Softmax 'softmax1'"),
        ([Linear(2, activation="relu")], "relu, of Linear 'linear1'.*Leave activation='relu' of"),
        ([Sequential(Linear(2), clearconv.Sigmoid(), name="head")], "Sigmoid 'head.sigmoid1'"),
        ([Linear(2), clearconv.Tanh(), Sequential(Dropout(0.1))], "Leave Tanh 'tanh1' out"),
    ],
)
def test_a_network_that_ends_in_an_activation_is_told_so(end, said, tmp_path):
    net = Sequential(Conv2d(4, 3, activation="relu"), Flatten(), *end)
    with pytest.warns(UserWarning, match=said):
        clearconv.fit(net, "digits", out=tmp_path / "run", epochs=1, classes=("1", "7"))


def test_what_hands_numbers_on_is_no_activation_at_the_end():
    for end in ([Linear(2)], [Linear(2), clearconv.Identity()], [Linear(2), Dropout(0.5)]):
        assert last_activation(Sequential(Flatten(), clearconv.ReLU(), *end)) is None
    for name in clearconv.models.MODELS:
        assert last_activation(clearconv.models.create(name, 3)) is None, name


def test_a_warning_is_heard_once(tmp_path, recwarn):
    """By Python where nobody else listens."""
    heard = []

    class Listens(Callback):
        def warned(self, message):
            heard.append(message)

    net = Sequential(Flatten(), Linear(2), clearconv.Softmax())
    clearconv.fit(net, "digits", out=tmp_path / "run", callbacks=[Listens()], **FEW)
    assert "ends in softmax" in heard[0] and not recwarn.list


def test_a_history_is_its_records(history):
    assert len(history) == 2 and [record["epoch"] for record in history] == [1, 2]
    assert history["train_loss"] == [history[0]["train_loss"], history[1]["train_loss"]]
    assert repr(history).startswith(f"<History of {history.folder}: 2 epochs, kept ")
    lines = str(history).splitlines()
    assert len(lines) == 4 and lines[history.best_epoch].endswith("kept")
    assert len(set(map(len, lines[:3])) - {len(lines[0])}) <= 1


def test_a_notebook_sees_curves_and_a_table(history):
    html = history._repr_html_()
    assert html.count("<svg") == 2 and "Accuracy" in html
    assert "test accuracy" in html
    table = small().build((1, 8, 8)).summary()._repr_html_()
    assert table.startswith("<table>") and table.count("<tr>") == 6
    assert "1 x 8 x 8" in table and ">conv1<" in table


def test_a_network_of_ones_own_ends_with_the_best_weights(tmp_path):
    net = small()
    history = clearconv.fit(net, "digits", out=tmp_path / "run", **FEW)
    assert net.store.fingerprint() == history.result.fingerprint
    assert net.input_shape == (1, 8, 8)


def test_float64_trains_too(tmp_path):
    net = small().build((1, 8, 8), dtype="float64")
    history = clearconv.fit(net, "digits", out=tmp_path / "run", **FEW)
    assert history.model.store.dtype == np.float64


@pytest.mark.parametrize(
    ("net", "given", "words"),
    [
        (lambda: small(3), {}, r"output has shape \(3,\), but the data have 2 classes"),
        (lambda: small().build((3, 8, 8)), {}, r"built for inputs of shape \(3, 8, 8\), but"),
        (lambda: small().build((1, 8, 8)), {"image_size": 9}, r"the images give \(1, 9, 9\)"),
        (small, {"dropout": 0.2}, "put BatchNorm2d"),
        (lambda: Sequential(Conv2d(2, 9), Flatten(), Linear(2)), {}, "cannot take images of 8 x 8"),
        (lambda: "digit_cnn", {}, "digits_cnn"),
    ],
)
def test_what_does_not_fit_is_refused_before_a_folder_is_made(tmp_path, net, given, words):
    with pytest.raises(ArgumentError, match=words):
        clearconv.fit(net(), "digits", out=tmp_path / "run", **FEW, **given)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("data", [None, np.zeros((4, 8, 8), np.uint8)])
def test_what_is_no_data_is_told_what_is(data):
    with pytest.raises(DataError, match=r"data is a \w+, but .* \(images, labels\) is expected"):
        clearconv.fit(small(), data, **FEW)


def test_images_of_one_class_are_too_few():
    with pytest.raises(
        DataError, match=r"the array of labels has only one class .* Give images of two"
    ):
        clearconv.fit(small(), (np.zeros((40, 8, 8), np.uint8), np.zeros(40, int)), **FEW)


def test_a_layer_that_no_file_could_bring_back_is_refused_at_once(tmp_path):
    class Unknown(Dropout):
        pass

    net = Sequential(Unknown(0.1), Flatten(), Linear(2))
    with pytest.raises(ModelFileError, match="'Unknown'.*register_layer"):
        clearconv.fit(net, "digits", out=tmp_path / "run", **FEW)
    assert not (tmp_path / "run").exists()


# -- arrays


@pytest.mark.parametrize("channels", [None, 1, 3])
def test_arrays(tmp_path, channels):
    images, labels = stripes(channels=channels)
    before = images.copy()
    history = clearconv.fit(small(), (images, labels), out=tmp_path / "run", epochs=8, lr=0.02)
    assert history.result.evaluation.accuracy == 1
    assert history.model.input_shape == (channels or 1, 8, 8)
    np.testing.assert_array_equal(images, before)
    assert images.flags.writeable


def test_arrays_with_parts_and_names(tmp_path):
    images, labels = stripes()
    names = np.array(["across", "along"])[labels]
    test = data.from_arrays(images[:40], names[:40], test=(images[40:], names[40:]))
    history = clearconv.fit(small(), test, out=tmp_path / "run", epochs=2)
    evaluation = history.result.evaluation
    assert evaluation.classes == ("across", "along")
    assert evaluation.files[0] == "test/00000" and evaluation.total == 20


def test_a_run_on_arrays_goes_on_with_the_same_arrays_only(tmp_path):
    images, labels = stripes()

    class Break(Callback):
        def epoch(self, record, best):
            raise KeyboardInterrupt

    whole = clearconv.fit(small(), (images, labels), out=tmp_path / "whole", epochs=2)
    with pytest.raises(KeyboardInterrupt):
        clearconv.fit(
            small(), (images, labels), out=tmp_path / "run", epochs=2, callbacks=[Break()]
        )
    with pytest.raises(RunError, match=r"arrays in memory.*resume\(folder, data="):
        resume(tmp_path / "run")
    with pytest.raises(RunError, match="arrays in memory"):
        evaluate(tmp_path / "run")
    other = images.copy()
    other[3, 3, 3] += 1
    with pytest.raises(RunError, match="the data are not those"):
        resume(tmp_path / "run", data=(other, labels))
    assert resume(tmp_path / "run", data=(images, labels)).fingerprint == whole.result.fingerprint


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda x, y: (x / 255, y), r"float64, but an array of uint8.*\(255 \* x\)"),
        (lambda x, y: (x.tolist(), y), "are list, but an array of uint8"),
        (lambda x, y: (x[:, None], y), r"shape \(60, 1, 8, 8\).*x.transpose\(0, 2, 3, 1\)"),
        (lambda x, y: (x[0], y), r"shape \(8, 8\), but \(n, H, W\)"),
        (lambda x, y: (x, y[:9]), r"labels have shape \(9,\).*each of the 60 images"),
        (lambda x, y: (x, y * 0.5), "dtype float64"),
        (lambda x, y: (x, y * 0), "only one class"),
        (lambda x, y: (x,), r"tuple of 1, but \(images, labels\)"),
    ],
)
def test_arrays_that_cannot_be_used(tmp_path, make, words):
    with pytest.raises(DataError, match=words):
        clearconv.fit(small(), make(*stripes()), out=tmp_path / "run")


def test_parts_that_do_not_go_together():
    images, labels = stripes()
    with pytest.raises(DataError, match="all must have the same size"):
        data.from_arrays(images, labels, test=(images[:, 1:], labels))
    with pytest.raises(DataError, match="the validation labels hold 5, which no training image"):
        data.from_arrays(images, labels, validation=(images, labels + 5))


def test_an_opened_source(tmp_path):
    source = data.open_data("digits", ("1", "7"))
    history = clearconv.fit("digits_cnn", source, out=tmp_path / "run", epochs=1)
    assert history.result.evaluation.classes == ("1", "7")
    with pytest.raises(ArgumentError, match="the data were opened with 1, 7"):
        clearconv.fit("digits_cnn", source, out=tmp_path / "other", classes=("1", "8"))


# -- what is printed


def test_lines_for_scripts(tmp_path, capsys):
    clearconv.fit("digits_cnn", "digits", out=tmp_path / "run", callbacks=[EpochLines()], **FEW)
    lines = capsys.readouterr().out.splitlines()
    network = "digits_cnn: 5,826 parameters, input 1 x 8 x 8"  # 160 + 4,640 + 1,026
    assert lines[0] == f"{network}; run folder {tmp_path / 'run'}"
    assert [line.split("  ")[0] for line in lines[1:]] == ["epoch 1/2", "epoch 2/2"]


@pytest.mark.parametrize("callbacks", [[], [EpochLines()]])
@pytest.mark.parametrize("shell", [{"kernel": 1}, {}])
def test_an_epoch_is_a_line_unless_told_otherwise(tmp_path, capsys, monkeypatch, shell, callbacks):
    """In a notebook and elsewhere; lines that are asked for are not printed twice."""
    ipython = SimpleNamespace(get_ipython=lambda: SimpleNamespace(**shell))
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    clearconv.fit("digits_cnn", "digits", out=tmp_path / "run", callbacks=callbacks, **FEW)
    assert len(capsys.readouterr().out.splitlines()) == 3
    clearconv.fit("digits_cnn", "digits", out=tmp_path / "silent", progress=False, **FEW)
    assert capsys.readouterr() == ("", "")


def test_a_doubt_is_not_printed_beside_the_warning(tmp_path, capsys):
    net = Sequential(Flatten(), Linear(2), clearconv.Softmax())
    with pytest.warns(UserWarning, match="ends in softmax"):
        clearconv.fit(net, "digits", out=tmp_path / "run", **FEW)
    assert "ends in softmax" not in capsys.readouterr().out
