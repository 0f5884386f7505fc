"""Run ONNX's backend tests: ``python -m benchmarks.conformance --markdown docs/conformance.md``."""

import argparse
import os
import sys
from pathlib import Path

from benchmarks.conformance.cases import OPERATORS, converted_cases, node_cases, real_cases
from benchmarks.conformance.judge import judge
from benchmarks.conformance.page import page


def main() -> int:
    """Run the tests and write the page; return 1 if one fails."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.conformance", description=__doc__)
    parser.add_argument("--markdown", type=Path, help="write the page there")
    parser.add_argument("--operator", help="the tests of one operator only")
    parser.add_argument("--quick", action="store_true", help="leave out whole networks")
    given = parser.parse_args()
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    cases = [*node_cases(), *converted_cases(), *([] if given.quick else real_cases())]
    if given.operator:
        cases = [case for case in cases if case.group == given.operator]
    order = {name: place for place, name in enumerate(OPERATORS)}
    cases.sort(key=lambda case: order.get(case.group, len(order)))  # stable
    results = [(case, judge(case)) for case in cases]
    for case, verdict in results:
        if verdict.outcome != "passed":
            print(f"{verdict.outcome}: {case.group}, {case.name}: {verdict.why}")
    failed = sum(verdict.outcome == "failed" for _, verdict in results)
    passed = sum(verdict.outcome == "passed" for _, verdict in results)
    print(f"{passed} of {len(results)} passed, {failed} failed")
    if given.markdown:
        given.markdown.write_text(page(results))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
