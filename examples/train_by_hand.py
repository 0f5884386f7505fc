"""A small network on the bundled digits: every pass and every update written out."""

import numpy as np

from clearconv.data import open_data
from clearconv.ops import activation, conv2d, cross_entropy, linear, max_pool2d

digits = open_data("digits")
x = (digits.pixels.transpose(0, 3, 1, 2) / 255).astype("float32")  # (1797, 1, 8, 8)
rng = np.random.default_rng(0)
order = rng.permutation(len(x))
train, test = order[:-360], order[-360:]

# Normal weights of variance 2 / (inputs of one output), which keep the signal's size (He, 2015).
w1 = rng.normal(0, np.sqrt(2 / 9), (16, 1, 3, 3)).astype("float32")
w2 = rng.normal(0, np.sqrt(2 / 576), (10, 16 * 3 * 3)).astype("float32")
b1, b2 = np.zeros(16, "float32"), np.zeros(10, "float32")


def forward(images):
    """Return the logits, and what the backward pass will need."""
    net = conv2d.forward(images, w1, b1)  # (N, 16, 6, 6)
    out, active = activation.forward_saving(net, "relu")
    pooled, winners = max_pool2d.forward_saving(out, 2)  # (N, 16, 3, 3)
    flat = pooled.reshape(len(images), -1)  # (N, 144)
    return linear.forward(flat, w2, b2), (active, winners, pooled.shape, flat)


for epoch in range(1, 11):
    rng.shuffle(train)
    for batch in np.array_split(train, 45):  # about 32 images each
        logits, (active, winners, pooled_shape, flat) = forward(x[batch])
        loss, saved = cross_entropy.forward_saving(logits, digits.labels[batch])

        # Backward: each line passes on dL/d(the input of the forward line).
        grad_logits = cross_entropy.backward_input(saved)  # (softmax - one-hot) / N
        grad_w2, grad_b2 = linear.backward_weight(grad_logits, flat), grad_logits.sum(axis=0)
        grad_pooled = linear.backward_input(grad_logits, w2).reshape(pooled_shape)
        grad_out = max_pool2d.backward_input(grad_pooled, winners)
        grad_net = activation.backward_input(grad_out, active)
        grad_w1, grad_b1 = (
            conv2d.backward_weight(grad_net, x[batch], w1.shape),
            grad_net.sum((0, 2, 3)),
        )

        for value, grad in ((w1, grad_w1), (b1, grad_b1), (w2, grad_w2), (b2, grad_b2)):
            value -= 0.3 * grad  # stochastic gradient descent
    right = forward(x[test])[0].argmax(axis=1) == digits.labels[test]
    print(f"epoch {epoch:2}: loss {float(loss):.3f}, test accuracy {right.mean():.3f}")
