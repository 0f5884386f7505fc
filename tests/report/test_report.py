"""What the page says is what the run's files say."""

import base64
import json
import re
import shutil
from html.parser import HTMLParser
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from clearconv.data import open_data, read_split
from clearconv.errors import DataError, ModelFileError, RunError
from clearconv.explain import grad_cam
from clearconv.report import wilson, write_report
from clearconv.runs.open import open_run
from clearconv.train import evaluate

VOID = {"meta", "link", "img", "br"}


class Page(HTMLParser):
    """Gathers text by section, tables, pictures and anchors; every tag must be closed."""

    def __init__(self, path):
        super().__init__()
        self.open, self.sections, self.tables, self.images = [], {"": ""}, {}, []
        self.ids, self.links, self.section = set(), [], ""
        self.feed(path.read_text("utf-8"))
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        if tag not in VOID:
            self.open.append(tag)
        if "id" in given:
            assert given["id"] not in self.ids
            self.ids.add(given["id"])
        if tag == "h2":
            self.section = given["id"]
            self.sections[self.section] = ""
        if tag == "a":
            self.links.append(given["href"])
        if tag == "img":
            self.images.append((self.section, given))
        if tag == "table":
            self.tables.setdefault(self.section, []).append([])
        if tag == "tr":
            self.tables[self.section][-1].append([])
        if tag in ("td", "th"):
            self.tables[self.section][-1][-1].append("")

    def handle_startendtag(self, tag, attributes):
        assert tag in {"line", "circle", "rect", "polyline"}

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, text):
        if "style" in self.open or "svg" in self.open:
            return
        self.sections[self.section] += text
        if "td" in self.open or "th" in self.open:
            self.tables[self.section][-1][-1][-1] += text.replace("\N{NO-BREAK SPACE}", " ")

    def text(self, section=""):
        return " ".join(self.sections[section].split())


@pytest.fixture(scope="module")
def page(digits):
    return Page(digits / "report.html")


@pytest.fixture(scope="module")
def result(digits):
    return json.loads((digits / "result.json").read_text())["test"]


def percent(value):
    return f"{100 * value:.1f} %"


def test_the_verdict(page, digits, result):
    right, total = result["right"], result["total"]
    text = page.text()
    assert (
        f"{right} of {total} test images are classified correctly: {percent(right / total)}" in text
    )
    low, high = wilson(right, total)
    assert f"between {percent(low)} and {percent(high)} of images like these" in text
    source = open_data("digits")
    split = read_split(digits / "split.json", source)
    largest = np.bincount(source.labels[split.train]).argmax()
    share = np.mean(source.labels[split.test] == largest)
    assert (
        f"Always answering “{largest}”, the largest class, would be correct for {percent(share)}"
        in text
    )
    assert "1,438 to train, 180 to validate, 179 to test" in text
    assert "9,930" in text


def test_the_confusion_matrix(page, result):
    (table,) = page.tables["confusion"]
    assert table[0][1:] == result["classes"]
    assert [[int(cell) for cell in row[1:]] for row in table[1:]] == result["confusion"]
    assert {link for link in page.links if link[0] == "#"} <= {f"#{name}" for name in page.ids}
    pairs = [link for link in page.links if link.startswith("#confusion-")]
    assert pairs
    for link in pairs:
        _, i, j = link.split("-")
        images = [given for section, given in page.images if section == "confusion"]
        count = min(6, result["confusion"][int(i)][int(j)])
        files = [w["file"] for w in result["wrong"] if (w["label"], w["prediction"]) == (i, j)]
        assert sum(given["alt"].split(", ")[1] in files for given in images) == count


def test_class_by_class(page, result):
    (table,) = page.tables["classes"]
    for row, name, precision, recall in zip(
        table[1:], result["classes"], result["precision"], result["recall"], strict=True
    ):
        f1 = 2 * precision * recall / (precision + recall)
        assert row[0] == name and row[3:] == [percent(v) for v in (precision, recall, f1)]
    assert sum(int(row[2]) for row in table[1:]) == result["total"]


def test_the_most_confident_mistakes_are_shown_with_grad_cam(page, result, digits):
    images = [given for section, given in page.images if section == "mistakes"]
    wrong = result["wrong"][:12]
    assert [given["alt"] for given in images[::2]] == [f"{w['label']}, {w['file']}" for w in wrong]
    opened = open_run(digits)
    model, classes, preprocessing = opened.model, opened.classes, opened.preprocessing
    source, expected = open_data("digits"), []
    for mistake in wrong:  # where Grad-CAM shows nothing, occlusion takes its place
        x = preprocessing(source.image(source.files.index(mistake["file"])))
        heat = grad_cam(model, x, classes.index(mistake["prediction"]))
        method = "Grad-CAM" if heat.any() else "occlusion"
        expected.append(f"{method} for {mistake['prediction']}")
    assert [given["alt"] for given in images[1::2]] == expected
    text = page.text("mistakes")
    for mistake in wrong:
        said = f"{mistake['label']}, taken for {mistake['prediction']}"
        assert f"{said} with {percent(mistake['probability'])}" in text.replace(" ,", ",")


def test_a_picture_is_the_image_as_the_network_sees_it(page, result):
    source = open_data("digits")
    given = next(given for section, given in page.images if section == "mistakes")
    data = base64.b64decode(given["src"].split(",")[1])
    place = source.files.index(result["wrong"][0]["file"])
    assert np.array_equal(np.asarray(Image.open(BytesIO(data))), source.image(place)[..., 0])


def test_every_part_of_the_page_is_there(page, digits):
    expected = "mistakes confusion classes curves calibration abstain labels filters sanity again"
    expected = expected.split()
    assert [section for section in page.sections if section] == expected
    assert "clearconv.fit('digits_cnn', 'digits', epochs=2)" in page.text("again")
    about = json.loads((digits / "run.json").read_text())
    again = page.text("again")
    assert all(str(about[name]) in again for name in ("clearconv", "python", "numpy"))
    assert json.loads((digits / "result.json").read_text())["weights_sha256"] in again
    rows = {row[0]: row[1] for row in page.tables["again"][0][1:]}
    assert rows["optimiser"] == "adamw" and rows["lr"] == "0.003" and rows["epochs"] == "2"
    assert rows["augmentation: flip"] == "0"
    for part in ("1,438 training images", "180 validation images", "179 test images"):
        assert part in page.text("labels")
    assert "expected calibration error" in page.text("calibration")
    assert re.search(r"mean rank correlation of −?\d\.\d\d with", page.text("sanity"))
    assert len([1 for section, _ in page.images if section == "filters"]) == 16


def test_it_says_what_training_was_told(digits, photos):
    for folder, varied in ((digits, False), (photos, True)):
        assert ("varied at random" in Page(folder / "report.html").text("curves")) is varied


def test_commands_can_be_pasted(digits, tmp_path):
    folder = shutil.copytree(digits, tmp_path / "my run")
    again = Page(write_report(folder)).text("again")
    assert f"clearconv.train.predict({str(folder)!r}, images)" in again


def test_it_asks_for_nothing_and_stays_small(digits, photos, many):
    for folder in (digits, photos, many):
        html = (folder / "report.html").read_text()
        assert not re.findall(r"<script|https?://|url\(|@import|<iframe", html)
        assert len(html) < 5e6


def test_the_same_run_gives_the_same_page(digits):
    before = (digits / "report.html").read_bytes()
    assert write_report(digits).read_bytes() == before
    assert write_report(digits, open_data("digits")).read_bytes() == before


def test_names_from_outside_are_text(photos):
    html = (photos / "report.html").read_text()
    assert '<b>&"' not in html
    assert "&lt;b&gt;&amp;&#34;" in html


def test_forty_classes(many):
    page = Page(many / "report.html")
    (table,) = page.tables["confusion"]
    assert len(table) == 41 and all(len(row) == 41 for row in table)
    assert "not reliably better than always answering" in page.text()


def test_an_unfinished_run_is_judged_by_its_validation_images(digits, tmp_path):
    folder = shutil.copytree(digits, tmp_path / "half")
    (folder / "result.json").unlink()
    page = Page(write_report(folder))
    assert "of 180 validation images are classified correctly" in page.text()
    assert "This run is not finished: 2 of 2 epochs." in page.text()
    assert "test images" not in page.text("labels") + page.text("mistakes")


def test_warnings_of_data_and_training_are_repeated(digits, tmp_path):
    folder = shutil.copytree(digits, tmp_path / "warned")
    records = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
    records[1]["warnings"] = ["conv1: 9 of 16 channels never fire <here>."]
    (folder / "history.jsonl").write_text("\n".join(map(json.dumps, records)))
    plan = {
        "survey": {"problems": ["3 near duplicates"], "advice": ["few images of cat"]},
        "forecast": {"epochs": 2, "training_seconds": 43, "validation_seconds": 2, "seconds": 95},
    }
    (folder / "plan.json").write_text(json.dumps(plan))
    page = Page(write_report(folder))
    text = page.text("warnings")
    assert "few images of cat" in text and "the forecast was 90 s" in page.text()
    assert "epoch 2: conv1: 9 of 16 channels never fire <here>." in text
    assert "3 near duplicates" in text and "more" not in text
    plan["survey"]["problems"] = [f"{number}.jpg is broken" for number in range(1013)]
    (folder / "plan.json").write_text(json.dumps(plan))
    text = Page(write_report(folder)).text("warnings")
    assert "9.jpg" in text and "10.jpg" not in text and "... and 1,005 more" in text


def test_the_learning_rate_finder_is_drawn_where_it_ran(digits, tmp_path):
    folder = shutil.copytree(digits, tmp_path / "auto")
    lr = np.logspace(-5, 0, 50)
    loss = 2.3 - np.clip(np.log10(lr) + 4, 0, 2) + 50 * (lr > 0.5)
    found = {"suggestion": 3e-3, "lr": lr.tolist(), "loss": loss.tolist(), "smooth": loss.tolist()}
    (folder / "lr_finder.json").write_text(json.dumps(found))
    html = write_report(folder).read_text()
    assert "Loss in the range test" in html and "chosen: 0.003" in html
    assert "chosen" not in (digits / "report.html").read_text()


def test_a_run_without_a_model_data_or_permission_says_so(digits, photos, tmp_path):
    with pytest.raises(RunError, match="not a run folder"):
        write_report(tmp_path)
    early = shutil.copytree(digits, tmp_path / "early")
    (early / "best.safetensors").unlink()
    with pytest.raises(ModelFileError, match="no epoch of this run is finished"):
        write_report(early)
    broken = shutil.copytree(digits, tmp_path / "broken")
    (broken / "history.jsonl").write_text("{")
    before = (broken / "report.html").read_bytes()
    with pytest.raises(RunError, match=r"history\.jsonl is damaged: line 1.*train.resume"):
        write_report(broken)
    assert (broken / "report.html").read_bytes() == before
    with pytest.raises(DataError, match="does not exist"):
        write_report(photos, str(tmp_path / "nowhere"))
    with pytest.raises((RunError, DataError)):
        write_report(photos, "digits")


def test_the_numbers_are_those_of_evaluate(photos):
    """Once more through the other door: files decoded anew, the model loaded anew."""
    evaluation = evaluate(photos)
    text = Page(photos / "report.html").text()
    assert f"{evaluation.right} of {evaluation.total} test images" in text
