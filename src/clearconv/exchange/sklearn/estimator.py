"""The estimator: scikit-learn's interface on top of a training run."""

import copy
from collections.abc import Iterator
from itertools import count
from numbers import Integral
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.utils import check_array, check_consistent_length, check_random_state, column_or_1d
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from clearconv.arrays import Array
from clearconv.data import Preprocessing, Source, side_for
from clearconv.data.images.decode import CACHE_SIDE, Pixels
from clearconv.errors import ArgumentError, DataError
from clearconv.exchange.sklearn.images import (
    are_pictures,
    as_bytes,
    limits,
    pictures,
    read_picture,
    shaped,
)
from clearconv.exchange.sklearn.source import array_source, divided, picture_source
from clearconv.layers import Node
from clearconv.layers.loading import load
from clearconv.ops import softmax
from clearconv.runs import files
from clearconv.train import EpochLines, go, new_run

#: Images that go through the network together.
_BATCH = 64
#: Settings that are arguments of their own.
_OWN = ("model", "image_size", "resize", "epochs", "batch_size", "lr")
_SECONDS = 1e9  # between checkpoints within an epoch: a fit is not resumed


class ImageClassifier(ClassifierMixin, BaseEstimator):
    """A convolutional network as a scikit-learn classifier.

    It trains as ``clearconv train`` does: settings that are not given have the defaults for this
    kind of data, and the model of one epoch is kept by its validation. It can be cloned, pickled,
    used in a ``Pipeline``, and searched with ``GridSearchCV(n_jobs=2)``. The same data and
    `random_state` give the same bits.

    Parameters
    ----------
    model : str, Node or callable, optional
        A name in ``clearconv.models.MODELS``, your own network, which is copied, or a function that
        is called with the number of classes and returns a network.
    image_shape : (H, W) or (H, W, C), optional
        Shape of the images in a table of flattened ones, (n, features). By default it is a square
        if the number of features is a square number, otherwise one row of pixels.
    image_size : int, optional
        Height and width that the network sees; by default that of the arrays, or the model's own.
    resize : {"crop", "squash", "letterbox"}, optional
        How an image of another shape is fitted to the network's input.
    epochs, batch_size, lr : number, optional
        As in ``clearconv.train.Settings``.
    validation_fraction : float
        Share of the images of ``fit`` by which the epoch to keep is chosen. With 0, or too few
        images for such a part, the training images choose it.
    class_weight : dict, "balanced" or None
        Weights of the classes, as elsewhere in scikit-learn.
    random_state : int, RandomState instance or None
        Seed of the initial weights, the order, the augmentation and the validation part.
    settings : dict, optional
        Other attributes of ``clearconv.train.Settings``, such as ``{"label_smoothing": 0.1}``.
    verbose : bool
        Whether to print a line for each epoch.

    Attributes
    ----------
    classes_ : ndarray of shape (K,)
        The classes.
    model_ : Node
        The network, with classes and preprocessing in ``model_.info``:
        ``model_.save("best.safetensors")`` writes a file for ``clearconv predict``.
    history_ : list of EpochRecord
        One record per epoch.
    best_epoch_ : int
        Epoch whose model was kept, from 1.
    limits_ : (float, float) or None
        Numbers of X that stand for black and white: 0 and 255 for bytes, otherwise the least and
        the largest of the training images. None for pictures.
    n_features_in_ : int
        Number of features of a table of flattened images.

    Notes
    -----
    X is one of

    - a list or one-dimensional array of paths, Pillow images, or uint8 arrays of any size;
    - an array (n, H, W) or (n, H, W, C) with 1 or 3 channels;
    - a table (n, features) of flattened images.

    Numbers that are not bytes are brought to 256 levels, as pixels have.

    Examples
    --------
    >>> from sklearn.datasets import load_digits  # doctest: +SKIP
    >>> X, y = load_digits(return_X_y=True)  # doctest: +SKIP
    >>> ImageClassifier("digits_cnn", image_shape=(8, 8)).fit(X, y)  # doctest: +SKIP
    """

    #: With metadata routing both get weights without being asked, so that a search and a
    #: cross-validation, which both pass on what is requested, score alike.
    __metadata_request__fit = {"sample_weight": True}
    __metadata_request__score = {"sample_weight": True}

    def __init__(
        self,
        model: Any = None,
        *,
        image_shape: tuple[int, ...] | None = None,
        image_size: int | None = None,
        resize: str | None = None,
        epochs: int | None = None,
        batch_size: int | None = None,
        lr: float | None = None,
        validation_fraction: float = 0.1,
        class_weight: Any = None,
        random_state: Any = 0,
        settings: dict[str, Any] | None = None,
        verbose: bool = False,
    ) -> None:
        self.model = model
        self.image_shape = image_shape
        self.image_size = image_size
        self.resize = resize
        self.epochs = epochs
        self.batch_size = batch_size
        self.lr = lr
        self.validation_fraction = validation_fraction
        self.class_weight = class_weight
        self.random_state = random_state
        self.settings = settings
        self.verbose = verbose

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train a network.

        Parameters
        ----------
        X : list of pictures, or array of shape (n, features), (n, H, W) or (n, H, W, C)
            The images; see the class.
        y : sequence of n labels
            Class of each image.
        sample_weight : sequence of n floats, optional
            Weight of each image in the loss, scaled to a mean of 1; images of weight 0 are left
            out. A weight of 2 gives the gradient of two copies, but not their order in an epoch.

        Returns
        -------
        ImageClassifier
            Itself, fitted.

        Raises
        ------
        DataError
            A ValueError: if the images cannot be used.
        ArgumentError
            A TypeError: if a setting is not possible.
        RunError
            If the training diverges.
        """
        images, y = self._learnt_from(X, y)
        weights = _check_sample_weight(sample_weight, y, ensure_non_negative=True)
        if not weights.any():
            raise DataError("sample_weight is zero for all samples, so there is nothing to learn.")
        used = np.flatnonzero(weights > 0)
        classes, labels = np.unique(y[used], return_inverse=True)
        if len(classes) < 2:
            raise DataError(
                f"y has one class ({classes[0]}), but a classifier needs at least two classes."
            )
        if self.class_weight is not None:
            weights = weights * compute_sample_weight(self.class_weight, y)
        if not 0 <= self.validation_fraction < 1:
            raise DataError(
                f"`validation_fraction={self.validation_fraction!r}`, but a share of at least 0 "
                "and less than 1 is needed."
            )
        seed = self.random_state
        if not isinstance(seed, Integral):
            seed = check_random_state(seed).randint(2**31 - 1)
        source = self._source(images, used, labels, [str(name) for name in classes], int(seed))
        alike = sample_weight is None and self.class_weight is None
        self._train(source, None if alike else weights[used], int(seed))
        self.classes_ = classes
        return self

    def predict_proba(self, X: Any) -> Array:
        """Return the probability of each class.

        Parameters
        ----------
        X : list of pictures, or array
            Images as in ``fit``.

        Returns
        -------
        ndarray of float64, shape (n, K)
            In the order of ``classes_``; each row sums to 1.
        """
        images = self._answered(X)
        rows = [np.empty((0, len(self.classes_)))]
        for batch in self._batches(images):
            x = self._preprocessing.normalised(batch).transpose(0, 3, 1, 2)  # (n, C, H, W)
            logits = self.model_.forward(self.model_.as_input(x))
            rows.append(softmax.forward(logits.astype(np.float64)))
        return np.concatenate(rows)  # (n, K)

    def predict(self, X: Any) -> Any:
        """Return the most probable class of each image.

        Parameters
        ----------
        X : list of pictures, or array
            Images as in ``fit``.

        Returns
        -------
        ndarray of shape (n,)
            Classes, as they were in y.
        """
        probabilities = self.predict_proba(X)  # raises unless fitted
        return self.classes_[probabilities.argmax(axis=1)]

    def score(self, X: Any, y: Any, **metadata: Any) -> float:
        """Return the share of images classified correctly.

        Parameters
        ----------
        X : list of pictures, or array
            Images as in ``fit``.
        y : sequence of n labels
            True classes.
        **metadata
            `sample_weight`, a sequence of n floats: the weight of each image.

        Returns
        -------
        float

        Notes
        -----
        The weights are not a named argument, because without metadata routing scikit-learn looks
        at the names: from 1.7 on ``GridSearchCV.fit(X, y, sample_weight=w)`` would weight the
        score, but ``cross_val_score(..., params={"sample_weight": w})`` would not, so that the
        same folds had two scores (scikit-learn 1.9.1). Without routing neither does now, and the
        search says so in a warning; with ``sklearn.set_config(enable_metadata_routing=True)`` both
        do.
        """
        weights = metadata.pop("sample_weight", None)
        if metadata:
            names = ", ".join(metadata)
            raise TypeError(f"score got {names}, but it takes X, y and sample_weight.")
        return float(accuracy_score(y, self.predict(X), sample_weight=weights))

    def _learnt_from(self, X: Any, y: Any) -> tuple[Any, Any]:
        """Return what to learn from: a list of pictures or an array (n, H, W, C), and labels."""
        if are_pictures(X):
            images: Any = pictures(X)
            y = column_or_1d(y, warn=True)
            check_consistent_length(images, y)
            self.limits_ = None
        else:
            if _axes(X) > 2:
                images, image_shape = check_array(X, allow_nd=True), None
                y = column_or_1d(y, warn=True)
                check_consistent_length(images, y)
            else:
                images, y = validate_data(self, X, y)
                image_shape = self.image_shape
            images = shaped(images, image_shape)
            self.limits_ = limits(images)
        check_classification_targets(y)
        return images, y

    def _answered(self, X: Any) -> Any:
        """Return what to predict: a list of pictures, or pixels (n, H, W, C)."""
        check_is_fitted(self)
        if are_pictures(X):
            return pictures(X)
        if self.limits_ is None:
            raise DataError(
                f"X has shape {np.shape(X)}, but the network was fitted on pictures. Give a list "
                "of paths, Pillow images or arrays of uint8."
            )
        if _axes(X) > 2:
            images = shaped(check_array(X, allow_nd=True), None)
        else:
            images = shaped(validate_data(self, X, reset=False), self.image_shape)
        return as_bytes(images, *self.limits_)

    def _source(self, images: Any, used: Any, labels: Any, names: list[str], seed: int) -> Source:
        """Return the images that are used as data for training."""
        split = divided(labels, self.validation_fraction, seed)
        if isinstance(images, list):
            square = self.image_size
            side = CACHE_SIDE if square is None else side_for((square, square))
            return picture_source([images[i] for i in used], labels, names, split, side)
        assert self.limits_ is not None
        pixels = as_bytes(images[used], *self.limits_)
        return array_source(pixels, labels, names, split)

    def _train(self, source: Source, weights: Array | None, seed: int) -> None:
        """Train in a temporary folder, and take over the model of the epoch that is kept."""
        given = {name: getattr(self, name) for name in _OWN}
        others = dict(self.settings or {})
        if twice := sorted(others.keys() & {*given, "seed"}):
            raise ArgumentError(
                f"`settings` holds {', '.join(twice)}, which ImageClassifier takes as an argument "
                "of its own (the seed as `random_state`). Give it there."
            )
        network = self.model
        if isinstance(network, Node):
            network = copy.deepcopy(network)
        elif callable(network):
            network = network(len(source.classes))
        given |= {"save_every": _SECONDS, **others, "model": network, "seed": seed}
        callbacks = [EpochLines()] if self.verbose else []
        with TemporaryDirectory(prefix="clearconv-") as folder:
            out = Path(folder) / "fit"
            with new_run(source, out=out, callbacks=callbacks, **given) as run:
                if weights is not None:
                    run.weights = weights / weights[run.split.train].mean()
                result = go(run, callbacks)
                self.model_ = load(out / files.BEST)
                self.history_, self.best_epoch_ = run.history, result.best_epoch

    @property
    def _preprocessing(self) -> Preprocessing:
        return Preprocessing.from_dict(self.model_.info["preprocessing"])

    def _batches(self, images: Any) -> Iterator[Pixels]:
        """Yield pixels as the network sees them, (n, H, W, C), a batch at a time."""
        preprocessing = self._preprocessing
        for start in range(0, len(images), _BATCH):
            batch = images[start : start + _BATCH]
            if isinstance(images, list):
                named = zip(batch, count(start), strict=False)
                batch = [read_picture(x, preprocessing, f"X[{i}]") for x, i in named]
            yield np.stack([preprocessing.resized(pixels) for pixels in batch])


def _axes(X: Any) -> int:
    """Return the number of axes of numbers, 2 if they are no plain array."""
    try:
        return int(X.ndim) if hasattr(X, "ndim") else np.asarray(X).ndim
    except ValueError:  # rows of different lengths: the check that follows says so
        return 2
