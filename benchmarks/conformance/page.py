"""The results as a page of the documentation."""

from collections import Counter
from collections.abc import Iterable, Sequence
from importlib.metadata import version

from benchmarks.conformance.cases import Case
from benchmarks.conformance.judge import Verdict

Results = Sequence[tuple[Case, Verdict]]
_OUTCOMES = ("passed", "not supported", "failed")

_HEAD = """# Conformance

<!-- Written by: python -m benchmarks.conformance -->

*ONNX's own tests of its operators, run on models as clearconv reads them.*

The package onnx brings tests of every operator: a model of one node, what it is given and what it
must give, to a relative error of 1e-3. [`load_onnx`](onnx_import.md) reads each of them; a test
passes if every output has the right shape and numbers. It fails if a model is read and gives other
numbers. A model that cannot be read is an error that names what is missing: "not supported". The
expected numbers are those of the package's files, not those of its reference evaluator.

The first input of a test is the model's, the others are stored in its file, as weights are. Where
an operator mixes the batch axis with others, the whole tensor is one input. Tests of text,
sequences and numbers of less than a byte are left out, and so are operators that convolutional
networks do not use.
"""


def page(results: Results) -> str:
    """Return the page, in Markdown."""
    counts = Counter(verdict.outcome for _, verdict in results)
    total = len(results)
    lines = [
        _HEAD,
        f"With onnx {version('onnx')}: of {total} tests {counts['passed']} pass "
        f"({100 * counts['passed'] / total:.1f} %), {counts['not supported']} need what is not "
        f"supported, {counts['failed']} fail.\n",
        "| operator | passed | not supported | failed |",
        "| --- | --: | --: | --: |",
    ]
    for group in dict.fromkeys(case.group for case, _ in results):
        of = Counter(verdict.outcome for case, verdict in results if case.group == group)
        lines.append(f"| {group} | " + " | ".join(str(of[o] or "") for o in _OUTCOMES) + " |")
    lines.append("\n## What is not supported\n")
    lines += _reasons(results)
    failed = [(case, verdict) for case, verdict in results if verdict.outcome == "failed"]
    if failed:
        lines.append("\n## What fails\n")
        lines += [f"- `{case.name}`: {verdict.why}" for case, verdict in failed]
    return "\n".join(lines) + "\n"


def _reasons(results: Results) -> Iterable[str]:
    """Yield a line for each reason, with the tests that it concerns."""
    found: dict[str, list[str]] = {}
    for case, verdict in results:
        if verdict.outcome == "not supported":
            found.setdefault(_plain(verdict.why), []).append(case.name.removeprefix("test_"))
    for why, names in sorted(found.items(), key=lambda item: -len(item[1])):
        listed = ", ".join(f"`{name}`" for name in names)
        yield f"- {why}: {listed}"


def _plain(why: str) -> str:
    """Return a reason without the names of values."""
    first, _, rest = why.partition(" '")
    _, quote, after = rest.partition("': ")
    return f"{first}: {after}" if quote else why
