"""The Python on the page about training runs as it stands, in one sitting."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "training.md"


@pytest.mark.ci
def test_the_python_section_runs(tmp_path):
    section = PAGE.read_text("utf-8").split("## From Python")[1].split("\n## ")[0]
    blocks = re.findall(r"```python\n(.*?)```", section, flags=re.DOTALL)
    assert len(blocks) == 4
    code = "\n".join(blocks) + "\nassert result.evaluation.accuracy == tested.accuracy > 0.95\n"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.returncode == 0, done.stderr
    assert "5 epochs, kept " in done.stdout
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == [
        "arrays-1",
        "arrays-2",
        "digits-1",
        "first",
    ]
