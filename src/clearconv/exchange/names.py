"""What others call the parameters of the bundled models.

The models have torchvision's names. Where timm's differ, or those of torchvision's first files,
a table here leads from them to ours. timm 1.0's resnet18, 34 and 50, densenet121 and
tf_efficientnet_lite0 need none.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from clearconv.arrays import Array
from clearconv.exchange import lite_names

#: What training adds to a file, and evaluation does not need.
_COUNTER = "num_batches_tracked"
#: Further heads, which helped to train the first layers: model -> how their names begin.
_AUXILIARY = {"googlenet": ("aux1.", "aux2.")}


@dataclass(frozen=True)
class Naming:
    """A way to name a model's parameters.

    Attributes
    ----------
    whose : str
        For a message: ``timm's names``.
    ours : callable
        Returns our path for a name; the name itself if it is none of theirs.
    flat : bool
        Whether linear layers are stored as convolutions, and are to be flattened.
    """

    whose: str
    ours: Callable[[str], str]
    flat: bool = False

    def translated(self, state: Mapping[str, Array]) -> dict[str, Array]:
        """Return a state by our paths."""
        found = {}
        for name, array in state.items():
            path = self.ours(name)
            if self.flat and path != name and array.ndim == 4:
                array = array.reshape(len(array), -1)  # (O, C * H * W), as Flatten orders them
            found[path] = array
        return found


def _timm_vgg(name: str) -> str:
    for theirs, ours in (("pre_logits.fc1", "0"), ("pre_logits.fc2", "3"), ("head.fc", "6")):
        if name.startswith(f"{theirs}."):
            return f"classifier.{ours}{name.removeprefix(theirs)}"
    return name


#: timm's numbers of blocks in each stage of MobileNet v2; torchvision numbers them through.
_BLOCKS = (1, 2, 3, 4, 3, 3, 1)
_OUTER = {
    **{"conv_stem": "features.0.0", "bn1": "features.0.1"},
    **{"conv_head": "features.18.0", "bn2": "features.18.1", "classifier": "classifier.1"},
}
_FIRST = {"conv_dw": "0.0", "bn1": "0.1", "conv_pw": "1", "bn2": "2"}
_INNER = {
    **{"conv_pw": "0.0", "bn1": "0.1", "conv_dw": "1.0", "bn2": "1.1"},
    **{"conv_pwl": "2", "bn3": "3"},
}


def _timm_mobilenet_v2(name: str) -> str:
    layer, _, rest = name.partition(".")
    if layer in _OUTER:
        return name if rest.startswith("1.") else f"{_OUTER[layer]}.{rest}"
    found = re.fullmatch(r"blocks\.(\d)\.(\d)\.(\w+)\.(\w+)", name)
    if found is None or int(found[1]) >= len(_BLOCKS):
        return name
    stage, block = int(found[1]), int(found[2])
    inner = (_INNER if stage else _FIRST).get(found[3])
    number = 1 + sum(_BLOCKS[:stage]) + block
    return name if inner is None else f"features.{number}.conv.{inner}.{found[4]}"


def _early_densenet(name: str) -> str:
    """Follow torchvision's file of 2017, in which a layer's parts have names with dots."""
    return re.sub(r"(denselayer\d+\.(?:norm|conv))\.([12])\.", r"\1\2.", name)


_VGG = Naming("timm's names", _timm_vgg, flat=True)
NAMINGS: dict[str, tuple[Naming, ...]] = {
    "mobilenet_v2": (Naming("timm's names", _timm_mobilenet_v2),),
    **{name: (_VGG,) for name in ("vgg11", "vgg11_bn", "vgg16", "vgg16_bn")},
    "efficientnet_lite0": (Naming("efficientnet_pytorch's names", lite_names.ours),),
    "densenet121": (Naming("the names of torchvision's early files", _early_densenet),),
}


def translations(state: Mapping[str, Array], model: str) -> dict[str, dict[str, Array]]:
    """Return a state by our paths, for each way to name a model's parameters that changes any.

    Parameters
    ----------
    state : mapping
        Name -> array.
    model : str
        A name in ``clearconv.models.MODELS``.

    Returns
    -------
    dict
        Whose names they are -> the state; the first, under an empty text, has the names as they
        are. Counters and auxiliary heads are left out.
    """
    kept = {
        name: array
        for name, array in state.items()
        if not name.endswith(_COUNTER) and not name.startswith(_AUXILIARY.get(model, ("\0",)))
    }
    found = {"": kept}
    for naming in NAMINGS.get(model, ()):
        ours = naming.translated(kept)
        if ours.keys() != kept.keys():
            found[naming.whose] = ours
    return found


def renamed(state: Mapping[str, Array], model: str) -> dict[str, Array]:
    """Return weights with the names of a bundled model, as its ``load_state_dict`` takes them.

    Parameters
    ----------
    state : mapping
        Name -> array, with torchvision's names, timm's, or ours.
    model : str
        A name in ``clearconv.models.MODELS``.

    Returns
    -------
    dict
        The same arrays; names that are not known stay as they are.
    """
    return [*translations(state, model).values()][-1]
