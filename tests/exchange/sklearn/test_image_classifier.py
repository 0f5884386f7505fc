"""The estimator: what it takes, what it gives, and how scikit-learn's tools use it."""

import pickle
import warnings

import numpy as np
import pytest
from PIL import Image

import clearconv as cc

pytest.importorskip("sklearn", reason="scikit-learn is not installed: pip install '.[sklearn]'")

import sklearn
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from clearconv.sklearn import ImageClassifier


def tiny(classes):
    return cc.Sequential(cc.Flatten(), cc.Linear(classes))


def small(**given):
    return ImageClassifier(tiny, **{"epochs": 4, "batch_size": 8, "lr": 0.02, **given})


def stripes(count, seed=0, side=6):
    """Return images (n, side, side) with the left or the right half bright, and their names."""
    rng = np.random.default_rng(seed)
    right = rng.integers(0, 2, count)
    images = rng.integers(0, 100, (count, side, side), dtype=np.uint8)
    images[right == 0, :, : side // 2] += 100
    images[right == 1, :, side // 2 :] += 100
    return images, np.array(["left", "right"])[right]


IMAGES, NAMES = stripes(40)
NEW, NEW_NAMES = stripes(30, seed=1)


def test_arrays_rows_and_floats_of_the_same_images_give_the_same_answers():
    fitted = small().fit(IMAGES, NAMES)
    assert fitted.score(NEW, NEW_NAMES) == 1.0
    assert list(fitted.classes_) == ["left", "right"]
    assert set(fitted.predict(NEW)) == {"left", "right"}
    expected = fitted.predict_proba(NEW)
    assert expected.shape == (30, 2)
    np.testing.assert_allclose(expected.sum(axis=1), 1, rtol=1e-12)

    rows = small(image_shape=(6, 6)).fit(IMAGES.reshape(40, 36), NAMES)
    np.testing.assert_array_equal(rows.predict_proba(NEW.reshape(30, 36)), expected)
    square = small().fit(IMAGES.reshape(40, 36), NAMES)  # 36 is 6 x 6
    np.testing.assert_array_equal(square.predict_proba(NEW.reshape(30, 36)), expected)
    grey = small().fit(IMAGES[..., np.newaxis], NAMES)
    np.testing.assert_array_equal(grey.predict_proba(NEW[..., np.newaxis]), expected)
    # an array of bytes stands for itself, also where the next one is of floats
    np.testing.assert_array_equal(fitted.predict_proba(NEW.astype(np.float32)), expected)


def test_numbers_that_are_no_bytes_are_brought_to_256_levels():
    from clearconv.exchange.sklearn.images import as_bytes, limits

    x = np.array([[-1.0, 0.0, 3.0]])
    assert limits(x) == (-1.0, 3.0)
    # (0 + 1) / 4 of 255 is 63.75
    np.testing.assert_array_equal(as_bytes(x, -1.0, 3.0), [[0, 64, 255]])
    np.testing.assert_array_equal(as_bytes(np.array([-9.0, 9.0]), -1.0, 3.0), [0, 255])
    assert not as_bytes(np.array([5.0, 5.0]), 5.0, 5.0).any()
    scaled = small().fit(IMAGES / 255, NAMES)
    assert scaled.score(NEW / 255, NEW_NAMES) == 1.0


def test_files_and_pictures_of_any_size(tmp_path):
    paths, names = [], []
    for i, (image, name) in enumerate(zip(IMAGES[:16], NAMES[:16], strict=True)):
        picture = Image.fromarray(image).resize((10 + i, 12), Image.Resampling.NEAREST)
        picture.convert("RGB").save(path := tmp_path / f"{i}.png")
        paths.append(path)
        names.append(name)
    plain = {"flip": 0.0, "crop": None}
    given = small(image_size=6, resize="squash", epochs=8, settings={"augmentation": plain})
    fitted = given.fit(paths, names)
    assert fitted.score(paths, names) == 1.0
    expected = fitted.predict_proba(paths)
    opened = [Image.open(path) for path in paths]
    np.testing.assert_array_equal(fitted.predict_proba(opened), expected)
    arrays = [np.asarray(image) for image in opened]
    np.testing.assert_array_equal(fitted.predict_proba(arrays), expected)
    as_text = np.array([str(path) for path in paths])
    np.testing.assert_array_equal(fitted.predict_proba(as_text), expected)
    with pytest.raises(ValueError, match="fitted on pictures"):
        fitted.predict(IMAGES)
    with pytest.raises(ValueError, match="nobody.png"):
        fitted.predict([tmp_path / "nobody.png"])

    fitted.model_.save(tmp_path / "model.safetensors")  # what it learnt leaves as any other model
    told = cc.train.predict(tmp_path / "model.safetensors", paths)
    assert [one.best[0] for one in told] == list(fitted.predict(paths))


def test_it_clones_pickles_and_repeats_itself():
    fitted = small(random_state=3).fit(IMAGES, NAMES)
    expected = fitted.predict_proba(NEW)
    again = clone(fitted)
    assert not hasattr(again, "classes_")
    assert again.get_params() == fitted.get_params()
    np.testing.assert_array_equal(again.fit(IMAGES, NAMES).predict_proba(NEW), expected)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(fitted)).predict_proba(NEW), expected)
    other = small(random_state=4).fit(IMAGES, NAMES)
    assert not np.array_equal(other.predict_proba(NEW), expected)

    network = cc.Sequential(cc.Flatten(), cc.Linear(2)).build((1, 6, 6), seed=3)
    before = network.parameters["linear1.weight"].copy()
    ImageClassifier(network, epochs=1).fit(IMAGES, NAMES)
    np.testing.assert_array_equal(network.parameters["linear1.weight"], before)  # a copy learnt


def test_images_of_weight_0_are_left_out():
    weights = np.repeat([1.0, 0.0], 20)
    fitted = small().fit(IMAGES, NAMES, sample_weight=weights)
    np.testing.assert_allclose(
        fitted.predict_proba(NEW), small().fit(IMAGES[:20], NAMES[:20]).predict_proba(NEW)
    )
    with pytest.raises(ValueError, match="zero"):
        small().fit(IMAGES, NAMES, sample_weight=0 * weights)
    with pytest.raises(ValueError, match="one class"):
        small().fit(IMAGES, NAMES, sample_weight=(NAMES == "left") * 1.0)


def test_heavy_images_count_more():
    images = np.full((20, 6, 6), 128, np.uint8)  # nothing to tell them apart
    names = np.repeat(["rare", "common"], 10)
    weights = np.repeat([9.0, 1.0], 10)
    fitted = small(epochs=30).fit(images, names, sample_weight=weights)
    assert fitted.predict_proba(images[:1])[0, 1] > 0.75  # of "rare"; 0.9 in the limit
    balanced = small(epochs=30, class_weight={"rare": 9, "common": 1}).fit(images, names)
    assert balanced.predict_proba(images[:1])[0, 1] > 0.75


def test_pipeline_and_cross_validation():
    rows = IMAGES.reshape(40, 36)
    scaled = make_pipeline(StandardScaler(), small(image_shape=(6, 6), epochs=8))
    assert scaled.fit(rows, NAMES).score(NEW.reshape(30, 36), NEW_NAMES) > 0.9
    scores = cross_val_score(small(), IMAGES, NAMES, cv=2)
    assert scores.min() > 0.9


@pytest.mark.ci  # two processes that import everything
def test_grid_search_in_two_processes():
    search = GridSearchCV(small(), {"lr": [1e-7, 0.02]}, cv=2, n_jobs=2)
    search.fit(IMAGES, NAMES)
    assert search.best_params_ == {"lr": 0.02}
    assert search.score(NEW, NEW_NAMES) == 1.0
    alone = GridSearchCV(small(), {"lr": [1e-7, 0.02]}, cv=2).fit(IMAGES, NAMES)
    np.testing.assert_array_equal(
        search.cv_results_["mean_test_score"], alone.cv_results_["mean_test_score"]
    )


@pytest.mark.parametrize("routing", [False, True])
@pytest.mark.ci
def test_weighted_scores_of_a_search_and_of_a_cross_validation_agree(routing):
    """scikit-learn 1.9.1: with the usual signature of score they differ without routing."""
    rng = np.random.default_rng(5)
    names = rng.permutation(NAMES)  # nothing to learn: about half is right, and which matters
    weights = rng.integers(1, 9, 40).astype(float)
    folds = StratifiedKFold(2)
    with sklearn.config_context(enable_metadata_routing=routing), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The scoring .* does not support sample_weight")
        search = GridSearchCV(small(), {"lr": [0.02]}, cv=folds, refit=False)
        search.fit(IMAGES, names, sample_weight=weights)
        scores = cross_val_score(
            small(), IMAGES, names, cv=folds, params={"sample_weight": weights}
        )
    found = [search.cv_results_[f"split{fold}_test_score"][0] for fold in range(2)]
    np.testing.assert_array_equal(found, scores)
    expected = []
    for train, test in folds.split(IMAGES, names):
        fitted = small().fit(IMAGES[train], names[train], sample_weight=weights[train])
        chosen = weights[test] if routing else None
        expected.append(fitted.score(IMAGES[test], names[test], sample_weight=chosen))
    np.testing.assert_allclose(found, expected)
    with pytest.raises(TypeError, match="score got height"):
        fitted.score(IMAGES, names, height=3)


def test_settings_reach_the_run():
    fitted = small(settings={"patience": 1, "optimiser": "sgd"}).fit(IMAGES, NAMES)
    assert fitted.best_epoch_ <= len(fitted.history_) <= 4
    with pytest.raises(TypeError, match="lr"):
        small(settings={"lr": 1.0}).fit(IMAGES, NAMES)
    with pytest.raises(TypeError, match="learning"):
        small(settings={"learning": 1.0}).fit(IMAGES, NAMES)


@pytest.mark.parametrize(
    ("given", "X", "says"),
    [
        ({"image_shape": (5, 5)}, IMAGES.reshape(40, 36), "36 features"),
        ({"image_shape": 6}, IMAGES.reshape(40, 36), "height, width"),
        ({}, np.zeros((40, 3, 6, 6), np.uint8), r"transpose\(0, 2, 3, 1\)"),
        ({"validation_fraction": 1.0}, IMAGES, "validation_fraction"),
    ],
)
def test_what_does_not_fit_is_named(given, X, says):
    with pytest.raises(ValueError, match=says):
        small(**given).fit(X, NAMES)


def test_few_images_all_train():
    fitted = small(validation_fraction=0).fit(IMAGES[:4], ["a", "b", "a", "b"])
    assert len(fitted.predict(NEW)) == 30


def test_it_prints_a_line_for_each_epoch_if_asked(capsys):
    small(verbose=True, epochs=2).fit(IMAGES, NAMES)
    assert "epoch" in capsys.readouterr().out
