"""What a model file holds so that predictions may abstain, and the rule itself."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from math import floor
from pathlib import Path

import numpy as np
import numpy.typing as npt

from clearconv.arrays import Array, finite
from clearconv.errors import ModelFileError
from clearconv.layers import Node
from clearconv.runs.abstaining.distance import directions, distances, number_of_features, seen
from clearconv.runs.abstaining.temperature import LEAST, MOST, calibrated, fit_temperature
from clearconv.words import cut

Integers = npt.NDArray[np.int64]

#: Why no answer is given.
UNSURE, UNLIKE = "unsure", "unlike the training images"
#: Share of the validation images that each of the two rules may refuse.
REFUSED = 0.025
#: Before the names of the arrays in a model file.
_PREFIX = "abstain/"


@dataclass(frozen=True, eq=False)
class Abstainer:
    """When to give no answer.

    An image gets no answer if its calibrated probability is below `least`, or its distance to the
    training images above `most`. Of the validation images each rule refuses at most one in 40.

    Attributes
    ----------
    temperature : float
        Divisor of the logits.
    least : float
        Smallest probability of the most probable class with which an answer is given.
    most : float
        Largest distance at which an answer is given.
    known : ndarray of float32, shape (m, D)
        Features of training images, scaled to length 1.
    """

    temperature: float
    least: float
    most: float
    known: Array

    @classmethod
    def fit(cls, train: Array, validation: tuple[Array, Array, Integers]) -> "Abstainer":
        """Choose temperature and thresholds.

        Parameters
        ----------
        train : ndarray of shape (n, D)
            Features of training images.
        validation : (features, logits, labels)
            Of validation images, (m, D), (m, K) and (m,).

        Returns
        -------
        Abstainer
        """
        features, logits, labels = validation
        known, temperature = directions(train), fit_temperature(logits, labels)
        sure = np.sort(calibrated(logits, temperature).max(axis=1))  # (m,)
        far = np.sort(distances(features, known))[::-1]
        place = floor(REFUSED * len(labels))  # that many are beyond
        return cls(temperature, float(sure[place]), float(far[place]), known)

    def judge(self, features: Array, logits: Array) -> "Judged":
        """Return probabilities, distances and refusals.

        Parameters
        ----------
        features : ndarray of shape (n, D)
            What the last layer sees, from ``seen``.
        logits : ndarray of shape (n, K)

        Returns
        -------
        Judged

        Notes
        -----
        An image is refused if max p < least, or d > most.
        """
        probabilities = calibrated(logits, self.temperature)
        far = distances(features, self.known)
        return Judged(probabilities, far, probabilities.max(axis=1) < self.least, far > self.most)

    def ask(self, model: Node, x: Array) -> "Judged":
        """Judge inputs of a model.

        Parameters
        ----------
        model : Node
            The model.
        x : ndarray of shape (n, *model.input_shape)
            Inputs in its dtype.

        Returns
        -------
        Judged
        """
        return self.judge(*seen(model, x))

    def arrays(self) -> dict[str, Array]:
        """Return the arrays that a model file carries beside the weights."""
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        return {
            _PREFIX + name: np.array([value], np.float64) if isinstance(value, float) else value
            for name, value in values.items()
        }

    @classmethod
    def of(cls, path: Path, model: Node, extra: Mapping[str, Array]) -> "Abstainer | None":
        """Return what a model file holds; None if it has none of it.

        Parameters
        ----------
        path : Path
            The file, for errors.
        model : Node
            Its model.
        extra : dict
            Arrays beside the weights.

        Raises
        ------
        ModelFileError
            If some of it is missing, or does not fit the model.
        """
        found = {
            name.removeprefix(_PREFIX): array
            for name, array in extra.items()
            if name.startswith(_PREFIX)
        }
        if not found:
            return None
        D = number_of_features(model)
        numbers = [found.get(name, np.empty(0)) for name in ("temperature", "least", "most")]
        known = found.get("known", np.empty(0))
        if (
            len(found) == 4
            and all(array.dtype.kind == "f" and finite(array) for array in found.values())
            and all(array.shape == (1,) for array in numbers)
            and known.dtype == np.float32
            and known.shape == (max(1, len(known)), D)
        ):
            temperature, least, most = (float(array[0]) for array in numbers)
            if LEAST <= temperature <= MOST:
                return cls(temperature, least, most, known)
        shapes = ", ".join(f"{name} {array.shape}" for name, array in sorted(found.items()))
        raise ModelFileError(
            f"{path}: what it holds for abstaining ({cut(shapes, 200)}) is damaged: temperature, "
            f"least and most, one finite number each, and known of shape (images, {D}) are "
            "expected. Was the file changed after it was saved?"
        )


@dataclass(frozen=True, eq=False)
class Judged:
    """Answers, and which of them are not given.

    Attributes
    ----------
    probabilities : ndarray of float64, shape (n, K)
        Calibrated.
    distances : ndarray of float64, shape (n,)
        To the fifth nearest training image.
    unsure, unlike : ndarray of bool, shape (n,)
        Whether an image is refused because no class is probable enough, and because it is too far
        from the training images.
    """

    probabilities: Array
    distances: Array
    unsure: npt.NDArray[np.bool_]
    unlike: npt.NDArray[np.bool_]

    @property
    def refused(self) -> npt.NDArray[np.bool_]:
        """Return whether each image gets no answer."""
        return self.unsure | self.unlike

    def reasons(self) -> list[str | None]:
        """Return why each image gets no answer; None where it gets one."""
        pairs = zip(self.unsure.tolist(), self.unlike.tolist(), strict=True)
        return [UNLIKE if unlike else UNSURE if unsure else None for unsure, unlike in pairs]
