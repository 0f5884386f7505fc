#!/usr/bin/env bash
# onnx 1.23.2 and onnxruntime 1.32.0: Resize with coordinate_transformation_mode="align_corners"
# and a scale that gives no whole size. The reference evaluator, and the expected output of
# ONNX's own test for it, do not align the corners; ONNX Runtime does.
#
# Expected: the last column keeps its value, as the mode's name and ONNX's text say: places are
#   multiplied by (length_original - 1) / (length_resized - 1), the lengths of the two tensors.
# Instead:  the reference divides by 4 * 0.6 - 1 = 1.4 where the resized tensor has 2 columns, so
#   that the last column of 1 2 3 4 becomes 3.14; ONNX Runtime gives 4.
# Matters:  whoever tests an engine or an importer with ONNX's backend tests is led to numbers
#   that no network trained elsewhere was trained with.
# Remedy:   state sizes, not scales.
#
# Seen: onnx.reference 1.23.2: 1.00 3.14; ONNX's test expects 1.00 3.14
#       onnxruntime 1.32.0: 1.00 4.00
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
seen=$work/seen
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
ORT_DISABLE_TELEMETRY=1 "$work/venv/bin/python" -W ignore - <<'PY' | tee "$seen"
from importlib.metadata import version

import onnxruntime
from onnx.backend.test.loader import load_model_tests
from onnx.reference import ReferenceEvaluator

name = "test_resize_downsample_scales_linear_align_corners"
case = next(case for case in load_model_tests(kind="node") if case.name == name)
((inputs, outputs),) = case.data_sets
model = case.model
model.ir_version = 10
feeds = {value.name: array for value, array in zip(model.graph.input, inputs)}


def shown(y):
    return " ".join(f"{one:.2f}" for one in y.ravel())


reference = shown(ReferenceEvaluator(model).run(None, feeds)[0])
print(f"onnx.reference {version('onnx')}: {reference}; ONNX's test expects {shown(outputs[0])}")
session = onnxruntime.InferenceSession(
    model.SerializeToString(), providers=["CPUExecutionProvider"]
)
print(f"onnxruntime {version('onnxruntime')}: {shown(session.run(None, feeds)[0])}")
PY

diff "$seen" - <<'EXPECTED' || { echo "CHANGED: not what was recorded" && exit 1; }
onnx.reference 1.23.2: 1.00 3.14; ONNX's test expects 1.00 3.14
onnxruntime 1.32.0: 1.00 4.00
EXPECTED
echo "as recorded"
