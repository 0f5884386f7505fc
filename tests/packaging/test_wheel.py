"""What `pip install` gives, with a compiler and without one."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BUILT_FROM = (
    "CMakeLists.txt", "LICENSE", "licenses", "README.md", "pyproject.toml", ".gitignore", "src",
)  # fmt: skip
#: What the compiled module contains of others, and a line of each notice that must go with it.
NOTICES = {"nanobind": "Copyright (c) 2022 Wenzel Jakob", "robin-map": "Copyright (c) 2017 Thibaut"}

for tool in ("scikit_build_core", "nanobind"):
    pytest.importorskip(tool, reason=f"building a wheel here needs {tool}")


def build(folder, **environment):
    """Build a wheel from a copy of the sources, with the build tools that are installed."""
    for name in BUILT_FROM:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, folder / name)
    code = "from scikit_build_core.build import build_wheel; build_wheel('wheels')"
    ran = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    (wheel,) = (folder / "wheels").iterdir()
    return wheel


def unpack(wheel, folder):
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
        return archive.namelist()


def run(code, folder):
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.strip()


def check_notices(folder):
    (about,) = folder.glob("clearconv-*.dist-info")
    assert (about / "licenses" / "LICENSE").is_file()
    for name, line in NOTICES.items():
        assert line in (about / "licenses" / "licenses" / f"{name}.txt").read_text()


CONVOLVE = """
import numpy as np
from clearconv.ops import conv2d
from clearconv.ops.tellings import available
y = conv2d.forward(np.ones((1, 1, 3, 3), "f4"), np.ones((1, 1, 2, 2), "f4"))
print(",".join(available("conv2d")), float(y.sum()))
"""


@pytest.mark.slow
def test_without_a_compiler_the_package_runs_on_the_matrix_telling(tmp_path):
    wheel = build(tmp_path, CXX="/nonexistent/c++", CC="/nonexistent/cc")
    assert wheel.name.endswith("-py3-none-any.whl")
    names = unpack(wheel, tmp_path / "unpacked")
    assert not [name for name in names if name.endswith(".so")]
    assert run(CONVOLVE, tmp_path / "unpacked") == "loops,matrix 16.0"
    check_notices(tmp_path / "unpacked")


@pytest.mark.slow
def test_a_compiler_that_fails_half_way_leaves_no_half_module(tmp_path):
    compiler = shutil.which("c++") or shutil.which("g++")
    if compiler is None:
        pytest.skip("no C++ compiler here")
    fails = tmp_path / "c++"
    fails.write_text(f'#!/bin/sh\ncase "$*" in *bind.cpp*) exit 1;; esac\nexec {compiler} "$@"\n')
    fails.chmod(0o755)
    folder = tmp_path / "copy"
    folder.mkdir()
    names = unpack(build(folder, CXX=str(fails)), tmp_path / "unpacked")
    assert not [name for name in names if name.endswith(".so")]


@pytest.mark.slow
def test_with_a_compiler_the_wheel_holds_one_stripped_module(tmp_path):
    if shutil.which("c++") is None:
        pytest.skip("no C++ compiler here")
    wheel = build(tmp_path)
    names = unpack(wheel, tmp_path / "unpacked")
    assert not [name for name in names if name.endswith((".o", ".a"))]
    assert {"clearconv/pages/style.css", "clearconv/report/page.html"} <= set(names)
    assert {"clearconv/glassbox/page/glass.js", "clearconv/glassbox/page/page.html"} <= set(names)
    # shipped to be read: `clearconv show` prints it
    assert "clearconv/ops/conv2d/native/native.cpp" in names
    (module,) = [name for name in names if name.endswith(".so")]
    content = (tmp_path / "unpacked" / module).read_bytes()
    assert module.startswith("clearconv/_native") and b".symtab" not in content
    assert wheel.stat().st_size < 15e6
    assert run(CONVOLVE, tmp_path / "unpacked") == "loops,matrix,native 16.0"
    check_notices(tmp_path / "unpacked")
