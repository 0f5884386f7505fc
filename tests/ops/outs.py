"""Every function that takes `out`, and a call of it for a batch, an image or a map.

As a program: how often each asks the system for a large block, without and with an `out`.
"""

import json
from collections.abc import Callable

import numpy as np

from clearconv.ops import (
    activation,
    adaptive_avg_pool2d,
    avg_pool2d,
    batch_norm2d,
    conv2d,
    conv_block,
    conv_transpose2d,
    cross_entropy,
    dropout,
    global_avg_pool2d,
    im2col,
    linear,
    max_pool2d,
    softmax,
    squared_error,
    upsample2d,
)

Calls = dict[str, Callable]


def calls(shape: tuple[int, ...], dtype: str = "float64") -> Calls:
    """Return a function of `out` and `backend` for each function of the chapters."""
    rng = np.random.default_rng(0)

    def normal(*shape):
        return rng.standard_normal(shape).astype(dtype)

    x, C = normal(*shape), shape[-3] if len(shape) > 2 else 1
    weight, bias, spread = normal(2, C, 3, 3), normal(2), normal(C, 2, 2, 2)
    made = {
        "conv2d.forward": lambda **how: conv2d.forward(x, weight, bias, padding=1, **how),
        "conv_transpose2d.forward": lambda **how: conv_transpose2d.forward(x, spread, **how),
        "im2col.forward": lambda **how: im2col.forward(x, 2, **how),
        "softmax.forward": lambda **how: softmax.forward(x, **how),
        "softmax.forward along rows": lambda **how: softmax.forward(x, -2, **how),
        "global_avg_pool2d.forward": lambda **how: global_avg_pool2d.forward(x, **how),
    }
    by_shape = {
        "avg_pool2d": (avg_pool2d, (3, 2, 1)),
        "adaptive_avg_pool2d": (adaptive_avg_pool2d, (3,)),
        "upsample2d, nearest": (upsample2d, (None, 2)),
        "upsample2d, bilinear": (upsample2d, (None, 2, "bilinear")),
    }
    for name, (chapter, options) in by_shape.items():
        chapter_name, _, kind = name.partition(", ")

        def forward(chapter=chapter, options=options, **how):
            return chapter.forward(x, *options, **how)

        def backward(grad, chapter=chapter, options=options, **how):
            return chapter.backward_input(grad, shape, *options, **how)

        made[f"{chapter_name}.forward {kind}"] = forward
        made[f"{chapter_name}.backward_input {kind}"] = _with(backward, normal, forward)
    made["conv2d.backward_input"] = _with(
        lambda grad, **how: conv2d.backward_input(grad, weight, shape, padding=1, **how),
        normal,
        made["conv2d.forward"],
    )
    made["conv2d.backward_input without padding"] = _with(
        lambda grad, **how: conv2d.backward_input(grad, weight, shape, **how),
        normal,
        lambda **how: conv2d.forward(x, weight, **how),
    )
    made["conv_transpose2d.backward_input"] = _with(
        lambda grad, **how: conv_transpose2d.backward_input(grad, spread, shape, **how),
        normal,
        made["conv_transpose2d.forward"],
    )
    made["conv2d.backward_weight"] = _with(
        lambda grad, **how: conv2d.backward_weight(grad, x, weight.shape, padding=1, **how),
        normal,
        made["conv2d.forward"],
    )
    made["conv2d.backward_bias"] = _with(conv2d.backward_bias, normal, made["conv2d.forward"])
    made["conv_transpose2d.backward_weight"] = _with(
        lambda grad, **how: conv_transpose2d.backward_weight(grad, x, spread.shape, **how),
        normal,
        made["conv_transpose2d.forward"],
    )
    rows, wide = x.reshape(-1, shape[-1]), normal(3 * shape[-1], shape[-1])
    grads = normal(len(rows), len(wide))
    made["linear.forward"] = lambda **how: linear.forward(rows, wide, **how)
    made["linear.backward_input"] = lambda **how: linear.backward_input(grads, wide, **how)
    made["linear.backward_weight"] = lambda **how: linear.backward_weight(grads, rows, **how)
    made["linear.backward_bias"] = lambda **how: linear.backward_bias(grads, **how)
    made["im2col.backward_input"] = _with(
        lambda grad, **how: im2col.backward_input(grad, shape, 2, **how),
        normal,
        made["im2col.forward"],
    )
    made["global_avg_pool2d.backward_input"] = _with(
        lambda grad, **how: global_avg_pool2d.backward_input(grad, shape, **how),
        normal,
        made["global_avg_pool2d.forward"],
    )
    y = softmax.forward(x, backend="matrix")
    made["softmax.backward_input"] = lambda **how: softmax.backward_input(x, y, **how)
    pooled, saved = max_pool2d.forward_saving(x, 2, backend="matrix")
    grad_pooled = normal(*pooled.shape)
    made["max_pool2d.forward"] = lambda **how: max_pool2d.forward(x, 2, **how)
    made["max_pool2d.forward_saving"] = lambda **how: max_pool2d.forward_saving(x, 2, **how)[0]
    made["max_pool2d.backward_input"] = lambda **how: max_pool2d.backward_input(
        grad_pooled, saved, **how
    )
    grad_x = normal(*shape)
    for kind in activation.KINDS:
        _, kept = activation.forward_saving(x, kind, backend="matrix")
        made[f"activation.forward {kind}"] = lambda kind=kind, **how: activation.forward(
            x, kind, **how
        )
        made[f"activation.backward_input {kind}"] = lambda kept=kept, **how: (
            activation.backward_input(grad_x, kept, **how)
        )
    key = dropout.DropoutKey(1, "drop", 0, 0, range(shape[0]))
    _, mask = dropout.forward_saving(x, 0.5, key, backend="matrix")
    made["dropout.forward"] = lambda **how: dropout.forward(x, 0.5, key, **how)
    made["dropout.forward, p = 0"] = lambda **how: dropout.forward(x, 0.0, key, **how)
    made["dropout.backward_input"] = lambda **how: dropout.backward_input(x, mask, **how)
    made["conv_block.forward"] = lambda **how: conv_block.forward(
        x, weight, bias, padding=1, relu=True, **how
    )
    made |= _of_norms(x, normal) | _of_losses(x, normal)
    return made


def _of_norms(x: np.ndarray, normal: Callable) -> Calls:
    C = x.shape[0] if x.ndim == 3 else x.shape[1]
    weight, bias, mean = normal(C), normal(C), normal(C)
    given, grad = (weight, bias, mean, mean**2), normal(*x.shape)
    _, saved = batch_norm2d.forward_saving(x, weight, bias, backend="matrix")
    _, fixed = batch_norm2d.forward_saving(x, weight, bias, 1e-5, *given[2:], backend="matrix")
    return {
        "batch_norm2d.forward": lambda **how: batch_norm2d.forward(x, *given, **how),
        "batch_norm2d.forward_saving": lambda **how: batch_norm2d.forward_saving(
            x, weight, bias, **how
        )[0],
        "batch_norm2d.backward": lambda **how: batch_norm2d.backward(grad, weight, saved, **how)[0],
        "batch_norm2d.backward_input": lambda **how: batch_norm2d.backward_input(
            grad, weight, saved, **how
        ),
        "batch_norm2d.backward_input, fixed": lambda **how: batch_norm2d.backward_input(
            grad, weight, fixed, **how
        ),
    }


def _of_losses(x: np.ndarray, normal: Callable) -> Calls:
    rows = x.reshape(-1, x.shape[-1])  # (N, K)
    _, surprise = cross_entropy.forward_saving(rows, np.zeros(len(rows), int), backend="matrix")
    _, away = squared_error.forward_saving(x, normal(*x.shape), backend="matrix")
    return {
        "cross_entropy.backward_input": lambda **how: cross_entropy.backward_input(surprise, **how),
        "squared_error.backward_input": lambda **how: squared_error.backward_input(away, **how),
    }


def _with(backward: Callable, normal: Callable, forward: Callable) -> Callable:
    """Bind a backward call to a gradient of the forward pass's shape."""
    grad = normal(*forward(backend="matrix").shape)
    return lambda **how: backward(grad, **how)


if __name__ == "__main__":
    from clearconv.ops.tellings import native_module

    native = native_module()
    asked = {}
    for name, call in calls((2, 32, 40, 40), "float32").items():
        size, out = call(backend="native"), None
        if size.nbytes <= 64 << 10:
            continue
        shape, strides = size.shape, size.strides
        out = np.lib.stride_tricks.as_strided(np.zeros(size.size, size.dtype), shape, strides)
        counts = []
        for how in ({}, {"out": out}):
            before = native.system_allocations()
            call(backend="native", **how)
            counts.append(native.system_allocations() - before)
        asked[name] = counts
    print(json.dumps(asked))
