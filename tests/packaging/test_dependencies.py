"""What an installation brings along: versions known to work, and the notices of others' code."""

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
CONFIG = tomllib.loads((ROOT / "pyproject.toml").read_text())
EXACT = re.compile(r"([A-Za-z0-9_.-]+)==([0-9][0-9.]*)")


def pinned():
    """Return name -> version of constraints.txt."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    lines = [line for line in lines if not line.startswith("#")]
    assert all(map(EXACT.fullmatch, lines)), "exact versions only"
    assert lines == sorted(lines, key=str.lower)
    return {canonicalize_name(name): version for name, version in map(_split, lines)}


def _split(line):
    return EXACT.fullmatch(line).groups()


def test_every_dependency_is_pinned_to_a_version_that_it_allows():
    project, versions = CONFIG["project"], pinned()
    extras = project["optional-dependencies"]
    wanted = [*CONFIG["build-system"]["requires"], *project["dependencies"]]
    wanted += [one for name, listed in extras.items() if name != "bench" for one in listed]
    for requirement in map(Requirement, wanted):
        name = canonicalize_name(requirement.name)
        if name != "clearconv":
            assert requirement.specifier.contains(versions[name]), name


def test_the_notices_of_what_the_compiled_module_contains_are_part_of_the_package():
    (ours, theirs) = CONFIG["project"]["license-files"]
    assert (ROOT / ours).is_file()
    texts = {path.stem: path.read_text() for path in ROOT.glob(theirs)}
    assert texts.keys() == {"nanobind", "robin-map"}
    assert "Wenzel Jakob" in texts["nanobind"] and "must reproduce the above" in texts["nanobind"]
    assert "Thibaut Goetghebuer-Planchon" in texts["robin-map"]
