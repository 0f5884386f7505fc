"""The network of the article on photographs of dogs, pandas and birds."""

from clearconv.layers import (
    BatchNorm2d,
    Conv2d,
    Dropout,
    Flatten,
    Linear,
    MaxPool2d,
    Node,
    ReLU,
    Sequential,
)


def seed_cnn(classes: int = 3, *, batch_norm: bool = False, dropout: float = 0.0) -> Sequential:
    """Return four strided convolutions and a linear layer, made for 224x224 colour photographs.

    A stride of 2 replaces pooling: each convolution halves the image, at a quarter of the cost
    without a stride.

    Parameters
    ----------
    classes : int
        Number of outputs.
    batch_norm : bool
        Normalise after each convolution, before the ReLU.
    dropout : float
        Probability of dropping each of the last features in training, unit by unit.

    Returns
    -------
    Sequential
        Not built yet; gives logits.
    """

    def block(filters: int) -> list[Node]:
        if not batch_norm:
            return [Conv2d(filters, 3, stride=2, activation="relu")]
        return [Conv2d(filters, 3, stride=2), BatchNorm2d(), ReLU()]

    return Sequential(
        *block(16),
        MaxPool2d(2),
        *block(32),
        *block(64),
        *block(128),
        Flatten(),
        *([Dropout(dropout)] if dropout else []),
        Linear(classes),
    )
