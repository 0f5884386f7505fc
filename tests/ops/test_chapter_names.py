"""Every chapter is reached as an attribute of ``clearconv.ops``, and none is loaded before."""

import subprocess
import sys

import pytest

from clearconv import ops


def test_the_names_are_those_of_the_chapters():
    assert sorted(ops._CHAPTERS) == sorted(chapter.name for chapter in ops.CHAPTERS)
    assert {*ops._CHAPTERS, "CHAPTERS"} <= set(dir(ops))
    with pytest.raises(AttributeError, match="no attribute 'conv3d'"):
        _ = ops.conv3d


def test_a_chapter_is_there_without_an_import_of_its_own():
    code = (
        "import sys, clearconv; ops = clearconv.ops; "
        "assert 'clearconv.ops.softmax' not in sys.modules; "
        "assert all(getattr(ops, name).__name__ == 'clearconv.ops.' + name "
        "           for name in dir(ops) if name.islower() and name[0] != '_' "
        "           and name != 'import_module')"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    code = "import clearconv; clearconv.ops.conv2d.forward"
    subprocess.run([sys.executable, "-c", code], check=True)
