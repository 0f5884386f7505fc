"""``clearconv models``."""

import json

from clearconv.models import MODELS, create


def test_a_line_for_each_model(run):
    done = run("models")
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert lines[0].split() == [
        "name", "parameters", "input", "smallest", "options", "description",
    ]  # fmt: skip
    assert [line.split()[0] for line in lines[2:]] == list(MODELS)
    (digits,) = (line for line in lines if line.startswith("digits_cnn"))
    assert digits.split()[1:7] == ["9,930", "1", "x", "8", "x", "8"]
    assert digits.endswith(MODELS["digits_cnn"].about)


def test_as_json(run):
    found = json.loads(run("models", "--json").stdout)
    assert [one["name"] for one in found] == list(MODELS)
    one = found[0]
    built = create(one["name"], one["classes"]).build(tuple(one["input"]))
    assert one["parameters"] == built.store.values.size
    assert one["options"] == sorted(MODELS[one["name"]].options)
