"""The chapters, discovered from their folders and put in reading order."""

from collections.abc import Iterable
from functools import cache
from importlib import import_module
from pathlib import Path

from clearconv.ops.chapter import Chapter


@cache
def names() -> tuple[str, ...]:
    """Name every chapter: a folder beside this file that has a ``cases.py``."""
    return tuple(sorted(file.parent.name for file in Path(__file__).parent.glob("*/cases.py")))


@cache
def chapters() -> tuple[Chapter, ...]:
    """Load every chapter's description; ``clearconv.ops.CHAPTERS``."""
    loaded = (import_module(f"clearconv.ops.{name}.cases") for name in names())
    return in_reading_order([module.CHAPTER for module in loaded])


def in_reading_order(given: Iterable[Chapter]) -> tuple[Chapter, ...]:
    """Put each chapter after the one that it follows, and keep the chapters of a part together.

    Chapters that follow the same one are sorted by name.

    Raises
    ------
    ValueError
        If a chapter follows one that does not exist, or follows itself through others.
    """
    by_name = {chapter.name: chapter for chapter in given}
    depths = {name: _depth(chapter, by_name) for name, chapter in by_name.items()}
    begins: dict[str, int] = {}  # part -> depth of its first chapter
    for name, chapter in by_name.items():
        begins[chapter.part] = min(depths[name], begins.get(chapter.part, depths[name]))
    return tuple(
        sorted(by_name.values(), key=lambda one: (begins[one.part], depths[one.name], one.name))
    )


def _depth(chapter: Chapter, by_name: dict[str, Chapter]) -> int:
    """Count the chapters that lead to this one."""
    seen, here = [chapter.name], chapter
    while here.after is not None:
        if here.after not in by_name or here.after in seen:
            wrong = "its own follower" if here.after in seen else "not a chapter"
            raise ValueError(
                f"ops/{here.name}/cases.py: after={here.after!r} is {wrong}; name the chapter to "
                "read before this one."
            )
        here = by_name[here.after]
        seen.append(here.name)
    return len(seen) - 1
