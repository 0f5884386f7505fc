"""The README is true: its Python runs and prints what it says, its links lead somewhere."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def test_the_python_prints_what_it_says():
    (code,) = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    (said,) = re.findall(r"print\(.*\)  # ([\d.]+)", code)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    # another processor may round otherwise and end a few images away
    assert float(done.stdout) == pytest.approx(float(said), abs=0.02)


def test_what_the_site_needs_is_named_whole():
    """Installing ``.[docs]`` would compile everything again."""
    (named,) = re.findall(r"`pip install ([\w -]+) && python docs/build.py site/`", README)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = project["optional-dependencies"]["docs"]
    assert named.split() == [re.split("[<>=]", one)[0] for one in needed]


@pytest.mark.parametrize(
    "page",
    [
        "README.md",
        "CONTRIBUTING.md",
        *sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").glob("*.md")),
    ],
)
def test_links_lead_somewhere(page):
    text = re.sub(r"```.*?```", "", (ROOT / page).read_text(), flags=re.DOTALL)
    for link in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
        if not link.startswith(("http:", "https:")):
            assert ((ROOT / page).parent / link).exists(), f"{page} links to {link}"


@pytest.mark.parametrize("page", sorted(path.name for path in (ROOT / "docs").glob("*.md")))
def test_no_formula_has_an_escape_that_markdown_eats(page):
    r"""GitHub's Markdown takes the backslash of ``\,`` away before the formula is set."""
    text = re.sub(r"```.*?```|`[^`]*`", "", (ROOT / "docs" / page).read_text(), flags=re.DOTALL)
    assert not re.findall(r"\\[,;:!{}]", text)
