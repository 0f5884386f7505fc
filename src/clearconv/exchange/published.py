"""How the published weights of the bundled models were trained, and where their heads begin."""

from dataclasses import dataclass

_Colours = tuple[float, float, float]


@dataclass(frozen=True)
class Published:
    """What weights trained on ImageNet bring with them.

    Attributes
    ----------
    mean, std : tuple of float
        Scaling of the images, in units of pixels/255.
    head : str
        First layer of the head: what comes before gives the features.
    """

    mean: _Colours
    std: _Colours
    head: str


def _imagenet(head: str) -> Published:
    """Return the scaling with which torchvision and timm train."""
    return Published((0.485, 0.456, 0.406), (0.229, 0.224, 0.225), head)


def _tensorflow(head: str) -> Published:
    """Return the scaling of networks that were first trained in TensorFlow."""
    return Published((0.5, 0.5, 0.5), (0.5, 0.5, 0.5), head)


#: Number of ImageNet's classes. Their names are not in files of weights.
CLASSES = 1000

#: Model -> what is known. torchvision's googlenet takes images scaled as for the others and
#: converts them (``transform_input``), which is no layer here. That of ``efficientnet_lite0`` was
#: settled on photographs: ``docs/transfer.md``.
PUBLISHED = {
    **{name: _imagenet("fc") for name in ("resnet18", "resnet34", "resnet50")},
    **{name: _imagenet("classifier") for name in ("mobilenet_v2", "squeezenet1_1", "densenet121")},
    **{name: _imagenet("classifier") for name in ("vgg11", "vgg11_bn", "vgg16", "vgg16_bn")},
    **{name: _tensorflow("dropout") for name in ("googlenet", "efficientnet_lite0")},
}
