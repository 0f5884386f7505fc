"""What timm calls the parameters of networks that we have too, where its names are not ours.

    python tests/exchange/data/timm_names.py > tests/exchange/data/timm_names.json

with timm 1.0.31 installed. Our name -> timm's name -> its parameters' names and shapes.
"""

import json

NETWORKS = {"mobilenet_v2": "mobilenetv2_100", "vgg11": "vgg11", "vgg16_bn": "vgg16_bn"}


def shapes(name):
    import timm
    import torch

    with torch.device("meta"):
        made = timm.create_model(name)
    return {
        key: list(tensor.shape)
        for key, tensor in made.state_dict().items()
        if not key.endswith("num_batches_tracked")
    }


if __name__ == "__main__":
    print(json.dumps({ours: {theirs: shapes(theirs)} for ours, theirs in NETWORKS.items()}))
