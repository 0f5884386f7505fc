"""``clearconv plan``, and what ``clearconv train`` says of the run ahead."""

import json


def test_a_plan_of_photographs(run, photos):
    (photos / "red" / "notes.txt").write_text("x")
    done = run("plan", photos, "--model", "seed_cnn", "--image-size", 64, "--epochs", 3)
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert lines[0] == "10 images of 2 classes"
    assert lines[2] == "class  images  train  validation  test"
    assert lines[4:7] == [
        "green       5      3           1     1",
        "red         5      3           1     1",
        "all        10      6           2     2",
    ]
    assert "sizes       all 80 x 90 (rows x columns)" in lines
    assert "left out    1 file without a usable image" in lines
    assert "copies      no picture occurs twice" in lines
    (warning,) = (line for line in lines if line.startswith("Warning"))
    assert "red/notes.txt" in warning
    (ahead,) = (line for line in lines if line.startswith("forecast"))
    assert " for 3 epochs (" in ahead
    assert ", at most " in ahead
    assert not (photos.parent / "runs").exists()


def test_names_with_line_breaks_and_wide_letters_keep_the_table_whole(run, photos):
    (photos / "red").rename(photos / "re\nd")
    (photos / "green").rename(photos / "緑")
    size = ("--model", "seed_cnn", "--image-size", 64)
    done = run("plan", photos, *size)
    lines = done.stdout.splitlines()
    assert lines[4:6] == [
        "re\\nd       5      3           1     1",
        "緑          5      3           1     1",  # two columns wide
    ]
    advice, folds = (line for line in lines if line.startswith("Advice"))
    assert advice.endswith(": re\\nd, 緑")
    assert "--folds 5" in folds
    done = run("train", photos, *size, "--epochs", 1, "--out", photos.parent / "run")
    assert advice in done.stderr.splitlines()


def test_a_plan_as_json(run):
    done = run("plan", "digits", "--json")
    found = json.loads(done.stdout)
    assert found["survey"]["images"][0] == 178
    assert found["forecast"]["epochs"] == 30
    ahead = found["forecast"]
    assert ahead["seconds"] > 30 * ahead["training_seconds"] > 0


def test_what_train_refuses_a_plan_refuses(run, tmp_path):
    assert run("plan", tmp_path / "nowhere").exit_code == 2
    assert run("plan", "digits", "--momentum", 0.9).exit_code == 2
    assert run("plan").exit_code == 2


def test_train_says_what_is_ahead_and_keeps_it(digits):
    folder, done = digits
    (line,) = (line for line in done.stdout.splitlines() if line.startswith("forecast"))
    assert line.startswith("forecast about ")
    assert " for 2 epochs (" in line
    kept = json.loads((folder / "plan.json").read_text())
    assert kept["data"] == "digits"
    assert kept["forecast"]["epochs"] == 2
