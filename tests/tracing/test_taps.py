"""The tables of who met whom, against the operations themselves."""

import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clearconv import (
    AdaptiveAvgPool2d,
    AvgPool2d,
    Conv2d,
    ConvTranspose2d,
    GlobalAvgPool2d,
    Linear,
    MaxPool2d,
    ReLU,
    Upsample,
    ops,
    trace,
)

sys.path.append(str(Path(__file__).parents[1] / "ops"))

from geometry import FEW, geometries  # noqa: E402

SHAPE = (4, 7, 6)
#: The fixture only checks; it keeps nothing from one example to the next.
FEWER = settings(FEW, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])


def traced(layer):
    model = layer.build(SHAPE, dtype="float64")
    x = np.random.default_rng(0).standard_normal(SHAPE)
    y = model.forward(x)
    return trace(model, x, grad_y=np.random.default_rng(1).standard_normal(y.shape)).layers[1]


WEIGHTED = [
    Conv2d(6, (3, 2), stride=(2, 1), padding=((1, 0), (0, 2)), groups=2),
    Conv2d(2, 3, dilation=(1, 2), padding="same"),
    ConvTranspose2d(6, (2, 3), stride=(2, 3), padding=(1, 0), groups=2),
]


@pytest.mark.parametrize("layer", WEIGHTED, ids=repr)
def test_a_convolution_from_the_tables_alone(layer):
    """Each of the three gradients' tables lists the same meetings; together they make y."""
    recorded = traced(layer)
    rows, columns = recorded.taps.rows, recorded.taps.columns
    for axis in (rows, columns):
        met = {(p, i, r) for p, each in enumerate(axis.outputs) for i, r in each}
        assert met == {(p, i, r) for r, each in enumerate(axis.inputs) for i, p in each}
        assert met == {(p, i, r) for i, each in enumerate(axis.kernel) for p, r in each}
        assert len(met) == sum(map(len, axis.outputs))
    weight, bias = (recorded.parameters[name].value for name in ("weight", "bias"))
    y = np.zeros_like(recorded.y)
    _, O, OH, OW = y.shape
    for o, p, q in np.ndindex(O, OH, OW):
        first, end = recorded.taps.channels[o]
        for i, r in rows.outputs[p]:
            for j, t in columns.outputs[q]:
                for c in range(first, end):
                    place = (c, o % weight.shape[1]) if "Trans" in recorded.type else (o, c - first)
                    y[0, o, p, q] += weight[(*place, i, j)] * recorded.x[0, c, r, t]
        y[0, o, p, q] += bias[o]
    np.testing.assert_allclose(y, recorded.y, rtol=0, atol=1e-12)


SHARED = [
    AvgPool2d(3, stride=2, padding=1, count_include_pad=False),
    AvgPool2d((2, 3), stride=(1, 2), padding=(1, 0), ceil_mode=True),
    GlobalAvgPool2d(),
    AdaptiveAvgPool2d((3, 8)),
    Upsample(scale_factor=(1.7, 2)),
    Upsample(size=(9, 4), mode="bilinear"),
]


@pytest.mark.parametrize("layer", SHARED, ids=repr)
def test_shares_from_the_tables_alone(layer):
    recorded = traced(layer)
    rows, columns = recorded.taps.rows, recorded.taps.columns
    y = np.zeros_like(recorded.y)
    for c, p, q in np.ndindex(y.shape[1:]):
        for (_, r), down in zip(rows.outputs[p], rows.shares[p], strict=True):
            for (_, t), across in zip(columns.outputs[q], columns.shares[q], strict=True):
                y[0, c, p, q] += down * across * recorded.x[0, c, r, t]
    np.testing.assert_allclose(y, recorded.y, rtol=0, atol=1e-12)
    assert recorded.taps.channels == tuple((c, c + 1) for c in range(4))


def test_a_maximum_from_the_tables_alone():
    recorded = traced(MaxPool2d(3, stride=2, padding=1, ceil_mode=True))
    rows, columns = recorded.taps.rows, recorded.taps.columns
    for c, p, q in np.ndindex(recorded.y.shape[1:]):
        under = [recorded.x[0, c, r, t] for _, r in rows.outputs[p] for _, t in columns.outputs[q]]
        assert recorded.y[0, c, p, q] == max(under)
    assert rows.shares is None


def test_what_has_no_window_has_no_tables():
    assert traced(ReLU()).taps is None
    model = Linear(2).build((3,), dtype="float64")
    recorded = trace(model, np.ones(3), 0)
    assert recorded.layers[0].taps is None and recorded.layers[1].taps is None


def _cases(chapter):
    (found,) = [one for one in ops.CHAPTERS if one.name == chapter]
    return [pytest.param(case, id=f"{chapter}: {case.name}") for case in found.cases]


def rebuilt(kind, case, weights):
    """Return a layer of a chapter's case, its parameters filled in, and its batch."""
    inputs = case.arrays()
    x = inputs["x"]
    batch = x[(np.newaxis,) * (4 - x.ndim)]
    layer = kind(*weights(inputs), **case.options).build(batch.shape[1:], dtype="float64")
    layer.load_state_dict({name: array for name, array in inputs.items() if name != "x"})
    return layer, batch


def check_case(layer, batch, adds_up):
    y = layer.forward(batch)
    grad = np.random.default_rng(1).standard_normal(y.shape)
    recorded = trace(layer, batch[0], batch=batch[1:] if len(batch) > 1 else None, grad_y=grad)
    assert adds_up(recorded, most=12) > 12


@pytest.mark.parametrize("case", _cases("conv2d"))
def test_every_case_of_conv2d(case, adds_up):
    def made(out, kernel, bias, **options):
        return Conv2d(out, kernel, bias=bias > 0, shared_biases=bias < 2, **options)

    def weights(inputs):
        bias = inputs["bias"].ndim if "bias" in inputs else 0
        return len(inputs["weight"]), inputs["weight"].shape[2:], bias

    check_case(*rebuilt(made, case, weights), adds_up)


@pytest.mark.parametrize("case", _cases("conv_transpose2d"))
def test_every_case_of_conv_transpose2d(case, adds_up):
    def made(out, kernel, bias, **options):
        return ConvTranspose2d(out, kernel, bias=bias > 0, shared_biases=bias < 2, **options)

    def weights(inputs):
        bias = inputs["bias"].ndim if "bias" in inputs else 0
        share = inputs["weight"].shape[1] * case.options.get("groups", 1)
        return share, inputs["weight"].shape[2:], bias

    check_case(*rebuilt(made, case, weights), adds_up)


POOLS = {
    "max_pool2d": MaxPool2d,
    "avg_pool2d": AvgPool2d,
    "global_avg_pool2d": GlobalAvgPool2d,
    "adaptive_avg_pool2d": AdaptiveAvgPool2d,
    "upsample2d": Upsample,
}


@pytest.mark.parametrize(
    ("chapter", "case"),
    [pytest.param(c, *p.values, id=p.id) for c in POOLS for p in _cases(c)],
)
def test_every_case_of_pooling_and_up_sampling(chapter, case, adds_up):
    check_case(*rebuilt(POOLS[chapter], case, lambda inputs: ()), adds_up)


@FEWER
@given(geometry=geometries(), groups=st.sampled_from([1, 2]), share=st.integers(1, 2))
def test_any_convolution(adds_up, geometry, groups, share):
    (H, W), options = geometry
    layer = Conv2d(groups * share, groups=groups, activation="tanh", **options)
    model = layer.build((2 * groups, H, W), dtype="float64")
    check_case(model, np.random.default_rng(0).standard_normal((2, 2 * groups, H, W)), adds_up)


@FEWER
@given(geometry=geometries(pooling=True), kind=st.sampled_from([MaxPool2d, AvgPool2d]))
def test_any_pooling(adds_up, geometry, kind):
    (H, W), options = geometry
    model = kind(**options).build((2, H, W), dtype="float64")
    # few values, so that many are equally large
    batch = np.random.default_rng(0).integers(-1, 2, (2, 2, H, W)).astype("float64")
    check_case(model, batch, adds_up)
