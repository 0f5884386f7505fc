"""The same bits however it is run: threads, memory, alignment, rounding mode, instruction set.

Each way runs in a process of its own, which prints a hash of every result; a mismatch names the
case. Not promised: the baseline, where there is no fused multiply-add.
"""

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from networks import FULL, NETWORKS

from clearconv import ops
from clearconv.ops.tellings import available, native_module, variant

native = native_module()
pytestmark = [
    pytest.mark.skipif(native is None, reason="clearconv was built without a compiler"),
    pytest.mark.skipif(sys.platform != "linux", reason="sets the rounding mode as glibc does"),
]

SCRIPT = Path(__file__).parent / "bits.py"
FUSED = ("avx512", "avx2")  # the instruction sets that must agree
PLAIN = ("--threads", "1")


def ran(arguments, limit=600, **environment):
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *arguments],
        env={**os.environ, "CLEARCONV_ARENA": "on", **environment},
        capture_output=True,
        text=True,
        timeout=limit,
    )
    if "but this CPU runs" in done.stderr:
        pytest.skip(f"this CPU cannot run {environment['CLEARCONV_VARIANT']}")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@cache
def expected(*arguments):
    return ran((*PLAIN, *arguments))


def other():
    """Return the environment that picks the other one of FUSED, or nothing outside them."""
    others = {"avx512": "avx2", "avx2": "avx512"}
    return {"CLEARCONV_VARIANT": others[variant()]} if variant() in others else {}


def differing(actual, wanted):
    assert actual.keys() == wanted.keys()
    return [name for name in wanted if actual[name] != wanted[name]]


def mark(way, *often):
    """Run these ways in .ci/run, all others in .ci/full."""
    return pytest.mark.ci if way in often else pytest.mark.slow


WAYS = {
    "2 threads": (("--threads", "2"), {}),
    "3 threads": (("--threads", "3"), {}),
    "4 threads": (("--threads", "4"), {}),
    "no arena": (PLAIN, {"CLEARCONV_ARENA": "off"}),
    "poisoned": (("--threads", "2"), {"CLEARCONV_ARENA": "poison"}),
    "4 bytes on": (("--offset", "4"), {}),
    "60 bytes on": (("--offset", "60"), {}),
    "flushing": (("--flush", "--threads", "2"), {}),
}


@pytest.mark.parametrize("way", [pytest.param(way, marks=mark(way, "flushing")) for way in WAYS])
def test_every_case_has_the_same_bits(way):
    arguments, environment = WAYS[way]
    assert differing(ran(arguments, **environment), expected()) == []


@pytest.mark.skipif(variant() not in FUSED, reason="needs AVX2 with FMA")
def test_every_case_has_the_same_bits_on_the_other_instruction_set():
    assert differing(ran(PLAIN, **other()), expected()) == []


#: Each number of threads, state of memory, base address, rounding mode and instruction set.
TRAINED = {
    "2 threads, poisoned, 4 bytes on": (
        ("--threads", "2", "--offset", "4"),
        {"CLEARCONV_ARENA": "poison"},
    ),
    "3 threads, no arena, 60 bytes on, other instructions": (
        ("--threads", "3", "--offset", "60"),
        {"CLEARCONV_ARENA": "off", **other()},
    ),
    "4 threads, flushing": (("--threads", "4", "--flush"), {}),
}


@pytest.mark.parametrize(
    "way",
    [pytest.param(way, marks=mark(way, "2 threads, poisoned, 4 bytes on")) for way in TRAINED],
)
def test_training_ends_in_the_same_weights(way):
    arguments, environment = TRAINED[way]
    names = ("--train", *NETWORKS)
    assert differing(ran((*arguments, *names), **environment), expected(*names)) == []


@pytest.mark.slow
@pytest.mark.parametrize("way", TRAINED)
@pytest.mark.parametrize("name", FULL)
def test_training_at_full_size_ends_in_the_same_weights(name, way):
    arguments, environment = TRAINED[way]
    names = ("--full", "--train", name)
    assert differing(ran((*arguments, *names), **environment), expected(*names)) == []


def test_every_native_chapter_has_a_case_worth_dividing():
    assert [
        chapter.name
        for chapter in ops.CHAPTERS
        if "native" in available(chapter.name) and not chapter.large
    ] == []


@pytest.mark.parametrize(
    ("chapter", "case"),
    [
        pytest.param(chapter, case, id=f"{chapter.name}: {case.name}")
        for chapter in ops.CHAPTERS
        if "native" in available(chapter.name)
        for case in chapter.large
    ],
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_large_cases_agree_with_matrix(chapter, case, dtype):
    inputs = case.arrays(dtype)
    tolerance = 3e-5 if dtype == "float32" else 1e-12
    results = []
    for telling in ("native", "matrix"):
        y, backward = chapter.run(inputs, case.options, telling)
        grad_y = np.random.default_rng(1).standard_normal(y.shape).astype(dtype)
        results.append({"y": y, **backward(grad_y, telling)})
    native, matrix = results
    for name, wanted in matrix.items():
        scale = max(1.0, float(np.abs(wanted).max()))
        assert np.abs(native[name] - wanted).max() <= tolerance * scale, name
