"""`clearconv report`, and the page that every training leaves behind."""

import re
import shutil


def test_training_writes_the_page_and_says_where(digits):
    folder, done = digits
    assert f"report          {folder.name}/report.html\n" in done.stdout
    text = re.sub("<[^>]*>", "", (folder / "report.html").read_text())
    assert "test images are classified correctly" in text
    assert "clearconv train digits --" in text, "the same run again"
    assert f"clearconv predict {folder.name} IMAGE..." in text


def test_the_command_writes_it_again(run, digits, tmp_path):
    folder = shutil.copytree(digits[0], tmp_path / "run")
    (folder / "report.html").unlink()
    result = run("report", folder)
    assert result.exit_code == 0, result.stderr
    assert result.stdout == f"{folder / 'report.html'}\n"
    pages = [(place / "report.html").read_text() for place in (digits[0], folder)]
    first, again = ([line for line in text.splitlines() if "IMAGE" not in line] for text in pages)
    assert first == again  # but for the line that names the folder


def test_a_report_that_cannot_be_written_costs_nobody_the_model(run, tmp_path, monkeypatch):
    from clearconv.errors import RunError

    def fail(*args, **settings):
        raise RunError("the disk is full.")

    monkeypatch.setattr("clearconv.report.write_report", fail)
    folder = tmp_path / "run"
    result = run("train", "digits", "--epochs", 1, "--out", folder)
    assert result.exit_code == 0
    assert "there is no report: the disk is full. To try again: clearconv report" in result.stderr
    assert "report          -\n" in result.stdout
    assert result.stdout.splitlines()[-1].startswith("test accuracy")


def test_what_is_no_run_is_said(run, digits, tmp_path):
    result = run("report", digits[0] / "best.safetensors")
    assert result.exit_code == 2 and "a run folder is needed" in result.stderr
    result = run("report", tmp_path)
    assert result.exit_code == 1 and "is not a run folder" in result.stderr
