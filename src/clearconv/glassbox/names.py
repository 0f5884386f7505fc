"""What arrays and views are called on the page, in the symbols of docs/."""

#: Array -> its symbol, and what it is.
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
    "argmax": ("argmax", "which place of its window won"),
    "mean": ("mean", "of each channel"),
    "var": ("var", "variance of each channel"),
    "scale": ("1/√(var + eps)", "one over the deviation"),
    "drift": ("mean of w dy", "over the group"),
    "swell": ("mean of w dy x̂", "over the group"),
    "logits": ("z", "logits"),
    "probabilities": ("p", "probabilities"),
    "target": ("t", "target"),
    "grad": ("dz", "error terms of the logits"),
    "value": ("L", "loss"),
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
