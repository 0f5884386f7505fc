"""Batch norm, blocks and losses in parts: the bits of the whole batch, however it is divided."""

import numpy as np
import pytest

from clearconv.errors import ArgumentError, ShapeError
from clearconv.ops import batch_norm2d, conv2d, conv_block, cross_entropy, squared_error
from clearconv.ops.geometry.shards import Shards
from clearconv.ops.reduction import tree_moments, tree_sum
from clearconv.ops.tellings import BACKENDS

BATCHES = (1, 3, 8, 9, 13, 32)
DIVISIONS = [(total, parts) for total in (4, 8, 16) for parts in (1, 2, 4, 8) if parts <= total]
C = 5

pytestmark = pytest.mark.parametrize("dtype", ["float32", "float64"])
each_telling = pytest.mark.parametrize("backend", BACKENDS)
each_batch = pytest.mark.parametrize("images", BATCHES)


def random(shape, dtype, mean=0.0, seed=0):
    return (np.random.default_rng(seed).standard_normal(shape) + mean).astype(dtype)


def divided(images):
    """Yield every division, with and without the parts' shards joined beforehand."""
    for total, parts in DIVISIONS:
        whole = Shards(total, images=images)
        for joined in (False, True):
            yield whole, [whole.part(i, parts) for i in range(parts)], joined


def equal(parts, whole):
    """Whether the parts' results, one after the other, have the bits of the whole's."""
    return np.concatenate(parts).tobytes() == np.ascontiguousarray(whole).tobytes()


@each_telling
@each_batch
def test_batch_norm(images, backend, dtype):
    x, grad_y = random((images, C, 3, 2), dtype, 3), random((images, C, 3, 2), dtype, seed=1)
    weight, bias = random(C, dtype, seed=2), random(C, dtype, seed=3)
    expected = {}
    for whole, parts, joined in divided(images):
        options = {"backend": backend, "joined": joined}
        found = [batch_norm2d.moments(x[p.cut()], shards=p, **options) for p in parts]
        moments = tree_moments(np.concatenate(found))
        held = [
            batch_norm2d.forward_saving(x[p.cut()], weight, bias, moments=moments, backend=backend)
            for p in parts
        ]
        found = [
            batch_norm2d.gradient_sums(grad_y[p.cut()], saved, shards=p, **options)
            for p, (_, saved) in zip(parts, held, strict=True)
        ]
        sums = tree_sum(np.concatenate(found))
        grads = [
            batch_norm2d.backward(grad_y[p.cut()], weight, saved, sums=sums, backend=backend)
            for p, (_, saved) in zip(parts, held, strict=True)
        ]
        if whole.total == 8 and not expected:
            y, saved = batch_norm2d.forward_saving(x, weight, bias, backend=backend)
            expected[8] = y, *batch_norm2d.backward(grad_y, weight, saved, backend=backend)
            assert batch_norm2d.backward_weight(grad_y, saved, backend=backend).tobytes() == (
                expected[8][2].tobytes()
            )
        got = [
            np.concatenate([y for y, _ in held]),
            np.concatenate([grad[0] for grad in grads]),
            grads[0][1],
            grads[0][2],
        ]
        want = expected.setdefault(whole.total, got)
        for mine, theirs in zip(got, want, strict=True):
            assert equal([mine], theirs), (whole, len(parts), joined)
        for grad in grads:
            assert all(equal([grad[i]], got[i + 1]) for i in (1, 2))


@each_telling
@pytest.mark.parametrize("images", [3, 9])
@pytest.mark.parametrize("kind", ["direct", "depthwise", "winograd", "behind a norm"])
def test_block_with_batch_norm(images, kind, backend, dtype):
    if backend != "native" and kind == "winograd":
        pytest.skip("the compiled telling alone goes this way")
    channels, out, groups = {"depthwise": (C, C, C), "winograd": (16, 16, 1)}.get(kind, (3, 4, 1))
    size = (8, 8) if kind == "winograd" else (4, 5)
    x, weight = (
        random((images, channels, *size), dtype),
        random((out, channels // groups, 3, 3), dtype),
    )
    # products of whole numbers are exact: BLAS promises no bits for other numbers of images
    x, weight = (x * 4).round(), (weight * 4).round()
    norm = conv_block.Norm(random(out, dtype, seed=2), random(out, dtype, seed=3))
    before = conv_block.Norm(random(channels, dtype, seed=4), random(channels, dtype, seed=5))
    grad_y = random((images, out, *size), dtype, seed=6)
    how = {"padding": 1, "groups": groups}

    def read(x, shards=None, moments=None):
        if kind != "behind a norm":
            return x
        return conv_block.normalise(x, before, relu=True, moments=moments, backend=backend)

    y, saved = conv_block.forward_saving(
        read(x), weight, **how, norm=norm, relu=True, backend=backend
    )
    want = conv_block.backward(grad_y, weight, saved, backend=backend)
    for whole, parts, joined in divided(images):
        if whole.total != 8:
            continue
        options = {"backend": backend, "joined": joined}
        found = [batch_norm2d.moments(x[p.cut()], shards=p, **options) for p in parts]
        first = tree_moments(np.concatenate(found))
        values = [read(x[p.cut()], p, first) for p in parts]
        held = [
            conv_block.forward_moments(value, weight, **how, shards=p, backend=backend)
            for value, p in zip(values, parts, strict=True)
        ]
        moments = tree_moments(np.concatenate([found for _, found in held]))
        done = [
            conv_block.forward_saving(
                value,
                weight,
                **how,
                norm=norm,
                measured=(z, moments),
                relu=True,
                backend=backend,
            )
            for value, (z, _) in zip(values, held, strict=True)
        ]
        assert equal([one.array(backend) for one, _ in done], y.array(backend))
        found = [
            conv_block.gradient_sums(grad_y[p.cut()], kept, shards=p, **options)
            for p, (_, kept) in zip(parts, done, strict=True)
        ]
        sums = tree_sum(np.concatenate(found))
        grads = [
            conv_block.backward_sums(
                grad_y[p.cut()], weight, kept, shards=p, sums=sums, backend=backend
            )
            for p, (_, kept) in zip(parts, done, strict=True)
        ]
        got = np.concatenate([grad.x for grad in grads])
        if backend == "matrix":
            np.testing.assert_allclose(got, want.x, rtol=1e-5, atol=1e-5)
        else:
            assert equal([got], want.x)
        total = tree_sum([one for grad in grads for one in grad.weight])
        assert equal([conv2d.weight_from_sum(total, weight.shape, backend=backend)], want.weight)
        for grad in grads:
            assert equal([grad.norm_weight], want.norm_weight)
            assert equal([grad.norm_bias], want.norm_bias)


@each_telling
@each_batch
@pytest.mark.parametrize("weights", [False, True])
def test_cross_entropy(images, weights, backend, dtype):
    x, labels = random((images, 3), dtype), np.random.default_rng(1).integers(0, 3, images)
    options = 0.1, np.array([0.5, 2.0, 1.3], dtype) if weights else None
    loss, saved = cross_entropy.forward_saving(x, labels, *options, backend=backend)
    grad_x = cross_entropy.backward_input(saved, backend=backend)
    for whole, parts, joined in divided(images):
        held = [
            cross_entropy.loss_sums(
                x[p.cut()], labels[p.cut()], *options, shards=p, joined=joined, backend=backend
            )
            for p in parts
        ]
        total = tree_sum(np.concatenate([sums for sums, _ in held]))
        done = [cross_entropy.mean_loss(total, kept) for _, kept in held]
        if whole.total == 8:
            assert {one.tobytes() for one, _ in done} == {loss.tobytes()}
            assert equal(
                [cross_entropy.backward_input(kept, backend=backend) for _, kept in done], grad_x
            )


@each_telling
@each_batch
@pytest.mark.parametrize("reduction", ["mean", "sum", "half_sum"])
def test_squared_error(images, reduction, backend, dtype):
    x, target = random((images, 3), dtype), random((images, 3), dtype, seed=1)
    loss, saved = squared_error.forward_saving(x, target, reduction, backend=backend)
    grad_x = squared_error.backward_input(saved, backend=backend)
    for whole, parts, joined in divided(images):
        held = [
            squared_error.loss_sums(
                x[p.cut()], target[p.cut()], reduction, shards=p, joined=joined, backend=backend
            )
            for p in parts
        ]
        total = tree_sum(np.concatenate([sums for sums, _ in held]))
        done = [squared_error.whole_loss(total, kept) for _, kept in held]
        if whole.total == 8:
            assert {one.tobytes() for one, _ in done} == {loss.tobytes()}
            assert equal(
                [squared_error.backward_input(kept, backend=backend) for _, kept in done], grad_x
            )


def test_another_order_is_seen(dtype):
    """The tests above can fail: one after the other is not the tree."""
    x = random((32, C, 6, 6), dtype, 3)
    found = batch_norm2d.moments(x)
    chain = found[0]
    for one in found[1:]:
        chain = tree_moments([chain, one])
    assert chain.tobytes() != tree_moments(found).tobytes()
    np.testing.assert_allclose(chain, tree_moments(found), rtol=1e-12)


def test_moments_worked_by_hand(dtype):
    # 1, 3 and 8: mean 2 and deviation 1 + 1; joined to 8: mean 2 + 6/3 = 4, and
    # 2 + 0 + 6² · 2/3 = 26 = 3² + 1² + 4²
    x = np.array([1.0, 3, 8], dtype).reshape(3, 1)
    first = batch_norm2d.moments(x[:2], shards=Shards(2, images=2), joined=True)[0]
    np.testing.assert_array_equal(first, [[2], [2], [2]])
    second = np.array([[1.0], [8], [0]])
    np.testing.assert_allclose(tree_moments([first, second]), [[3], [4], [26]], rtol=1e-15)


def test_a_part_asks_for_the_whole(dtype):
    x, weight = random((2, C, 2, 2), dtype), np.ones(C, dtype)
    part = Shards(2, 0, 1, 4)
    moments = batch_norm2d.moments(x, shards=part)[0] * [[2], [1], [2]]
    _, saved = batch_norm2d.forward_saving(x, weight, weight, moments=moments)
    assert saved.count == 16
    for call in (
        lambda: batch_norm2d.backward(x, weight, saved),
        lambda: batch_norm2d.backward_input(x, weight, saved),
        lambda: batch_norm2d.backward_weight(x, saved),
        lambda: batch_norm2d.backward_bias(x, saved),
    ):
        with pytest.raises(ArgumentError, match="part of a batch with 16 numbers"):
            call()
    with pytest.raises(ShapeError, match="hold 2 images"):
        batch_norm2d.moments(x, shards=Shards(2, 0, 1, 8))
    with pytest.raises(ShapeError, match="one number has no variance"):
        batch_norm2d.forward_saving(x, weight, weight, moments=np.ones((3, C)))
    with pytest.raises(ArgumentError, match="mean and var .* or moments"):
        batch_norm2d.forward_saving(x, weight, weight, 1e-5, weight, weight, moments=moments)
    _, saved = conv_block.forward_saving(
        x, np.ones((1, C, 1, 1), dtype), norm=conv_block.Norm(weight[:1], weight[:1])
    )
    with pytest.raises(ArgumentError, match="needs sums over the whole batch"):
        conv_block.backward_sums(x[:, :1], np.ones((1, C, 1, 1), dtype), saved)
    _, saved = conv_block.forward_saving(x, np.ones((1, C, 1, 1), dtype))
    with pytest.raises(ArgumentError, match="no batch norm"):
        conv_block.gradient_sums(x[:, :1], saved)
