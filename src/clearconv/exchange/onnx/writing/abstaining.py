"""When a model gives no answer, as operators: calibrated probabilities, a distance, a refusal."""

from collections.abc import Mapping

import numpy as np

from clearconv.exchange.onnx.operators.base.writer import DOUBLE, FLOAT, Writer
from clearconv.layers.wiring.places import Places
from clearconv.runs.abstaining.abstainer import Abstainer
from clearconv.runs.abstaining.distance import NEAREST


def write_abstaining(
    abstainer: Abstainer,
    head: str,
    places: Places,
    values: Mapping[str, str],
    logits: str,
    to: Writer,
) -> tuple[str, str, str]:
    """Add the rules of ``docs/abstain.md``.

    Parameters
    ----------
    abstainer : Abstainer
        Temperature, thresholds and features of training images.
    head : str
        Path of the layer whose input the features are.
    places : Places
        Wiring of the network.
    values : mapping
        Path of each place -> name of its output.
    logits : str
        Name of the logits (N, classes).
    to : Writer
        Graph that receives the operators.

    Returns
    -------
    (str, str, str)
        Names of calibrated probabilities (N, classes), of the distance (N,), and of whether no
        answer is given (N,).
    """
    to.scope = "abstaining"
    place = next(each for each in places.places if each.path == head)
    features = to.op("Cast", values[place.sources[0]], to=DOUBLE)
    if len(place.node.input_shape) == 3:  # the mean of each map
        features = to.reduced("Mean", features, [2, 3])
    features = to.op("Flatten", features, axis=1)  # (N, D)
    length = to.op("Sqrt", to.reduced("Sum", to.op("Mul", features, features), [1]))
    length = to.op("Max", length, to.constant(np.finfo(np.float64).tiny, "tiny", "float64"))
    directions = to.op("Cast", to.op("Div", features, length), to=FLOAT)
    likeness = to.op("MatMul", directions, to.constant(abstainer.known.T, "known", "float32"))
    fifth = min(NEAREST, len(abstainer.known))
    nearest = to.ops("TopK", likeness, to.constant([fifth], "k", "int64"), outputs=2, axis=1)
    likest = to.op("Cast", to.reduced("Min", nearest[0], [1], keepdims=False), to=DOUBLE)  # (N,)
    two, zero = (to.constant(number, "number", "float64") for number in (2.0, 0.0))
    squared = to.op("Max", to.op("Sub", two, to.op("Mul", two, likest)), zero)
    distance = to.op("Sqrt", squared)
    temperature = to.constant(abstainer.temperature, "temperature", "float64")
    cooled = to.op("Div", to.op("Cast", logits, to=DOUBLE), temperature)
    calibrated = to.op("Softmax", cooled, axis=1)
    best = to.reduced("Max", calibrated, [1], keepdims=False)
    unsure = to.op("Less", best, to.constant(abstainer.least, "least", "float64"))
    unlike = to.op("Greater", distance, to.constant(abstainer.most, "most", "float64"))
    refused = to.op("Or", unsure, unlike)
    to.scope = ""
    return to.op("Cast", calibrated, to=FLOAT), to.op("Cast", distance, to=FLOAT), refused
