"""The names in EfficientNet-Lite0's file, as ``efficientnet_pytorch`` has them, and ours."""

import re

#: Number of blocks of each stage; the file numbers them through.
_BLOCKS = (1, 2, 2, 3, 3, 4, 1)
_PLACES = [(stage, place) for stage, count in enumerate(_BLOCKS) for place in range(count)]

_OUTER = {
    "_conv_stem": "conv_stem",
    "_bn0": "bn1",
    "_conv_head": "conv_head",
    "_bn1": "bn2",
    "_fc": "classifier",
}
#: In the first block, which expands nothing, and in the others.
_FIRST = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
_INNER = {
    "_expand_conv": "conv_pw",
    "_bn0": "bn1",
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn2",
    "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}


def ours(name: str) -> str:
    """Return the path in ``efficientnet_lite0`` for a name; names of others stay."""
    layer, _, rest = name.partition(".")
    if layer in _OUTER:
        return f"{_OUTER[layer]}.{rest}"
    found = re.fullmatch(r"_blocks\.(\d+)\.(\w+)\.(\w+)", name)
    if found is None:
        return name
    number = int(found[1])
    inner = (_INNER if number else _FIRST).get(found[2])
    if inner is None or number >= len(_PLACES):
        return name
    stage, place = _PLACES[number]
    return f"blocks.{stage}.{place}.{inner}.{found[3]}"
