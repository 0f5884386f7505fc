"""``clearconv weights``."""

import json

import pytest

from clearconv.exchange import WEIGHTS


@pytest.fixture(autouse=True)
def empty_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def test_what_is_known_of_each(run):
    done = run("weights")
    assert done.exit_code == 0, done.output
    for name, one in WEIGHTS.items():
        assert name in done.stdout.splitlines()
        for fact in (one.sha256, one.licence, one.source, one.accuracy, str(one.package)):
            assert fact in done.stdout
        assert f"to get it: clearconv weights get {name}" in done.stdout
    found = json.loads(run("weights", "--json").stdout)
    assert [one["name"] for one in found] == list(WEIGHTS)


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("get",), "NAME is missing. Known: mobilenet_v2"),
        (("get", "mobilenet_v3"), "Did you mean 'mobilenet_v2'?"),
        (("got", "mobilenet_v2"), "choice 'got' is not known"),
        (("get", "mobilenet_v2", "absent.pth"), "absent.pth cannot be read: No such file"),
        (("get", "mobilenet_v2", __file__), "is not mobilenet_v2-b0353104.pth"),
        (("get", "--json"), "--json goes with the list"),
    ],
)
def test_what_is_wrong_is_one_line(run, args, said):
    done = run("weights", *args)
    assert done.exit_code in (1, 2) and said in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_run_can_start_from_a_name_only_once_they_are_there(run, painted):
    done = run("train", painted, "--from", "mobilenet_v2")
    assert done.exit_code == 1
    assert "clearconv weights get mobilenet_v2" in done.stderr
    done = run("train", painted, "--from", "mobilenet_v9")
    assert "a run folder, or one of mobilenet_v2" in done.stderr
