"""The order in which the pages are to be read, and what each is called."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

#: Section -> pages, by their path in the repository.
ORDER: dict[str, tuple[str, ...]] = {
    "Begin": ("README.md", "docs/tour.md"),
    "Convolution": ("docs/conv2d.md", "docs/im2col.md", "docs/conv_transpose2d.md"),
    "Pooling": (
        "docs/max_pool2d.md",
        "docs/avg_pool2d.md",
        "docs/global_avg_pool2d.md",
        "docs/adaptive_avg_pool2d.md",
        "docs/upsample2d.md",
    ),
    "Neurons": ("docs/linear.md", "docs/activation.md"),
    "Losses": ("docs/softmax.md", "docs/cross_entropy.md", "docs/squared_error.md"),
    "Norms and dropout": ("docs/batch_norm2d.md", "docs/group_norm.md", "docs/dropout.md"),
    "The step": ("docs/update.md", "docs/conv_block.md"),
    "Questions": ("docs/questions.md", "docs/autopsy.md", "docs/article.md"),
    "Tools to learn with": ("docs/doctor.md", "docs/glassbox.md", "docs/tracing.md"),
    "Use it": (
        "docs/commands.md",
        "docs/layers.md",
        "docs/models.md",
        "docs/data.md",
        "docs/plan.md",
        "docs/training.md",
        "docs/report.md",
        "docs/explain.md",
    ),
    "Speed": ("docs/performance.md", "docs/benchmarks.md"),
    "Take part": ("CONTRIBUTING.md",),
}


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
