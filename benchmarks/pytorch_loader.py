"""A data loader in PyTorch: Pillow decodes and varies, processes work ahead."""

import random
from math import exp, log, sqrt
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageEnhance
from torch.utils.data import DataLoader, Dataset


class Photographs(Dataset):
    """Files, cropped at random, flipped and recoloured as torchvision's transforms do it."""

    def __init__(self, root: Path, size: tuple[int, int]) -> None:
        self.files = sorted(root.glob("*/*.jpg"))
        self.size = size

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, number: int) -> torch.Tensor:
        with Image.open(self.files[number]) as image:
            picture = image.convert("RGB")
        width, height = picture.size
        area = width * height * random.uniform(0.2, 1.0)
        aspect = exp(random.uniform(log(3 / 4), log(4 / 3)))
        w, h = min(width, sqrt(area * aspect)), min(height, sqrt(area / aspect))
        left, top = random.uniform(0, width - w), random.uniform(0, height - h)
        box = (left, top, left + w, top + h)
        picture = picture.resize(self.size[::-1], Image.Resampling.BILINEAR, box=box)
        if random.random() < 0.5:
            picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        for enhance in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
            picture = enhance(picture).enhance(random.uniform(0.7, 1.3))
        x = torch.from_numpy(np.array(picture)).permute(2, 0, 1).float().div_(255)
        return x.sub_(0.5).div_(0.25)


def make(root: Path, workers: int, batch: int, size: tuple[int, int]) -> DataLoader:
    """Return a loader whose processes stay from one pass to the next."""
    return DataLoader(
        Photographs(root, size), batch, shuffle=True, num_workers=workers, persistent_workers=True
    )
