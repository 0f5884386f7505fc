"""Findings are scripts that a reader can run: listed, pinned, and without clearconv."""

import re
import subprocess
from pathlib import Path

import pytest

FINDINGS = Path(__file__).parents[1] / "findings"
SCRIPTS = sorted(FINDINGS.glob("*.sh"))


def test_every_finding_has_its_line_in_the_readme():
    listed = re.findall(r"^\| \[`(\S+)`\]\((\S+)\) \|", (FINDINGS / "README.md").read_text(), re.M)
    assert listed == [(script.name, script.name) for script in SCRIPTS] != []


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_a_finding_is_a_script_of_pinned_packages_that_does_not_use_clearconv(script):
    subprocess.run(["bash", "-n", script], check=True)
    text = script.read_text("utf-8")
    assert text.startswith("#!/usr/bin/env bash\n# ") and "\nset -euo pipefail\n" in text
    installs = re.findall(r"pip\" install --quiet (.*)", text)
    assert installs
    for package in " ".join(installs).split():
        assert re.fullmatch(r'"?[\w-]+==[\w.$]+"?', package), package
    assert "clearconv" not in text and "://" not in text
    for word in ("# Expected:", "# Instead:", "# Matters:", "# Seen:", "exit 1"):
        assert word in text, word
