"""How fast images come: decoded, augmented, both; beside what the default model trains at."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image

from benchmarks.child import run_alone
from benchmarks.measure import alternate
from benchmarks.results import Pipeline
from clearconv import AdamW, CrossEntropy
from clearconv.data import Batches, Preprocessing, open_data
from clearconv.data.images.decode import CACHE_SIDE, decode_sized
from clearconv.data.sources.source import Source
from clearconv.models import MODELS, create, default_for
from clearconv.ops.tellings import set_threads
from clearconv.runs.given import Given
from clearconv.runs.settings import Settings

#: Rows and columns of the photographs that are made: what a photo data set usually holds.
SIZE = (375, 500)
IMAGES = 256
#: Real ones, where they are there: sub-folders of JPEG files, the shorter side mostly 256.
ANIMALS = Path(os.environ.get("CLEARCONV_DATA", "../shared/data")) / "animals"
DEFAULTS = Settings.for_data("photos", "photos", Given())
BATCH = DEFAULTS.batch_size
MODEL = default_for("photos")
INPUT = MODELS[MODEL].input_shape


def compare(threads: int, seconds: float, tell: Callable[[str], None]) -> list[Pipeline]:
    """Measure each way on each kind of photographs; every one has a process of its own."""
    rows = []
    training = run_alone(train, threads, seconds)
    for photos, some in (("animals", animals), (f"{SIZE[1]} x {SIZE[0]}", made)):
        with TemporaryDirectory() as place:
            root = Path(place)
            if not some(root):
                continue
            for what, measure in (("decode", decoded), ("augment", augmented), ("both", both)):
                ours = run_alone(measure, root, threads, seconds)
                theirs = run_alone(loader, root, threads, seconds) if what == "both" else None
                row = Pipeline(what, threads, ours, theirs, training, MODEL, INPUT[1:], photos)
                rows.append(row)
                tell(
                    f"{photos:10} {what:8} {threads} thread{'' if threads == 1 else 's'} "
                    f"{ours:8,.0f} images/s, {ours / training:.1f} times the {training:,.0f} "
                    f"that {MODEL} trains at"
                )
    return rows


def animals(root: Path) -> bool:
    """Link to as many photographs of each class; say whether there are any."""
    folders = sorted(path for path in ANIMALS.glob("*") if path.is_dir())
    for folder in folders:
        (root / folder.name).mkdir()
        for path in sorted(folder.glob("*.jpg"))[: IMAGES // len(folders)]:
            (root / folder.name / path.name).symlink_to(path.resolve())
    return bool(folders)


def made(root: Path) -> bool:
    """Make JPEG files with detail at every scale, as photographs have it."""
    rng = np.random.default_rng(1)
    for number in range(IMAGES):
        total = np.zeros((*SIZE, 3))
        for cells in (4, 16, 64, 256):
            small = Image.fromarray(rng.integers(0, 256, (cells, cells, 3), dtype=np.uint8))
            large = small.resize(SIZE[::-1], Image.Resampling.BICUBIC)
            total += (np.asarray(large, dtype=np.float64) - 128) / cells**0.25
        folder = root / "ab"[number % 2]
        folder.mkdir(exist_ok=True)
        pixels = (total + 128).clip(0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{number:03d}.jpg", quality=90)
    return True


def train(threads: int, seconds: float) -> float:
    """Return the images/s of training steps alone: the batch lies ready."""
    set_threads(threads)
    model = create(MODEL, 3).build(INPUT)
    optimiser, criterion = AdamW(model, 1e-4), CrossEntropy()
    rng = np.random.default_rng(1)
    x = rng.standard_normal((BATCH, *INPUT[1:], INPUT[0]), np.float32).transpose(0, 3, 1, 2)
    labels = rng.integers(0, 3, BATCH)

    def step() -> None:
        _, grad = criterion(model.forward(x, training=True), labels)
        model.backward(grad, input_gradient=False)
        optimiser.step()

    return BATCH / alternate({"it": step}, seconds)["it"]


def decoded(root: Path, threads: int, seconds: float) -> float:
    """Return the images/s that are decoded and reduced to the side that is kept."""
    files = [path.read_bytes() for path in sorted(root.glob("*/*.jpg"))]
    with ThreadPoolExecutor(threads) as pool:

        def step() -> None:
            list(pool.map(lambda data: decode_sized(data, CACHE_SIDE)[0].shape, files))

        return len(files) / alternate({"it": step}, seconds, 0.5)["it"]


def augmented(root: Path, threads: int, seconds: float) -> float:
    """Return the images/s of batches from decoded images."""
    return _batches(open_data(root), threads, seconds)


def both(root: Path, threads: int, seconds: float) -> float:
    """Return the images/s of batches where no decoded image may be kept."""
    return _batches(open_data(root, cache_bytes=0), threads, seconds)


def _batches(source: Source, threads: int, seconds: float) -> float:
    how = Preprocessing((INPUT[1], INPUT[2]), mean=(0.5,) * 3, std=(0.25,) * 3)
    order = np.arange(len(source))

    def step() -> None:
        for _ in Batches(
            source,
            order,
            how,
            BATCH,
            augmentation=DEFAULTS.augmentation,
            shuffle=True,
            workers=threads,
        ):
            pass

    return len(source) / alternate({"it": step}, seconds, 0.5)["it"]


def loader(root: Path, threads: int, seconds: float) -> float:
    """Return the images/s of the same work as a practitioner of PyTorch writes it."""
    from benchmarks.pytorch_loader import make

    batches = make(root, threads, BATCH, INPUT[1:])

    def step() -> None:
        for _ in batches:
            pass

    return len(batches.dataset) / alternate({"it": step}, seconds, 0.5)["it"]
