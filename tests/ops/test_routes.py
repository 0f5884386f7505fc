"""Which way the compiled kernels take a convolution: as expected, and as they say.

Right numbers by a slow way fail no other test.
"""

import numpy as np
import pytest

from benchmarks.networks import NETWORKS
from clearconv import Conv2d
from clearconv.errors import BackendError, ShapeError
from clearconv.ops import conv2d, conv_block, tellings
from clearconv.ops.conv2d.routes import ROUTES, TASKS, examples
from clearconv.ops.tellings import native_module

native = native_module()
compiled = pytest.mark.skipif(native is None, reason="clearconv was built without a compiler")

WINOGRAD = ("winograd", "winograd", "winograd", "apart")
DIRECT = ("direct", "direct", "direct", "apart")
COLUMNS = ("direct", "columns", "direct", "apart")
PACKED_LATER = ("direct", "columns", "packed", "apart")
POINTWISE = ("direct", "direct", "packed", "packed")
DEPTHWISE = ("depthwise",) * 4
DEPTHWISE_STRIDED = ("depthwise", "depthwise", "depthwise", "apart")

# (C, size, O, kernel, stride, padding, groups) of every convolution of the benchmark's networks
EXPECTED = {
    # LeNet, and the deep network of the article
    (1, 28, 20, 5, 1, 0, 1): COLUMNS,
    (20, 12, 50, 5, 1, 0, 1): COLUMNS,
    (1, 28, 16, 3, 1, 1, 1): COLUMNS,
    (16, 28, 16, 3, 1, 1, 1): WINOGRAD,
    (16, 14, 32, 3, 1, 1, 1): WINOGRAD,
    (32, 14, 32, 3, 1, 2, 1): WINOGRAD,
    (32, 8, 64, 3, 1, 1, 1): WINOGRAD,
    (64, 8, 64, 3, 1, 1, 1): WINOGRAD,
    # the seeds' network
    (3, 224, 16, 3, 2, 0, 1): COLUMNS,
    (16, 55, 32, 3, 2, 0, 1): COLUMNS,
    (32, 27, 64, 3, 2, 0, 1): COLUMNS,
    (64, 13, 128, 3, 2, 0, 1): COLUMNS,
    # ResNet-20
    (3, 32, 16, 3, 1, 1, 1): COLUMNS,
    (16, 32, 16, 3, 1, 1, 1): WINOGRAD,
    (16, 32, 32, 3, 2, 1, 1): COLUMNS,
    (32, 16, 32, 3, 1, 1, 1): WINOGRAD,
    (16, 32, 32, 1, 2, 0, 1): COLUMNS,
    (32, 16, 64, 3, 2, 1, 1): COLUMNS,
    (32, 16, 64, 1, 2, 0, 1): COLUMNS,
    # ResNet-18
    (3, 32, 64, 3, 1, 1, 1): COLUMNS,
    (64, 32, 64, 3, 1, 1, 1): WINOGRAD,
    (64, 32, 128, 3, 2, 1, 1): COLUMNS,
    (128, 16, 128, 3, 1, 1, 1): WINOGRAD,
    (64, 32, 128, 1, 2, 0, 1): PACKED_LATER,
    (128, 16, 256, 3, 2, 1, 1): PACKED_LATER,
    (256, 8, 256, 3, 1, 1, 1): WINOGRAD,
    (128, 16, 256, 1, 2, 0, 1): PACKED_LATER,
    (256, 8, 512, 3, 2, 1, 1): PACKED_LATER,
    (512, 4, 512, 3, 1, 1, 1): WINOGRAD,
    (256, 8, 512, 1, 2, 0, 1): PACKED_LATER,
    # MobileNet
    (3, 96, 32, 3, 2, 1, 1): COLUMNS,
    (32, 48, 32, 3, 1, 1, 32): DEPTHWISE,
    (32, 48, 64, 1, 1, 0, 1): ("direct", "direct", "direct", "packed"),
    (64, 48, 64, 3, 2, 1, 64): DEPTHWISE_STRIDED,
    (64, 24, 128, 1, 1, 0, 1): POINTWISE,
    (128, 24, 128, 3, 1, 1, 128): DEPTHWISE,
    (128, 24, 128, 1, 1, 0, 1): POINTWISE,
    (128, 24, 128, 3, 2, 1, 128): DEPTHWISE_STRIDED,
    (128, 12, 256, 1, 1, 0, 1): POINTWISE,
    (256, 12, 256, 3, 1, 1, 256): DEPTHWISE,
    (256, 12, 256, 1, 1, 0, 1): POINTWISE,
    (256, 12, 256, 3, 2, 1, 256): DEPTHWISE_STRIDED,
    (256, 6, 512, 1, 1, 0, 1): POINTWISE,
    (512, 6, 512, 3, 1, 1, 512): DEPTHWISE,
    (512, 6, 512, 1, 1, 0, 1): POINTWISE,
}


def routes(C, size, O, kernel, stride, padding, groups, **options):
    """Return the route of each task."""
    given = conv2d.route(
        (C, size, size),
        (O, C // groups, kernel, kernel),
        stride,
        padding,
        groups=groups,
        **options,
    )
    assert tuple(given) == TASKS
    return tuple(given.values())


@compiled
@pytest.mark.parametrize("shape", EXPECTED, ids=str)
def test_a_convolution_of_the_benchmark_goes_the_fast_way(shape):
    assert routes(*shape) == EXPECTED[shape]


def test_the_table_has_every_convolution_of_the_benchmark():
    found = set()
    for network in NETWORKS.values():
        for layer in network.make(network.classes).build(network.shape).leaves():
            if isinstance(layer, Conv2d):
                how = (layer.arguments[key] for key in ("kernel_size", "stride", "padding"))
                (C, H, _), O = layer.input_shape, layer.output_shape[0]
                found.add((C, H, O, *how, layer.arguments["groups"]))
    assert found == set(EXPECTED)


@compiled
@pytest.mark.parametrize(
    ("shape", "options", "expected"),
    [
        ((64, 32, 64, 3, 1, 1, 1), {"exact": True}, DIRECT),
        ((64, 32, 64, 3, 1, 2, 1), {"dilation": 2}, DIRECT),
        ((15, 32, 64, 3, 1, 1, 1), {}, DIRECT),  # too few channels for Winograd's products
        ((64, 2, 64, 3, 1, 1, 1), {}, DIRECT),  # empty tiles
        ((64, 8, 64, 3, 1, 1, 4), {}, DIRECT),
        ((256, 9, 256, 5, 1, 2, 1), {}, ("direct", "direct", "packed", "apart")),
        ((1, 9, 1, 3, 1, 1, 1), {}, DIRECT),  # one channel is no depthwise convolution
        ((32, 9, 64, 3, 1, 1, 32), {}, DIRECT),  # two filters
        ((32, 9, 32, 5, 1, 0, 32), {}, DEPTHWISE_STRIDED),  # the map shrinks
        ((40, 9, 64, 1, 1, 0, 1), {}, DIRECT),  # not 16s
    ],
    ids=str,
)
def test_shapes_at_the_limits(shape, options, expected):
    assert routes(*shape, **options) == expected


# Between them, every route of every task.
RUN = [
    ((3, 8, 4, 3, 1, 1, 1), {}),
    ((64, 9, 64, 3, 1, 2, 1), {"dilation": 2}),
    ((16, 8, 16, 3, 1, 1, 1), {}),
    ((16, 8, 16, 3, 1, 1, 1), {"exact": True}),
    ((64, 6, 128, 1, 2, 0, 1), {}),
    ((16, 6, 128, 1, 1, 0, 1), {}),
    ((32, 6, 32, 3, 1, 1, 32), {}),
    ((32, 6, 32, 3, 2, 1, 32), {}),
    ((8, 6, 4, 3, 1, 1, 2), {}),
]


@compiled
@pytest.mark.parametrize(("shape", "options"), RUN, ids=str)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_route_that_is_said_is_the_one_that_runs(shape, options, dtype):
    C, size, O, kernel, stride, padding, groups = shape
    said = dict(zip(TASKS, routes(*shape, **options), strict=True))
    rng = np.random.default_rng(0)
    x = rng.standard_normal((3, C, size, size)).astype(dtype)
    weight = rng.standard_normal((O, C // groups, kernel, kernel)).astype(dtype)
    how = {"stride": stride, "padding": padding, "groups": groups, "backend": "native", **options}
    y = conv2d.forward(x, weight, **how)
    grad_y = np.ones_like(y)
    calls = {
        "forward": lambda: conv2d.forward(x, weight, **how),
        "backward_input": lambda: conv2d.backward_input(grad_y, weight, x.shape, **how),
        "backward_weight": lambda: conv2d.backward_weight(grad_y, x, weight.shape, **how),
    }
    if not options.get("exact"):  # a block never is
        _, saved = conv_block.forward_saving(x, weight, **how)
        calls["backward"] = lambda: conv_block.backward(grad_y, weight, saved, backend="native")
    for task, call in calls.items():
        before = native.conv2d.runs()
        call()
        ran = {name for name, count in native.conv2d.runs().items() if count > before[name]}
        if said[task] == "apart":
            assert ran == {said["backward_input"], said["backward_weight"]}, task
        else:
            assert ran == {said[task]}, task


@compiled
def test_every_route_is_run_above():
    reached = {task: set() for task in TASKS}
    for shape, options in RUN:
        for task, name in zip(TASKS, routes(*shape, **options), strict=True):
            reached[task].add(name)
    assert reached == {
        "forward": {"direct", "winograd", "depthwise"},
        "backward_input": {"direct", "columns", "winograd", "depthwise"},
        "backward_weight": {"direct", "packed", "winograd", "depthwise"},
        "backward": {"packed", "depthwise", "apart"},
    }
    assert set().union(*reached.values()) == set(ROUTES)


@compiled
def test_the_number_of_images_has_no_say():
    assert (
        len({tuple(conv2d.route((N, 16, 8, 8), (16, 16, 3, 3)).values()) for N in (0, 1, 9)}) == 1
    )


@compiled
def test_a_direct_call_is_checked():
    window = type("Window", (), {"numbers": (4, 4, 3, 3, 1, 1, 1, 1, 0, 0, 0, 0, 2, 2)})()
    assert native.conv2d.route("forward", window, 3, 4, 1) == "direct"
    for task, channels, groups in (("sideways", 3, 1), ("forward", 3, 2), ("forward", 0, 1)):
        with pytest.raises(ValueError, match="task must be|arrays do not fit"):
            native.conv2d.route(task, window, channels, 4, groups)


def test_shapes_that_do_not_fit_are_named():
    with pytest.raises(ShapeError, match=r"conv2d.route: x has 3 channels .* expects 4"):
        conv2d.route((3, 8, 8), (4, 4, 3, 3))


def test_without_kernels_there_is_no_route(monkeypatch):
    absent = tellings.Telling("native", lambda chapter: None, lambda chapter: "it is absent")
    monkeypatch.setitem(tellings.TELLINGS, "native", absent)
    with pytest.raises(BackendError, match="conv2d: backend 'native' was asked for"):
        conv2d.route((3, 8, 8), (4, 3, 3, 3))


@compiled
def test_show_says_how_calls_would_go():
    shown = examples().splitlines()
    assert "the same, exact      direct     direct     direct     apart" in shown
    assert any(line.startswith("winograd: ") for line in shown)
