"""scikit-learn's own checks of an estimator, all that apply to tables of numbers."""

from dataclasses import dataclass

import pytest

import clearconv as cc

pytest.importorskip("sklearn", reason="scikit-learn is not installed: pip install '.[sklearn]'")

from sklearn.utils.estimator_checks import parametrize_with_checks

from clearconv.sklearn import ImageClassifier

#: Check -> why it cannot pass.
EXPECTED = {
    "check_sample_weight_equivalence_on_dense_data": (
        "training takes steps on small batches in a random order: an image of weight 2 gives the "
        "gradient of two copies in one step, where two copies come at two places of an epoch"
    ),
}


@dataclass(frozen=True)
class Tiny:
    """Makes a network for tables: the checks train it some two hundred times."""

    def __call__(self, classes):
        return cc.Sequential(
            cc.Conv2d(8, 3, padding=1, activation="relu"), cc.Flatten(), cc.Linear(classes)
        )


@pytest.mark.ci
@pytest.mark.filterwarnings("ignore")
@parametrize_with_checks(
    [ImageClassifier(Tiny(), epochs=4, batch_size=16, lr=0.02)],
    expected_failed_checks=lambda estimator: EXPECTED,
)
def test_scikit_learns_checks(estimator, check):
    check(estimator)


def test_the_checks_are_as_many_as_are_claimed():
    from sklearn.utils.estimator_checks import estimator_checks_generator

    names = [
        check.func.__name__ if hasattr(check, "func") else check.__name__
        for _, check in estimator_checks_generator(ImageClassifier(Tiny()))
    ]
    assert len(names) >= 60
    assert set(EXPECTED) <= set(names)
