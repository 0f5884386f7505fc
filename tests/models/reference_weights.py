"""Weights that others trained, as state dictionaries of the bundled models."""

import gzip

import numpy as np


def dlfs_simple(path):
    """Read the book's chapter 7 weights; its linear weights are (in, out)."""
    with np.load(path) as w:
        return {
            "conv1.weight": w["W1"],
            "conv1.bias": w["b1"],
            "linear1.weight": w["W2"].T,
            "linear1.bias": w["b2"],
            "linear2.weight": w["W3"].T,
            "linear2.bias": w["b3"],
        }


def dlfs_deep(path):
    """Read the book's chapter 8 weights.

    Its dropout halves in evaluation, ours doubles in training: so what follows the first one is
    halved here. The second one scales the logits alone, which changes no answer.
    """
    with np.load(path) as w:
        state = {f"conv{i}.{kind}": w[f"{key}{i}"] for i in range(1, 7) for kind, key in KINDS}
        return state | {
            "linear1.weight": w["W7"].T,
            "linear1.bias": w["b7"],
            "linear2.weight": 0.5 * w["W8"].T,
            "linear2.bias": w["b8"],
        }


KINDS = (("weight", "W"), ("bias", "b"))


def seed_cnn(path, batch_norm=False):
    """Read a checkpoint of the C++ program: little-endian float32, one tensor after another.

    With batch normalisation the file lacks the running statistics: they are 0 and 1 here.
    """
    floats = np.fromfile(path, "<f4")
    state = {}
    start = 0

    def take(name, *shape):
        nonlocal start
        size = int(np.prod(shape))
        state[name] = floats[start : start + size].reshape(shape)
        start += size

    channels = (3, 16, 32, 64, 128)
    for i, (before, after) in enumerate(zip(channels, channels[1:], strict=False), start=1):
        take(f"conv{i}.weight", after, before, 3, 3)
        take(f"conv{i}.bias", after)
        if batch_norm:
            take(f"norm{i}.weight", after)
            take(f"norm{i}.bias", after)
            state[f"norm{i}.running_mean"] = np.zeros(after, "f4")
            state[f"norm{i}.running_var"] = np.ones(after, "f4")
    take("linear1.weight", 128 * 6 * 6, 3)
    state["linear1.weight"] = state["linear1.weight"].T  # ours is (out, in)
    take("linear1.bias", 3)
    assert start == len(floats), "the file is longer than the network"
    return state


def mnist_test(folder):
    """Return MNIST's 10,000 test images as (N, 1, 28, 28) pixels/255, and their labels."""
    images = gzip.decompress((folder / "t10k-images-idx3-ubyte.gz").read_bytes())
    labels = gzip.decompress((folder / "t10k-labels-idx1-ubyte.gz").read_bytes())
    x = np.frombuffer(images, np.uint8, offset=16).reshape(-1, 1, 28, 28)
    return (x / 255).astype("float32"), np.frombuffer(labels, np.uint8, offset=8)
