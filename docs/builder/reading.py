"""The order in which the pages are to be read, and what each is called."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from clearconv.ops import CHAPTERS

#: Section -> pages, by their path in the repository: those before the chapters, and those after.
_BEFORE: dict[str, tuple[str, ...]] = {"Begin": ("README.md", "docs/tour.md")}
_AFTER: dict[str, tuple[str, ...]] = {
    "Questions": ("docs/questions.md", "docs/autopsy.md", "docs/article.md"),
    "Tools to learn with": ("docs/doctor.md", "docs/glassbox.md", "docs/tracing.md"),
    "Use it": (
        "docs/commands.md",
        "docs/layers.md",
        "docs/models.md",
        "docs/data.md",
        "docs/pixels.md",
        "docs/onnx.md",
        "docs/plan.md",
        "docs/training.md",
        "docs/transfer.md",
        "docs/report.md",
        "docs/explain.md",
        "docs/pytorch.md",
        "docs/abstain.md",
        "docs/onnx_import.md",
        "docs/conformance.md",
        "docs/sklearn.md",
    ),
    "Speed": ("docs/performance.md", "docs/benchmarks.md"),
    "Take part": ("CONTRIBUTING.md",),
}


def _chapters() -> dict[str, tuple[str, ...]]:
    """Return part -> pages of its chapters: each chapter says where it stands."""
    parts: dict[str, tuple[str, ...]] = {}
    for chapter in CHAPTERS:
        parts[chapter.part] = (*parts.get(chapter.part, ()), f"docs/{chapter.name}.md")
    return parts


#: Section -> pages, by their path in the repository.
ORDER = {**_BEFORE, **_chapters(), **_AFTER}


@dataclass(frozen=True)
class Page:
    """One page of the site.

    Attributes
    ----------
    path : str
        Its Markdown, from the root of the repository.
    title : str
        Its first heading, plain.
    section : str
        Where it stands in the navigation.
    """

    path: str
    title: str
    section: str

    @property
    def address(self) -> str:
        """Return its file in the site."""
        return {"README.md": "index.html"}.get(self.path, f"{Path(self.path).stem.lower()}.html")


def pages(root: Path) -> list[Page]:
    """List all pages in reading order; one that ORDER does not name comes last."""
    sections = {path: name for name, paths in ORDER.items() for path in paths}
    found = {f"docs/{file.name}" for file in (root / "docs").glob("*.md")}
    known = [path for path in sections if path in found or path.count("/") == 0]
    ordered = [*known, *sorted(found - sections.keys())]
    return [Page(path, _title(root / path), sections.get(path, "More")) for path in ordered]


def sections(listed: Iterable[Page]) -> dict[str, list[Page]]:
    """Group pages by section."""
    grouped: dict[str, list[Page]] = {}
    for page in listed:
        grouped.setdefault(page.section, []).append(page)
    return grouped


def _title(file: Path) -> str:
    heading = re.search(r"^# (.+)", file.read_text("utf-8"), flags=re.MULTILINE)
    assert heading, f"{file} has no heading"
    return heading[1].replace("`", "")
