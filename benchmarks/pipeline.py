"""How fast images come: decoded, augmented, both; beside what the default model trains at."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image

from benchmarks.child import run_alone
from benchmarks.measure import alternate
from benchmarks.results import Pipeline
from clearconv import AdamW, CrossEntropy
from clearconv.data import Augmentation, Batches, Preprocessing, open_data
from clearconv.data._decode import decode
from clearconv.data._source import Source
from clearconv.models import MODELS, create, default_for
from clearconv.ops._backend import set_threads
from clearconv.train.settings import DEFAULTS

#: Rows and columns of the photographs: what a photo data set usually holds.
SIZE = (375, 500)
IMAGES = 256
BATCH = DEFAULTS["photos"]["batch_size"]
MODEL = default_for("photos")
INPUT = MODELS[MODEL].input_shape


def compare(threads: int, seconds: float, tell: Callable[[str], None]) -> list[Pipeline]:
    """Measure each way; every one has a process of its own."""
    rows = []
    with photographs() as root:
        training = run_alone(train, threads, seconds)
        for what, measure in (("decode", decoded), ("augment", augmented), ("both", both)):
            ours = run_alone(measure, root, threads, seconds)
            theirs = run_alone(loader, root, threads, seconds) if what == "both" else None
            rows.append(Pipeline(what, threads, ours, theirs, training, MODEL, INPUT[1:]))
            tell(
                f"{what:8} {threads} thread{'s'[: threads - 1]:1} {ours:8,.0f} images/s, "
                f"{ours / training:.1f} times the {training:,.0f} that {MODEL} trains at"
            )
    return rows


@contextmanager
def photographs() -> Iterator[Path]:
    """Make a folder of JPEG files with detail at every scale, as photographs have it."""
    rng = np.random.default_rng(1)
    with TemporaryDirectory() as place:
        for number in range(IMAGES):
            total = np.zeros((*SIZE, 3))
            for cells in (4, 16, 64, 256):
                small = Image.fromarray(rng.integers(0, 256, (cells, cells, 3), dtype=np.uint8))
                large = small.resize(SIZE[::-1], Image.Resampling.BICUBIC)
                total += (np.asarray(large, dtype=np.float64) - 128) / cells**0.25
            folder = Path(place) / "ab"[number % 2]
            folder.mkdir(exist_ok=True)
            pixels = (total + 128).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / f"{number:03d}.jpg", quality=90)
        yield Path(place)


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
        step = lambda: list(pool.map(lambda data: decode(data, 256).shape, files))  # noqa: E731
        return len(files) / alternate({"it": step}, seconds, 0.5)["it"]


def augmented(root: Path, threads: int, seconds: float) -> float:
    """Return the images/s of batches from decoded images."""
    return _batches(open_data(root), threads, seconds)


def both(root: Path, threads: int, seconds: float) -> float:
    """Return the images/s of batches where no decoded image may be kept."""
    return _batches(open_data(root, cache_bytes=0), threads, seconds)


def _batches(source: Source, threads: int, seconds: float) -> float:
    how = Preprocessing((INPUT[1], INPUT[2]), mean=(0.5,) * 3, std=(0.25,) * 3)
    augmentation = Augmentation.from_dict(DEFAULTS["photos"]["augmentation"])
    order = np.arange(len(source))

    def step() -> None:
        for _ in Batches(
            source, order, how, BATCH, augmentation=augmentation, shuffle=True, workers=threads
        ):
            pass

    return len(source) / alternate({"it": step}, seconds, 0.5)["it"]


def loader(root: Path, threads: int, seconds: float) -> float:
    """Return the images/s of the same work as a practitioner of PyTorch writes it."""
    from benchmarks.pytorch_loader import make

    loader = make(root, threads, BATCH, INPUT[1:])

    def step() -> None:
        for _ in loader:
            pass

    return IMAGES / alternate({"it": step}, seconds, 0.5)["it"]
