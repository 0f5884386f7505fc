"""Traced passes of small networks that have every chapter, and their pages."""

import numpy as np
import pytest

import clearconv as cc
from browser import Browser, chromium
from clearconv.glassbox import article_example, write_glass_box


def network(seed=0, dtype="float64"):
    """Return a network with every chapter of the glass box, unequal in every way."""
    return cc.Sequential(
        cc.Conv2d(
            4, (3, 2), stride=(2, 1), padding=((1, 0), (0, 1)), dilation=(1, 2), name="first"
        ),
        cc.BatchNorm2d(),
        cc.ReLU(),
        cc.MaxPool2d((3, 2), stride=(2, 1), padding=(1, 0), name="largest"),
        cc.Conv2d(6, 3, padding=1, groups=2, activation="sigmoid", name="grouped"),
        cc.Dropout(0.4),
        cc.Residual(cc.Conv2d(6, 3, padding=1, bias=False), cc.GroupNorm(3), activation="relu"),
        cc.Concat(cc.Conv2d(2, 1), cc.Sequential(cc.AvgPool2d(3, stride=1, padding=1))),
        cc.ConvTranspose2d(4, 3, stride=(2, 1), padding=(1, 0), groups=2, name="spread"),
        cc.Upsample(2),
        cc.LayerNorm(),
        cc.Softmax(),
        cc.AdaptiveAvgPool2d((2, 3)),
        cc.Flatten(),
        cc.Linear(7, activation="tanh"),
        cc.Linear(3),
    ).build((3, 9, 11), seed=seed, dtype=dtype)


def a_pass(training, optimiser=None):
    """Trace the network on random numbers, its running statistics not those of the start."""
    model, rng = network(), np.random.default_rng(1)
    for name, buffer in model.store.buffers.items():
        buffer[...] = rng.uniform(0.5, 1.5, buffer.shape) if "var" in name else 0.3
    long = "panda" + "\N{PANDA FACE}" * 100
    model.info = {"classes": ["<b>dog", "</script><script>alert('class')</script>", long]}
    x = rng.standard_normal((4, 3, 9, 11))
    batch = (x[1:], [0, 1, 2]) if training else None
    made = optimiser(model) if optimiser else None
    return cc.trace(model, x[0], 2, training=training, batch=batch, optimiser=made)


def a_graph():
    """Trace a training step of a graph whose values are read several times."""
    model = cc.Graph(
        ("maps", cc.Conv2d(4, 3, padding=1), "x"),
        ("pooled", cc.GlobalAvgPool2d(), "maps"),
        ("gate", cc.Conv2d(4, 1, activation="sigmoid"), "pooled"),
        ("scaled", cc.Multiply(), "maps", "gate"),
        ("offset", cc.Constant((4, 1, 1), 0.5, learnt=True)),
        ("moved", cc.Add(), "scaled", "offset"),
        ("sum", cc.Add(), "moved", "maps"),
        ("both", cc.Join(), "sum", "maps"),
        ("flat", cc.Flatten(), "both"),
        ("logits", cc.Linear(3), "flat"),
    ).build((2, 5, 4), dtype="float64")
    x = np.random.default_rng(2).standard_normal((3, 2, 5, 4))
    return cc.trace(model, x[0], 2, training=True, batch=(x[1:], [0, 1]))


@pytest.fixture(scope="session")
def passes():
    """Return passes: the article's, one in evaluation, those of a training step and of a graph."""
    return {
        "article": article_example(),
        "evaluation": a_pass(False, lambda model: cc.AdamW(model, 0.01, weight_decay=0.1)),
        "training": a_pass(True, lambda model: cc.SGD(model, 0.1, 0.9, True, 0.01)),
        "graph": a_graph(),
    }


@pytest.fixture(scope="session")
def pages(passes, tmp_path_factory):
    """Return the page of each pass."""
    folder = tmp_path_factory.mktemp("pages")
    lead = ["A name from outside: <img src=x onerror=alert(1)> </script>"]
    return {
        name: write_glass_box(folder / f"{name}.html", one, title="<b>odd</b>", lead=lead)
        for name, one in passes.items()
    }


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    """Return a browser, or skip."""
    if chromium() is None:
        pytest.skip("Chromium is not installed (Debian's package: chromium)")
    made = Browser(tmp_path_factory.mktemp("profile"))
    yield made
    made.close()
