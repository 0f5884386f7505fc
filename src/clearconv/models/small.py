"""Networks for digits and other small grey images."""

from clearconv.layers import (
    Conv2d,
    ConvPool2d,
    Dropout,
    Flatten,
    Linear,
    MaxPool2d,
    Sequential,
)


def digits_cnn(classes: int = 10) -> Sequential:
    """Return a network for images as small as the bundled 8x8 digits.

    It pools only once, since 8x8 pixels leave no room for more.

    Parameters
    ----------
    classes : int
        Number of outputs.

    Returns
    -------
    Sequential
        Not built yet; gives logits.
    """
    return Sequential(
        Conv2d(16, 3, padding=1, activation="relu"),
        Conv2d(32, 3, padding=1, activation="relu"),
        MaxPool2d(2),
        Flatten(),
        Linear(classes),
    )


def lenet(classes: int = 10) -> Sequential:
    """Return the convolutional network of PaddlePaddle's digits tutorial, a small LeNet.

    Parameters
    ----------
    classes : int
        Number of outputs.

    Returns
    -------
    Sequential
        Not built yet; gives logits, the softmax is in the loss.

    References
    ----------
    LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to document recognition",
    1998, with 20 and 50 filters, ReLU and max pooling.
    """
    return Sequential(
        ConvPool2d(20, 5, 2),
        ConvPool2d(50, 5, 2),
        Flatten(),
        Linear(classes),
    )


def simple_convnet(classes: int = 10) -> Sequential:
    """Return "deep learning from scratch"'s first network: one convolution, two linear layers.

    Parameters
    ----------
    classes : int
        Number of outputs.

    Returns
    -------
    Sequential
        Not built yet; gives logits.

    References
    ----------
    Saitoh, "Deep Learning from Scratch", 2016, chapter 7: Conv - ReLU - Pool - Affine - ReLU -
    Affine - Softmax.
    """
    return Sequential(
        Conv2d(30, 5, activation="relu"),
        MaxPool2d(2),
        Flatten(),
        Linear(100, activation="relu"),
        Linear(classes),
    )


def deep_convnet(classes: int = 10) -> Sequential:
    """Return "deep learning from scratch"'s second network: six convolutions, two linear layers.

    The fourth convolution is padded by 2, so that 14x14 maps grow to 16x16 and halve evenly.
    Dropout is where the book has it, also after the logits, but is inverted here: nothing is scaled
    in evaluation.

    Parameters
    ----------
    classes : int
        Number of outputs.

    Returns
    -------
    Sequential
        Not built yet; gives logits.

    References
    ----------
    Saitoh, "Deep Learning from Scratch", 2016, chapter 8.
    """
    return Sequential(
        Conv2d(16, 3, padding=1, activation="relu"),
        Conv2d(16, 3, padding=1, activation="relu"),
        MaxPool2d(2),
        Conv2d(32, 3, padding=1, activation="relu"),
        Conv2d(32, 3, padding=2, activation="relu"),
        MaxPool2d(2),
        Conv2d(64, 3, padding=1, activation="relu"),
        Conv2d(64, 3, padding=1, activation="relu"),
        MaxPool2d(2),
        Flatten(),
        Linear(50, activation="relu"),
        Dropout(0.5),
        Linear(classes),
        Dropout(0.5),
    )
