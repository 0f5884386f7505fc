"""ONNX's own tests: how they are judged, and that none of them fails."""

from collections import Counter

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="the extra onnx is not installed")
from onnx import TensorProto, helper  # noqa: E402

from benchmarks.conformance.cases import Case, converted_cases, node_cases  # noqa: E402
from benchmarks.conformance.judge import judge  # noqa: E402
from benchmarks.conformance.page import page  # noqa: E402

#: Operators of which at least nine tests of ten must pass.
WANTED = """
Conv ConvTranspose MaxPool AveragePool GlobalAveragePool GlobalMaxPool BatchNormalization
InstanceNormalization GroupNormalization LayerNormalization Relu LeakyRelu PRelu Elu Selu Celu
Sigmoid Tanh HardSigmoid HardSwish Swish Mish Gelu Softplus Softsign ThresholdedRelu Gemm MatMul
Softmax Pad Resize Concat Slice Split Reshape Transpose Flatten Squeeze ReduceMean Add Sub Mul Div
Clip Cast
""".split()


def case(kind, wanted, **attributes):
    """Return a test of one operator of two numbers."""
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 2]) for name in "xy")
    graph = helper.make_graph([helper.make_node(kind, ["x"], ["y"], **attributes)], "g", [x], [y])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    given = np.array([[-1, 2]], np.float32)
    return Case("test_it", kind, model, [given], [np.array(wanted, np.float32)], 1e-3, 1e-7)


def test_a_case_passes_fails_or_is_not_supported():
    assert judge(case("Relu", [[0, 2]])).outcome == "passed"
    assert judge(case("Relu", [[0, 2.1]])) == ("failed", "largest difference 0.1")
    assert judge(case("Relu", [[0, 2, 0]])).outcome == "failed"
    verdict = judge(case("Fancy", [[0, 2]]))
    assert verdict.outcome == "not supported" and "Fancy" in verdict.why


def test_the_page_counts_them():
    cases = [case("Relu", [[0, 2]]), case("Relu", [[0, 1]]), case("Fancy", [[0, 2]])]
    text = page([(one, judge(one)) for one in cases])
    assert "of 3 tests 1 pass (33.3 %), 1 need what is not supported, 1 fail" in text
    assert "| Relu | 1 |  | 1 |" in text and "| Fancy |  | 1 |  |" in text
    assert "`test_it`: largest difference 1" in text


@pytest.mark.ci
def test_none_of_them_fails():
    results = [(one, judge(one)) for one in (*node_cases(), *converted_cases())]
    assert [(one.name, v.why) for one, v in results if v.outcome == "failed"] == []
    counts = Counter(v.outcome for one, v in results if one.group in WANTED)
    assert counts["passed"] >= 0.9 * counts.total() > 250
    assert {one.group for one, _ in results} >= set(WANTED)
