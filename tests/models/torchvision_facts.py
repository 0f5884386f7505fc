"""What torchvision's networks consist of, for a table that needs no torchvision to be checked.

    python tests/models/torchvision_facts.py > tests/models/torchvision_facts.json

with torch and torchvision installed. Of each network, with 1,000 classes: how many numbers are
learnt, how many tensors ``state_dict`` holds, and the SHA-256 of their names and shapes, a line
each and sorted: ``fc.bias 1000``. ``num_batches_tracked`` does not count.
"""

import hashlib
import json
import sys
from types import ModuleType

NAMES = (
    "resnet18 resnet34 resnet50 vgg11 vgg11_bn vgg16 vgg16_bn mobilenet_v2 squeezenet1_1 googlenet "
    "densenet121"
).split()


def networks():
    """Return ``torchvision.models``, which is all that is needed of it.

    Beside a PyTorch of another make (CPU, CUDA) torchvision's compiled operators do not load, and
    the module that describes them fails.
    """
    sys.modules.setdefault("torchvision._meta_registrations", ModuleType("unused"))
    from torchvision import models

    return models


def network(name, **options):
    """Return one of torchvision's networks with its own initial weights."""
    if name == "googlenet":
        options = {"aux_logits": False, "init_weights": False, **options}
    return getattr(networks(), name)(**options)


def facts(parameters, shapes):
    """Sum up: number of learnt values, and name -> shape of every tensor."""
    lines = sorted(" ".join(map(str, (name, *shape))) for name, shape in shapes.items())
    digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    return {"parameters": parameters, "tensors": len(lines), "sha256": digest}


def of(name):
    """Return a network's facts; its weights are never made."""
    import torch

    with torch.device("meta"):
        made = network(name)
    shapes = {
        key: tuple(tensor.shape)
        for key, tensor in made.state_dict().items()
        if not key.endswith("num_batches_tracked")
    }
    return facts(sum(p.numel() for p in made.parameters()), shapes)


if __name__ == "__main__":
    print(json.dumps({name: of(name) for name in NAMES}, indent=1))
