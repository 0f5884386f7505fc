"""What the tests of sliding windows share: random geometry, numeric gradients, oracles."""

import itertools

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st

#: Few examples, the same in every run.
FEW = settings(max_examples=50, derandomize=True, deadline=None)


@st.composite
def geometries(draw, pooling=False, dilated=True):
    """Draw (H, W) and the options of a window that fits: all forms of padding, leftover rows."""
    kernel = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    stride = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    dilation = draw(st.tuples(st.integers(1, 2), st.integers(1, 2))) if dilated else (1, 1)
    # a maximum needs a pixel in every window: half the kernel is always safe
    rows, cols = (st.integers(0, size // 2 if pooling else 3) for size in kernel)
    padding = draw(
        st.one_of(
            st.tuples(rows, cols),
            st.tuples(st.tuples(rows, rows), st.tuples(cols, cols)),
            st.integers(0, min(kernel) // 2 if pooling else 2),
            st.sampled_from(["same", "valid"]),
        )
    )
    size = tuple(
        d * (k - 1) + 1 + draw(st.integers(0, 4)) for k, d in zip(kernel, dilation, strict=True)
    )
    options = {"kernel_size": kernel, "stride": stride, "padding": padding}
    if dilated:
        options["dilation"] = dilation
    return size, options


def assert_gradient(function, array, grad, grad_y, tolerance=1e-7):
    """Compare with float64 central differences along random directions."""
    rng = np.random.default_rng(3)
    step = 1e-5
    for _ in range(3):
        way = rng.standard_normal(array.shape)
        ahead, behind = function(array + step * way), function(array - step * way)
        numeric = np.sum((ahead - behind) * grad_y) / (2 * step)
        exact = np.sum(grad * way)
        assert abs(numeric - exact) <= tolerance * max(1.0, abs(exact)), (numeric, exact)


def assert_equal_enough(actual, expected, tolerance=1e-12):
    """Compare shapes, dtypes and every number, by the largest difference."""
    assert actual.shape == expected.shape
    assert actual.dtype == expected.dtype
    scale = max(1.0, float(np.max(np.abs(expected), initial=0)))
    assert float(np.max(np.abs(actual - expected), initial=0)) <= tolerance * scale


def positions(size, kernel, stride, sides, dilation):
    """List, along one axis, the pixels under each window; a pixel outside the image is None.

    Walks a window over the padded axis for as long as it fits: the definition, without a formula.
    """
    before, after = sides
    found = []
    for start in itertools.count(-before, stride):
        pixels = [start + element * dilation for element in range(kernel)]
        if pixels[-1] >= size + after:
            return found
        found.append([pixel if 0 <= pixel < size else None for pixel in pixels])


def onnx_run(operator, *inputs, **attributes):
    """Run one operator in ONNX's reference evaluator."""
    onnx = pytest.importorskip("onnx")
    from onnx.reference import ReferenceEvaluator

    names = [f"x{i}" for i in range(len(inputs))]
    node = onnx.helper.make_node(operator, names, ["y"], **attributes)
    infos = [
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.DOUBLE, array.shape)
        for name, array in zip(names, inputs, strict=True)
    ]
    y = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.DOUBLE, None)
    graph = onnx.helper.make_graph([node], "graph", infos, [y])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 21)])
    return ReferenceEvaluator(model).run(None, dict(zip(names, inputs, strict=True)))[0]


def torch_gradients(function, grad_y, *inputs):
    """Return PyTorch's y for ``function(*inputs)``, and the gradient of each input."""
    torch = pytest.importorskip("torch")
    tensors = [torch.tensor(array, requires_grad=True) for array in inputs]
    y = function(torch.nn.functional, *tensors)
    y.backward(torch.tensor(grad_y))
    return y.detach().numpy(), *(tensor.grad.numpy() for tensor in tensors)
