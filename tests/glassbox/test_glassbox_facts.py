"""What the page says of a layer."""

import numpy as np

from clearconv import BatchNorm2d, Conv2d, Flatten, Linear, ReLU, Residual, Sequential, trace
from clearconv.glassbox.facts import about


def test_a_layer_says_with_which_others_a_training_step_runs_it():
    body = Conv2d(2, 3, padding=1)
    model = Sequential(
        Conv2d(2, 3), BatchNorm2d(), ReLU(), Residual(body, activation="relu"), Flatten(), Linear(2)
    ).build((1, 6, 6))
    found = trace(model, np.random.default_rng(0).standard_normal((1, 6, 6), dtype=np.float32))
    said = {layer.path: about(layer, found.stages) for layer in found.layers}
    together = "In this pass it ran separately; a training step runs it as one with"
    assert said["conv1"].endswith(
        f"1 x 6 x 6 to 2 x 4 x 4. {together} norm1, relu1 (conv + batch norm + ReLU)."
    )
    assert f"{together} conv1, norm1" in said["relu1"]
    assert said["residual1"] == (
        f"The sum at the end of a residual block. {together} residual1.activation (sum + ReLU)."
    )
    assert [path for path in said if together not in said[path]] == [
        *("input", "residual1.conv1", "flatten1", "linear1"),
    ]
