"""The benchmark's networks are the same on both sides, and where they are not it is noticed."""

from dataclasses import replace

import pytest

from benchmarks.networks import NETWORKS
from clearconv import AvgPool2d, Conv2d, Flatten, Linear, MaxPool2d, Sequential

pytestmark = pytest.mark.oracle
torch = pytest.importorskip("torch")

from benchmarks import convs  # noqa: E402
from benchmarks.agreement import Disagreement, agree  # noqa: E402


@pytest.mark.parametrize("name", [name for name in NETWORKS if name != "seed_cnn-32"])
def test_both_sides_compute_the_same(name):
    found = agree(name, replace(NETWORKS[name], batch=4))
    assert found.ours64.gradients < 1e-8


def almost_lenet(pool):
    def make(classes):
        return Sequential(
            *(Conv2d(20, 5, activation="relu"), MaxPool2d(2)),
            *(Conv2d(50, 5, activation="relu"), pool(2)),
            *(Flatten(), Linear(classes)),
        )

    return replace(NETWORKS["lenet"], make=make, batch=4)


def test_another_layer_is_noticed():
    assert agree("lenet", almost_lenet(MaxPool2d))
    with pytest.raises(Disagreement, match="lenet in float64: .* Nothing was timed"):
        agree("lenet", almost_lenet(AvgPool2d))


def test_convolutions_are_those_of_the_networks():
    cases = convs.cases(["lenet", "resnet20"])
    assert len(cases) == 2 + 8  # stem; 16, 32, 64 wide; two of stride 2 and two shortcuts of 1x1
    first, second = list(cases)[:2]
    assert (cases[first][1], cases[second][1]) == (False, True)  # who owes an input gradient
    # 64 images, 20 filters on 24x24 places, 1 channel, 5x5: a multiplication and an addition each
    assert first.operations == 2 * 64 * 20 * 24 * 24 * 1 * 25
