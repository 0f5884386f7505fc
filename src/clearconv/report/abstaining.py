"""How often the model of a run would abstain: on test images, and on images of nothing it knows."""

from collections.abc import Callable, Iterator

import numpy as np

from clearconv.data import open_data
from clearconv.data.images.decode import Pixels
from clearconv.data.images.resize import with_channels
from clearconv.random import generator
from clearconv.report.measured import Measured
from clearconv.runs.abstaining.abstainer import Abstainer, Judged
from clearconv.runs.abstaining.abstention import Abstention
from clearconv.runs.evaluation import evenly_spaced

#: Most images that are judged, and how many digits.
_JUDGED, _DIGITS = 400, 100
_AT_A_TIME = 16
#: Rows and columns of tiles that a picture is cut into.
_TILES = 4


def abstention(run: Measured, abstainer: Abstainer) -> Abstention:
    """Judge the images of the part that judges the model, and foreign ones.

    Foreign are the same images cut into 4 x 4 tiles that are put together in random order, which
    keeps every colour and texture, and for photographs the bundled handwritten digits.

    Parameters
    ----------
    run : Measured
        The run.
    abstainer : Abstainer
        From its model file.

    Returns
    -------
    Abstention
        Of at most 400 images.
    """
    places = evenly_spaced(len(run.judged.samples), _JUDGED)
    samples = run.judged.samples[places]
    images = [run.preprocessing.resized(run.source.image(int(sample))) for sample in samples]
    rng = generator(run.settings.seed, "tiles")
    foreign: list[tuple[str, list[Pixels]]] = []
    if min(run.preprocessing.size) >= 2 * _TILES:
        tiled = [tiles_shuffled(image, rng) for image in images]
        foreign.append(("the same, cut into 16 tiles in random order", tiled))
    if run.source.kind == "photos":
        digits = open_data("digits")
        some = evenly_spaced(len(digits), _DIGITS)
        colour = run.preprocessing.channels
        pixels = [with_channels(digits.image(int(sample)), colour) for sample in some]
        foreign.append(("handwritten digits", [run.preprocessing.resized(x) for x in pixels]))
    return Abstention.of(
        _judged(run, abstainer, images),
        run.judged.evaluation.labels[places],
        [(name, _judged(run, abstainer, these)) for name, these in foreign],
    )


def tiles_shuffled(image: Pixels, rng: np.random.Generator) -> Pixels:
    """Return an image cut into 4 x 4 tiles that are put together in random order.

    Parameters
    ----------
    image : ndarray of uint8, shape (H, W, C)
        H and W at least 4; rows and columns that are left over stay as they are.
    rng : Generator
        Draws the order.

    Returns
    -------
    ndarray of uint8, shape (H, W, C)
    """
    h, w = image.shape[0] // _TILES, image.shape[1] // _TILES
    cuts = [(i * h, j * w) for i in range(_TILES) for j in range(_TILES)]
    mixed = image.copy()
    for (top, left), place in zip(cuts, rng.permutation(len(cuts)), strict=True):
        y, x = cuts[place]
        mixed[top : top + h, left : left + w] = image[y : y + h, x : x + w]
    return mixed


def _judged(run: Measured, abstainer: Abstainer, images: list[Pixels]) -> Judged:
    parts = list(_parts(run, abstainer, images))
    names: tuple[Callable[[Judged], np.ndarray], ...] = (
        lambda part: part.probabilities,
        lambda part: part.distances,
        lambda part: part.unsure,
        lambda part: part.unlike,
    )
    return Judged(*(np.concatenate([name(part) for part in parts]) for name in names))


def _parts(run: Measured, abstainer: Abstainer, images: list[Pixels]) -> Iterator[Judged]:
    for start in range(0, len(images), _AT_A_TIME):
        pixels = np.stack(images[start : start + _AT_A_TIME])
        x = run.preprocessing.normalised(pixels).transpose(0, 3, 1, 2)  # (n, C, H, W)
        yield abstainer.ask(run.model, run.model.as_input(x))
