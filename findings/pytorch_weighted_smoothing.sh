#!/usr/bin/env bash
# PyTorch 2.13.0: cross_entropy with class weights and label smoothing can prefer a network that
# calls every common image rare to one that is right.
#
# Expected: an image has the weight of its class, and smoothing spreads that image's target; the
#   best constant answer to a common image still names the common class.
# Instead:  the smoothed share of each class is multiplied by that class's own weight. With 400 to 10
#   images, balanced weights (0.5125, 20.5) and smoothing 0.1, the target of a common image is in the
#   ratio 0.487 to 1.025, so the lowest loss of a common image is at a probability of 0.322 for
#   its own class. The documentation gives the formula; pytorch/pytorch#104776 is about it.
# Matters:  balanced weights and a smoothing of 0.1 are both common advice for photographs, and
#   together they invert training where class sizes differ widely.
# Remedy:   leave out the smoothing, or weight the loss of each image (reduction="none") by its label.
#
# Seen: best probability of its own class for a common image: 0.322
#       loss of a batch of common images, answered correctly with 0.95: 6.040
#       loss of the same, answered wrongly with 0.678: 1.854
#       weighed by label instead, best probability of its own class: 0.950
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet torch==2.13.0 numpy==2.4.6
"$work/env/bin/python" - <<'PY' | tee "$work/seen"
import torch
from torch.nn.functional import cross_entropy

weight = torch.tensor([410 / 800, 410 / 20], dtype=torch.float64)
label = torch.zeros(8, dtype=torch.int64)
print("PyTorch", torch.__version__.split("+")[0])


def logits(share):
    """Eight answers that give the common class this probability."""
    return torch.log(torch.tensor([[share, 1 - share]] * 8, dtype=torch.float64))


def best(loss):
    shares = torch.arange(1, 1000) / 1000
    return shares[torch.stack([loss(logits(float(p))) for p in shares]).argmin()]


def theirs(x):
    return cross_entropy(x, label, weight=weight, label_smoothing=0.1)


def by_label(x):
    each = cross_entropy(x, label, reduction="none", label_smoothing=0.1)
    return (weight[label] * each).sum() / weight[label].sum()


print(f"best probability of its own class for a common image: {best(theirs):.3f}")
print(f"loss of a batch of common images, answered correctly with 0.95: {theirs(logits(0.95)):.3f}")
print(f"loss of the same, answered wrongly with 0.678: {theirs(logits(0.322)):.3f}")
print(f"weighed by label instead, best probability of its own class: {best(by_label):.3f}")
PY

diff "$work/seen" - <<'EXPECTED' || { echo "CHANGED: not what was recorded" && exit 1; }
PyTorch 2.13.0
best probability of its own class for a common image: 0.322
loss of a batch of common images, answered correctly with 0.95: 6.040
loss of the same, answered wrongly with 0.678: 1.854
weighed by label instead, best probability of its own class: 0.950
EXPECTED
echo "as recorded"
