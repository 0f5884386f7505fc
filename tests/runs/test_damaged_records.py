"""Values of wrong kinds in a run's files: whoever reads them says so by name, or does without."""

import json
import shutil
from itertools import islice

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from clearconv.cli import main
from clearconv.layers.loading import load, load_with_extra

JSON = ("run.json", "split.json", "history.jsonl", "result.json", "plan.json", "lr_finder.json")
MODELS = ("best.safetensors", "last.safetensors")
WRONG = (
    None, 3, 10**400, -1, 0.5, float("nan"), float("inf"), 1e308, "x", "", [], [1], ["x", None], {},
    {"x": 1}, True, [[[[[[[[1]]]]]]]],
)  # fmt: skip
REMOVED = object()


def command(*words):
    return CliRunner().invoke(main, [str(word) for word in words], prog_name="clearconv")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Return the folder of a finished run with every file that a run may have, and an image."""
    place = tmp_path_factory.mktemp("records")
    done = command(
        *("train", "digits", "--classes", "1,7", "--epochs", "2", "--batch-size", "64"),
        *("--lr", "auto", "--out", place / "run"),
    )
    assert done.exit_code == 0, done.output
    Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8)).save(place / "x.png")
    return place


def commands(folder, name):
    """Return the commands that read a file of the run, each the quickest of its kind."""
    image = folder.parent / "x.png"
    every = {
        "evaluate": ("evaluate", folder),
        "predict": ("predict", folder, image),
        "explain": ("explain", folder, image, "--out", folder.parent / "out"),
        "glassbox": ("glassbox", folder, "digits/0001", "--training"),
        "report": ("report", folder),
        "resume": ("train", "--resume", folder),
        "from": ("train", "digits", "--from", folder, "--epochs", 1, "--out", folder / "more"),
    }
    reads = {
        "run.json": every,
        "split.json": ("evaluate", "glassbox", "report", "resume", "from"),
        "best.safetensors": ("predict", "glassbox", "report", "resume", "from"),
        "last.safetensors": ("resume",),
    }
    return [every[name] for name in reads.get(name, ("report", "resume"))]


def read(path):
    if path.suffix == ".safetensors":
        return load(path).info
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text().splitlines()]
    return json.loads(path.read_text())


def write(path, content):
    """Write what is no longer as it should be, the model's file with the right checksum."""
    if path.suffix == ".safetensors":
        model, extra = load_with_extra(path)
        raw = model.to_bytes(extra)
        length = int.from_bytes(raw[:8], "little")
        header = json.loads(raw[8 : 8 + length])
        about = json.loads(header["__metadata__"]["clearconv"])
        text = json.dumps(about | {"info": content})
        header["__metadata__"] = {"clearconv": text}
        head = json.dumps(header).encode()
        path.write_bytes(len(head).to_bytes(8, "little") + head + raw[8 + length :])
    elif path.suffix == ".jsonl" and isinstance(content, list):
        path.write_text("".join(json.dumps(record) + "\n" for record in content))
    else:
        path.write_text(json.dumps(content))


def places(content, path=()):
    """Yield the place of every value, one of many alike: the first and the last."""
    yield path
    if isinstance(content, dict):
        keys = list(content)
        keys = keys if len(keys) < 40 else [keys[0], keys[-1]]
    elif isinstance(content, list):
        keys = sorted({0, len(content) - 1}) if content else []
    else:
        return
    for key in keys:
        yield from places(content[key], (*path, key))


def changed(content, path, value):
    """Return the content with another value at a place, or without it."""
    if not path:
        return {} if value is REMOVED else value
    content = json.loads(json.dumps(content))
    *way, last = path
    here = content
    for key in way:
        here = here[key]
    if value is REMOVED:
        del here[last]
    else:
        here[last] = value
    return content


def mutations(content):
    for path in places(content):
        for value in (REMOVED, *WRONG):
            yield path, value


def check(whole, folder, name, path, value, only=None):
    """Change one value and run what reads it: success, or an error that says what it is."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(whole / "run", folder)
    write(folder / name, changed(read(folder / name), path, value))
    wrong = (folder / name).read_bytes()
    every = commands(folder, name)
    for words in every if only is None else [every[only % len(every)]]:
        shutil.rmtree(folder / "more", ignore_errors=True)
        (folder / name).write_bytes(wrong)
        done = command(*words)
        said = done.output
        shown = f"{words[0]} with {name} {path} = {value!r}: {said[-600:]}"
        assert done.exit_code in (0, 1, 2), shown
        assert "unexpected" not in said and "Traceback" not in said, shown
        assert len(said) < 20_000, shown
        if done.exit_code:
            assert "Error: " in said, shown


@pytest.mark.parametrize("name", (*JSON, *MODELS))
def test_a_value_of_a_wrong_kind_is_an_error_by_name(whole, tmp_path, name):
    """A few of each file, each by one command; all of them in the slow test."""
    every = list(mutations(read(whole / "run" / name)))
    (tmp_path / "x.png").write_bytes((whole / "x.png").read_bytes())
    for number, (path, value) in enumerate(islice(every, 3, None, len(every) // 5)):
        check(whole, tmp_path / "run", name, path, value, number)


@pytest.mark.slow
@pytest.mark.parametrize("name", (*JSON, *MODELS))
def test_every_value_of_a_wrong_kind_is_an_error_by_name(whole, tmp_path, name):
    (tmp_path / "x.png").write_bytes((whole / "x.png").read_bytes())
    for path, value in mutations(read(whole / "run" / name)):
        check(whole, tmp_path / "run", name, path, value)


@pytest.fixture
def mine(whole, tmp_path):
    """Return a copy of the run, with an image beside it."""
    (tmp_path / "x.png").write_bytes((whole / "x.png").read_bytes())
    return shutil.copytree(whole / "run", tmp_path / "run")


def test_answers_that_are_not_finite_are_errors_by_name(mine):
    """Weights that are finite and overflow in the forward pass."""
    path, image = mine / "best.safetensors", mine.parent / "x.png"
    model = load(path)
    model.store.values *= np.float32(1e25)
    model.save(path)
    page = mine.parent / "page.html"
    for words in (
        ("predict", mine, image),
        ("predict", mine, image, "--json"),
        ("evaluate", mine),
        ("evaluate", mine, "--json"),
        ("report", mine),
        ("explain", mine, image, "--out", mine.parent / "out"),
        ("glassbox", mine, image, "--out", page),
    ):
        done = command(*words)
        assert done.exit_code == 1, words
        assert "the model's answer to" in done.stderr, (words, done.output)
        assert "NaN or infinite" in done.stderr
        if words[:1] == ("predict",) and words[-1] == "--json":
            (said,) = json.loads(done.stdout)
            assert said["file"] == str(image) and "NaN or infinite" in said["error"]
        elif "--json" in words:
            assert done.stdout == ""
    assert not page.exists()


def test_what_json_cannot_hold_is_null(mine):
    """A class that is never said has no precision."""
    path = mine / "best.safetensors"
    model = load(path)
    model.store.values[...] = 0  # the first class is said of every image
    model.save(path)
    done = command("evaluate", mine, "--json")
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout, parse_constant=pytest.fail)
    assert said["precision"][1] is None and said["recall"] == [1.0, 0.0]


@pytest.mark.parametrize("classes", [["x" * 10**6] * 2, ["x" * 10**6, 3], [["y"] * 10**5, "z"]])
def test_a_hostile_file_forces_no_long_message(mine, classes):
    path = mine / "best.safetensors"
    write(path, read(path) | {"classes": classes})
    done = command("predict", mine, mine.parent / "x.png")
    assert done.exit_code == 1 and "best.safetensors" in done.output
    assert len(done.output) < 2500
