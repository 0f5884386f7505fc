"""`clearconv glassbox`: what it says, what it writes, what it refuses."""

import json
import re
from html import unescape

import numpy as np
import pytest
from PIL import Image

from clearconv.data import open_data, read_split
from clearconv.glassbox import lead_of, trace_image
from clearconv.train import train


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "digits-1"
    train("digits", out=folder, epochs=2)
    return folder


def held(path):
    """Return what the page's script reads."""
    text = path.read_text("utf-8")
    return json.loads(
        re.search(r'<script type="application/json" id="pass">(.*?)</script>', text, re.S)[1]
    )


def test_the_example_needs_no_run(start, tmp_path):
    done = start("glassbox", "example", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "glassbox-example.html\n"
    page = (tmp_path / "glassbox-example.html").read_text("utf-8")
    assert "Every number of the pass is on this page." in page
    assert [layer["path"] for layer in held(tmp_path / "glassbox-example.html")["layers"]] == [
        "input",
        "conv1",
    ]


def test_an_image_of_the_run_by_its_name(run, digits):
    done = run("glassbox", str(digits), "digits/1264", "--label", "8")
    assert done.exit_code == 0, done.stderr
    said, path = done.stdout.splitlines()
    assert re.fullmatch(
        r"digits/1264: \d, probability 0\.\d{3}; loss \S+ for 8 \(asked for\)\.", said
    )
    assert path == str(digits / "glassbox" / "digits-1264-as-8.html")
    page = (digits / "glassbox" / "digits-1264-as-8.html").read_text("utf-8")
    assert "Evaluation mode" in page and said in unescape(page)


def test_a_training_step_has_the_image_first_in_its_batch(digits):
    alone = trace_image(digits, "digits/1264")
    among = trace_image(digits, "digits/1264", training=True, batch_size=5)
    assert among.trace.context.training and not alone.trace.context.training
    assert among.trace.layers[0].y.shape[0] == 5
    assert np.array_equal(among.trace.layers[0].y[0], alone.trace.layers[0].y[0])
    assert len({among.trace.layers[0].y[n].tobytes() for n in range(5)}) == 5
    assert "a batch of 5 images" in " ".join(lead_of(among))
    assert alone.label_from == "the image's own"


def test_a_training_step_weighs_classes_as_the_run_does(tmp_path):
    run = train("digits", out=tmp_path / "run", epochs=1, classes=("1", "8"), class_weights=True)
    traced = trace_image(run.folder, "digits/0001", training=True, batch_size=4)
    weights = traced.trace.loss.arguments["class_weight"]
    source = open_data("digits", ("1", "8"))
    counts = np.bincount(source.labels[read_split(run.folder / "split.json", source).train])
    assert weights == pytest.approx(counts.sum() / (2 * counts))


def test_a_file_takes_its_class_from_its_folder(digits, tmp_path):
    for folder, expected in (("7", "the image's own"), ("holiday", "the model's answer")):
        (tmp_path / folder).mkdir()
        Image.fromarray(np.full((20, 20), 99, np.uint8)).save(tmp_path / folder / "a.png")
        traced = trace_image(digits, tmp_path / folder / "a.png")
        assert traced.label_from == expected
        if folder == "7":
            assert traced.trace.loss.label == 7


def test_a_model_file_will_do(run, digits, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Image.fromarray(np.full((20, 20), 99, np.uint8)).save(tmp_path / "<b>odd & name.png")
    done = run(
        "glassbox",
        str(digits / "best.safetensors"),
        "<b>odd & name.png",
        "--out",
        "page.html",
    )
    assert done.exit_code == 0, done.stderr
    page = (tmp_path / "page.html").read_text("utf-8")
    assert "<b>odd" not in page and "&lt;b&gt;odd &amp; name.png" in page
    assert "plain descent with learning rate 0.01" in page


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("RUN",), "an image is missing"),
        (("RUN", "nothing.png"), "an image of digits, whose images have names such as digits/"),
        (("RUN", "digits/1264", "--label", "cat"), "class 'cat' is not known to the model"),
        (("RUN", "digits/1264", "--layer", "conv9"), "there is no layer 'conv9'"),
        (("RUN", "digits/1264", "--layer", "conv2", "--maps", "30-40"), "its maps are 0 to 31"),
        (("RUN", "digits/1264", "--maps", "3"), "name the layer too"),
        (("RUN", "digits/1264", "--layer", "conv2", "--maps", "b"), "write 12-23"),
        (("RUN", "digits/1264", "--batch-size", "4"), "--batch-size is for --training"),
        (("example", "digits/1264"), "brings its own image"),
        (("nowhere", "digits/1264"), "nowhere does not exist"),
        (("RUN", "digits/12"), "Did you mean 'digits/0012'?"),
        (("RUN", "digits/1264", "--layer", "conv2", "--maps", "0-9999999999"), "that many maps"),
        (("exampel",), "Did you mean 'clearconv glassbox example'?"),
        (("RUN", "digits/1264", "--layer", "conv"), "Error: there is no layer 'conv'"),
        (("RUN/best.safetensors", "digits/1264"), "give the run folder instead of its model"),
    ],
)
def test_misuse_is_answered_in_a_line(run, digits, arguments, message):
    given = [one.replace("RUN", str(digits)) for one in arguments]
    done = run("glassbox", *given)
    assert done.exit_code == 2
    assert message in done.stderr and done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_another_label_has_a_page_of_its_own(run, digits):
    pages = [
        run("glassbox", str(digits), "digits/1263", *more).stdout.splitlines()[-1]
        for more in ((), ("--label", "8"), ("--label", "8", "--training", "--batch-size", "3"))
    ]
    folder = digits / "glassbox"
    names = ["digits-1263", "digits-1263-as-8", "digits-1263-as-8-training"]
    assert pages == [str(folder / f"{name}.html") for name in names]


def test_a_model_file_elsewhere_says_what_it_cannot_know(run, digits, tmp_path):
    alone = tmp_path / "model.safetensors"
    alone.write_bytes((digits / "best.safetensors").read_bytes())
    done = run("glassbox", str(alone), "digits/1264")
    assert done.exit_code == 2 and done.stderr.count("\n") == 1
    assert "digits/1264 is not a file. A model file has no data" in done.stderr


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"data": {"root": "/gone", "kind": "photos"}}, "no longer at /gone"),
        ({"data": {"classes": None}}, "run.json is damaged: data.classes"),
        ({"settings": {}}, "run.json is damaged: "),
    ],
)
def test_a_run_without_its_data_or_half_of_its_page(run, digits, tmp_path, content, message):
    for name in ("best.safetensors", "split.json"):
        (tmp_path / name).write_bytes((digits / name).read_bytes())
    about = json.loads((digits / "run.json").read_text("utf-8"))
    about |= {name: {**about[name], **part} if part else {} for name, part in content.items()}
    (tmp_path / "run.json").write_text(json.dumps(about))
    done = run("glassbox", str(tmp_path), "digits/1264")
    assert done.exit_code in (1, 2) and done.stderr.count("\n") == 1
    assert message in done.stderr and "unexpected" not in done.stderr
    if "gone" in message:  # a file needs no data
        Image.fromarray(np.full((20, 20), 99, np.uint8)).save(tmp_path / "a.png")
        assert run("glassbox", str(tmp_path), str(tmp_path / "a.png")).exit_code == 0


def test_what_is_in_the_way_is_named_and_an_earlier_page_stays(run, digits, tmp_path):
    (tmp_path / "file").write_text("mine")
    done = run(
        "glassbox", str(digits), "digits/1264", "--out", str(tmp_path / "file" / "page.html")
    )
    assert done.exit_code == 1 and "cannot be written" in done.stderr
    assert (tmp_path / "file").read_text() == "mine"
