#!/usr/bin/env bash
# safetensors 0.8.0 (numpy 2.4.6): safetensors.numpy.save writes an array that is not C-contiguous
# in memory order, under the shape of the array. The loaded array has the right shape and
# dtype but the numbers in the wrong order, without a warning. safetensors 0.7.0 writes it correctly.
#
# Expected: an array is saved by its values, as by np.save, or a view is refused, as
#   safetensors.torch.save refuses a tensor that is not contiguous.
# Instead:  x = [[0 1 2] [3 4 5]]; saving x.T and loading it gives [[0 1] [2 3] [4 5]].
# Matters:  a converter that turns HWIO weights into OIHW with np.transpose passes just such a
#   view; the network it writes loads without an error and classifies at random.
# Remedy:   np.ascontiguousarray before save.
#
# Seen: 0.7.0: x.T right, Fortran order right, every second right
#       0.8.0: x.T wrong, Fortran order wrong, every second wrong
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
seen=$work/seen
for version in 0.7.0 0.8.0; do
  python3 -m venv "$work/$version"
  "$work/$version/bin/pip" install --quiet "safetensors==$version" numpy==2.4.6
  "$work/$version/bin/python" - <<'PY' | tee -a "$seen"
from importlib.metadata import version

import numpy as np
from safetensors.numpy import load, save

x = np.arange(6, dtype=np.float32).reshape(2, 3)
views = {"x.T": x.T, "Fortran order": np.asfortranarray(x), "every second": np.arange(12.0)[::2]}
said = []
for name, view in views.items():
    came = load(save({"x": view}))["x"]
    assert came.shape == view.shape and came.dtype == view.dtype
    said.append(f"{name} {'right' if np.array_equal(came, view) else 'wrong'}")
print(f"{version('safetensors')}:", ", ".join(said))
PY
done

diff "$seen" - <<'EXPECTED' || { echo "CHANGED: not what was recorded" && exit 1; }
0.7.0: x.T right, Fortran order right, every second right
0.8.0: x.T wrong, Fortran order wrong, every second wrong
EXPECTED
echo "as recorded"
