"""One layer, one model: a second model cannot take the parameters from under the first."""

import copy

import numpy as np
import pytest

from clearconv import Conv2d, Flatten, Linear, Residual, Sequential, from_spec
from clearconv.article import img_conv_layer
from clearconv.errors import ArgumentError

SHAPE = (2, 6, 5)
X = np.random.default_rng(0).standard_normal((3, *SHAPE)).astype("float32")


def test_a_layer_of_a_built_model_is_refused_and_the_model_stays_as_it_was():
    shared = Conv2d(4, 3)
    first = Sequential(shared).build(SHAPE)
    y, state = first.forward(X), first.state_dict()
    second = Sequential(Residual(shortcut=shared))
    with pytest.raises(ArgumentError, match=r"Conv2d 'conv1'.*another model.*from_spec\(layer"):
        second.build(SHAPE, seed=1)
    np.testing.assert_array_equal(first.forward(X), y)
    shared.value("weight")[...] += 1  # what the layer computes with is still what the model saves
    assert not np.array_equal(first.state_dict()["conv1.weight"], state["conv1.weight"])
    assert shared.path == "conv1"


def test_the_remedy_works():
    shared = Conv2d(4, 3, stride=2)
    first = Sequential(shared).build(SHAPE)
    before = first.store.fingerprint()
    for other in (from_spec(shared.spec()), copy.deepcopy(shared)):
        second = Sequential(other).build(SHAPE, seed=1)
        assert second.output_shape == first.output_shape
    assert first.store.fingerprint() == before


def test_a_part_and_a_layer_built_by_itself():
    inner = Sequential(Conv2d(4, 3))
    whole = Sequential(inner, Flatten()).build(SHAPE)
    with pytest.raises(ArgumentError, match="another model"):
        inner.build(SHAPE)
    assert whole.forward(X).shape == (3, 48)
    alone = Linear(3).build((5,))
    with pytest.raises(ArgumentError, match="Linear was built by itself"):
        Sequential(alone).build((5,))


def test_a_model_is_built_again_and_one_thrown_away_blocks_nothing():
    layer = Conv2d(4, 3)
    model = Sequential(layer).build(SHAPE)
    fingerprint = model.store.fingerprint()
    model.forward(X, training=True)
    assert model.build((1, 9, 9)).output_shape == (4, 7, 7)
    assert model.build(SHAPE).store.fingerprint() == fingerprint
    del model
    assert Sequential(layer).build(SHAPE).store.fingerprint() == fingerprint


def test_a_model_that_is_not_built_shares_freely():
    """As PaddlePaddle's functions do, which continue a chain by a new one."""
    layer = Conv2d(4, 3)
    draft = Sequential(layer)
    chain = img_conv_layer(draft, 3, 2)
    assert chain.build(SHAPE).output_shape == (2, 2, 1)
    with pytest.raises(ArgumentError, match="another model"):
        draft.build(SHAPE)
    with pytest.raises(ArgumentError, match="another model"):
        img_conv_layer(chain, 1, 2).build(SHAPE)
