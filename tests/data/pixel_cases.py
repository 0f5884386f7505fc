"""Random resizings; as a script, the SHA-256 of their results with the installed Pillow.

Needs NumPy and Pillow alone, so that the check runs in an environment for each version of Pillow.
"""

import hashlib
import sys
from dataclasses import replace

import numpy as np
import PIL

from clearconv.data.batches.augmentation import Augmentation
from clearconv.data.images.preprocessing import Preprocessing
from clearconv.data.images.resize import resample, resized_thumbnail
from clearconv.data.images.triangle import resized

#: How (rows, columns) of the picture are drawn: lowest and highest of each, exclusive.
KINDS = {
    "usual": ((30, 360), (30, 360)),
    "tiny": ((1, 9), (1, 9)),
    "tall": ((200, 1500), (1, 60)),
    "wide": ((1, 60), (200, 1500)),
    "huge": ((900, 1400), (900, 1400)),
}
_SHARES = (6, 2, 3, 3, 1)


def cases(count, seed=0):
    """Yield pictures, each with the size (rows, columns) and the box to which it is resized."""
    rng = np.random.default_rng(seed)
    kinds = [
        kind for kind, share in zip(KINDS.values(), _SHARES, strict=True) for _ in range(share)
    ]
    for case in range(count):
        rows, columns = kinds[case % len(kinds)]
        H, W, C = int(rng.integers(*rows)), int(rng.integers(*columns)), 3 if case % 5 else 1
        if case % 2:  # hard edges
            image = (rng.integers(0, 2, (H, W, C)) * 255).astype(np.uint8)
        else:
            image = rng.integers(0, 256, (H, W, C), dtype=np.uint8)
        size = tuple(rng.integers(1, 260, 2).tolist())
        box = (0, 0, W, H)
        if rng.random() < 0.6:
            (left, right), (top, bottom) = (
                np.sort(rng.uniform(0, length, 2)).tolist() for length in (W, H)
            )
            box = (left, top, right, bottom)
        yield image, size, box


def settings(seed=1):
    """Yield pictures and preprocessings, one for each way of resizing."""
    rng = np.random.default_rng(seed)
    for H, W in ((300, 517), (640, 270), (12, 9), (700, 701), (257, 4000), (5, 300), (2500, 3400)):
        image = rng.integers(0, 256, (H, W, 3), dtype=np.uint8)
        for resize in ("crop", "squash", "letterbox"):
            for size, channels in (((64, 64), 3), ((31, 90), 1), ((96, 40), 3)):
                yield image, Preprocessing(size, channels, resize=resize)


def main(count):
    """Compare each result with its telling in NumPy, and print the hash of all."""
    digest = hashlib.sha256()
    for number, (image, size, box) in enumerate(cases(count)):
        result = resample(image, size, box, antialias=True)
        digest.update(result.tobytes())
        if not np.array_equal(result, resized(image, size, box)):
            sys.exit(f"case {number}: {image.shape} to {size}, box {box} differs from NumPy")
    rng, photos = np.random.default_rng(2), replace(Augmentation.photos(), rotate=10)
    for image, how in settings():
        digest.update(how.resized(image).tobytes())
        digest.update(Augmentation.photos()(image, how, rng).tobytes())
        digest.update(photos(image, how, rng).tobytes())
        digest.update(resized_thumbnail(image, 32).tobytes())
    print(digest.hexdigest())
    print(f"Pillow {PIL.__version__}, NumPy {np.__version__}: {count} resizings", file=sys.stderr)


if __name__ == "__main__":
    main(int(sys.argv[1]))
