import numpy as np
import pytest

from clearconv.explain import grad_cam, randomised, rank_correlation, sanity_check
from clearconv.models import create


def model():
    return create("resnet20", 3).build((3, 16, 16), seed=4)


def test_rank_correlation_by_hand():
    assert rank_correlation([1, 2, 3], [10, 200, 3000]) == pytest.approx(1)
    assert rank_correlation([1, 2, 3], [3, 2, 1]) == pytest.approx(-1)
    # ranks 1 2 3 4 and 1 3 2 4: 1 - 6 * (0 + 1 + 1 + 0) / (4 * 15) = 0.8
    assert rank_correlation([1, 2, 3, 4], [1, 3, 2, 4]) == pytest.approx(0.8)
    # ties share their mean rank: 1.5 1.5 3 against 1 2 3; covariance 1.5, sizes 1.5 and 2
    assert rank_correlation([5, 5, 9], [1, 2, 3]) == pytest.approx(1.5 / np.sqrt(1.5 * 2))
    assert rank_correlation([1, 1, 1], [1, 2, 3]) == 0


def test_random_layers_are_new_and_the_others_are_not():
    trained = model()
    before = trained.store.fingerprint()
    copy = randomised(trained, ["fc", "layer3.2.conv2"], seed=0)
    changed = {
        path
        for path, value in copy.state_dict().items()
        if not np.array_equal(value, trained.state_dict()[path])
    }
    assert changed == {"fc.weight", "layer3.2.conv2.weight"}  # a bias begins at 0 in both
    assert trained.store.fingerprint() == before


def test_random_weights_depend_on_the_seed_alone_and_are_not_the_initial_ones():
    trained = model()
    one, same, other = (randomised(trained, ["fc"], seed) for seed in (4, 4, 5))
    assert one.store.fingerprint() == same.store.fingerprint() != other.store.fingerprint()
    assert one.store.fingerprint() != trained.store.fingerprint()  # trained began with seed 4


def test_cascade_goes_from_the_head_to_the_whole_network():
    trained = model()
    x = np.random.default_rng(0).standard_normal((3, 3, 16, 16)).astype(np.float32)
    check = sanity_check(trained, x)
    assert [path for path, _ in check.steps][0] == "fc"
    assert [path for path, _ in check.steps][-1] == "conv1"
    assert 2 <= len(check.steps) <= 6
    assert (check.images, check.layer) == (3, "layer3.2")
    assert check.correlation == check.steps[-1][1]
    again = sanity_check(trained, x)
    assert check.steps == again.steps
    paths = [leaf.path for leaf in trained.leaves()]
    answers = trained.forward(x).argmax(axis=1).tolist()
    assert np.array_equal(check.trained, grad_cam(trained, x, answers))
    assert np.array_equal(check.random, grad_cam(randomised(trained, paths), x, answers))


def test_empty_maps_prove_nothing(monkeypatch):
    from clearconv.explain import agreement

    def some(model, x, target, layer):
        return x[:, 0] * np.array([0, 1, 0])[:, np.newaxis, np.newaxis]

    monkeypatch.setattr(agreement, "grad_cam", some)
    x = np.random.default_rng(0).standard_normal((3, 3, 16, 16)).astype(np.float32)
    check = sanity_check(model(), x)
    assert check.images == 1 and check.correlation == pytest.approx(1)
    monkeypatch.setattr(agreement, "grad_cam", lambda model, x, target, layer: 0 * x[:, 0])
    check = sanity_check(model(), x)
    assert check.images == 0 and np.isnan(check.correlation) and not check.passed


def test_a_map_that_no_weight_changes_fails(monkeypatch):
    """An edge detector in the place of Grad-CAM: the check must say so."""
    from clearconv.explain import agreement

    monkeypatch.setattr(agreement, "grad_cam", lambda model, x, target, layer: x[:, 0])
    x = np.random.default_rng(0).standard_normal((2, 3, 16, 16)).astype(np.float32)
    check = sanity_check(model(), x)
    assert check.correlation == pytest.approx(1) and not check.passed
