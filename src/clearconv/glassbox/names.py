"""The names of arrays and views on the page, with the symbols of docs/."""

#: Array -> symbol and description.
NAMES = {
    "x": ("x", "input"),
    "y": ("y", "output"),
    "net": ("net", "weighted sum before the activation"),
    "grad_x": ("dx", "error terms of the input"),
    "grad_y": ("dy", "error terms of the output"),
    "grad_net": ("δ", "error terms of net"),
    "weight": ("w", "weights"),
    "bias": ("b", "biases"),
    "grad_weight": ("dw", "gradient of the weights"),
    "grad_bias": ("db", "gradient of the biases"),
    "weight.update": ("w new", "weights after the step"),
    "bias.update": ("b new", "biases after the step"),
    "slope": ("f′", "slope of the activation"),
    "mask": ("mask", "1 where kept, 0 where dropped"),
    "argmax": ("argmax", "place of the maximum in its window"),
    "mean": ("μ", "mean of each channel"),
    "var": ("σ²", "variance of each channel"),
    "scale": ("1/√(σ² + ε)", "one over the deviation"),
    "drift": ("mean of w dy", "over the group"),
    "swell": ("mean of w dy x̂", "over the group"),
    "power": ("e^(x − m)", "power of each, where m is the largest of a position's channels"),
    "most": ("m", "largest of the channels"),
    "total": ("1/Σ", "one over the sum of the channels' powers"),
    "logits": ("z", "logits"),
    "probabilities": ("p", "probabilities"),
    "target": ("q", "target"),
    "grad": ("dz", "error terms of the logits"),
    "value": ("L", "loss"),
}

#: The same for a squared error: any output, not logits.
SQUARED = {
    "logits": ("x", "output of the network"),
    "target": ("t", "target"),
    "grad": ("dx", "error terms of that output"),
    "value": ("E", "loss"),
}

#: Result -> the title of its view.
TITLES = {
    "y": "Output",
    "net": "Weighted sum",
    "mask": "Mask",
    "mean": "Mean",
    "grad_y": "Error terms",
    "grad_net": "Through the activation",
    "grad_x": "Back to the input",
    "grad_weight": "Weight gradient",
    "grad_bias": "Bias gradient",
    "weight.update": "New weights",
    "bias.update": "New biases",
    "probabilities": "Softmax",
    "value": "Loss",
    "grad": "Error terms",
}
