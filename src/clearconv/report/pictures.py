"""The report's pictures: mistakes with Grad-CAM, doubtful labels, confusions, filters."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from clearconv.arrays import Array
from clearconv.explain import SanityCheck, grad_cam, occlusion, sanity_check
from clearconv.explain.pictures import overlay
from clearconv.pages import Pixels, picture
from clearconv.report.measured import Measured, Part
from clearconv.report.statistics import doubtful_labels
from clearconv.runs.evaluation import evenly_spaced

_SIDE = 176  # largest length of a photograph's longer side, in pixels
_MISTAKES, _DOUBTS, _PAIRS, _EACH, _CHECKED, _EXAMPLES, _FILTERS = 12, 8, 6, 6, 8, 3, 64


@dataclass(frozen=True)
class Shown:
    """One image of a gallery.

    Attributes
    ----------
    picture : str
        HTML of the image as the model sees it.
    file : str
        Name of the image file.
    label, said : str
        Its class, and the class that the model, or the search for wrong labels, gives instead.
    probability : float
        Probability of the class `said`.
    heat : str
        HTML of Grad-CAM over the image, or nothing.
    blank : bool
        Whether Grad-CAM is 0 everywhere, so that `heat` shows occlusion instead.
    """

    picture: str
    file: str
    label: str
    said: str
    probability: float
    heat: str = ""
    blank: bool = False


def mistakes(run: Measured) -> list[Shown]:
    """Return the most confident mistakes, with maps of what supported the wrong class."""
    part = run.judged
    said = part.evaluation
    places = said.mistaken[:_MISTAKES]
    if not len(places):
        return []
    heats = grad_cam(run.model, inputs(run, part, places), said.predictions[places].tolist())
    return [
        shown(run, part, place, int(said.predictions[place]), heat)
        for place, heat in zip(places.tolist(), heats, strict=True)
    ]


def doubts(run: Measured) -> list[tuple[Part, int, list[Shown]]]:
    """Return, for each part, the number of doubtful labels and the worst of them."""
    found = []
    for part in run.parts:
        places, instead = doubtful_labels(part.evaluation.probabilities, part.evaluation.labels)
        some = list(zip(places.tolist(), instead.tolist(), strict=True))[:_DOUBTS]
        images = [shown(run, part, place, other) for place, other in some]
        found.append((part, len(places), images))
    return found


def confusions(run: Measured) -> dict[tuple[int, int], list[Shown]]:
    """Return images of the most frequent confusions, by (true class, predicted class)."""
    said = run.judged.evaluation
    counts = said.confusion.copy()
    np.fill_diagonal(counts, 0)
    K = len(run.classes)
    pairs = [divmod(int(k), K) for k in np.argsort(-counts, axis=None, kind="stable")[:_PAIRS]]
    return {
        (i, j): [
            shown(run, run.judged, int(place), j)
            for place in np.flatnonzero((said.labels == i) & (said.predictions == j))[:_EACH]
        ]
        for i, j in pairs
        if counts[i, j]
    }


def checked(run: Measured) -> tuple[SanityCheck, list[tuple[Shown, str]]]:
    """Return the sanity check of Grad-CAM, and images with the maps of both networks."""
    part = run.judged
    few = evenly_spaced(len(part.samples), _CHECKED)
    x = inputs(run, part, few)
    answers = part.evaluation.predictions[few].tolist()
    check = sanity_check(run.model, x, answers, seed=run.settings.seed)
    images = []
    telling = np.flatnonzero(check.trained.any(axis=(1, 2)))
    # images are ordered by class: places far apart show different classes
    for k in telling[evenly_spaced(len(telling), _EXAMPLES)] if len(telling) else ():
        first = shown(run, part, int(few[k]), answers[k], check.trained[k])
        images.append((first, _over(run, part, int(few[k]), check.random[k], "by random weights")))
    return check, images


def filters(run: Measured) -> tuple[list[str], tuple[int, ...]]:
    """Return pictures of the first convolution's filters, and the shape of its weight.

    Zero is grey. There are no pictures unless there are one or three input channels.
    """
    weight = next((v for v in run.model.parameters.values() if v.ndim == 4), None)
    if weight is None or weight.shape[1] not in (1, 3) or max(weight.shape[2:]) == 1:
        return [], ()
    pictures = []
    for number, kernel in enumerate(weight[:_FILTERS]):
        colours = kernel.transpose(1, 2, 0)  # (KH, KW, I)
        if run.preprocessing.order == "bgr":
            colours = colours[..., ::-1]
        level = 127.5 * (1 + colours / max(float(np.abs(colours).max()), 1e-12))
        pictures.append(picture(level.round().astype(np.uint8), f"filter {number}"))
    return [Markup(each) for each in pictures], weight.shape


def inputs(run: Measured, part: Part, places: Sequence[int] | Array) -> Array:
    """Return the network's inputs for some images of a part."""
    images = [run.source.image(int(part.samples[place])) for place in places]
    batch = np.stack([run.preprocessing(image) for image in images])  # (N, C, H, W)
    return run.model.as_input(batch)


def shown(run: Measured, part: Part, place: int, said: int, heat: Array | None = None) -> Shown:
    """Show one image of a part with its captions."""
    evaluation = part.evaluation
    label = run.classes[evaluation.labels[place]]
    alt = f"{label}, {evaluation.files[place]}"
    over, blank = "", heat is not None and not heat.any()
    if heat is not None:
        if blank:
            heat = occlusion(run.model, inputs(run, part, [place])[0], said)
        method = "occlusion" if blank else "Grad-CAM"
        over = _over(run, part, place, heat, f"{method} for {run.classes[said]}")
    return Shown(
        _picture(_pixels(run, part, place), alt),
        evaluation.files[place],
        label,
        run.classes[said],
        float(evaluation.probabilities[place, said]),
        over,
        blank,
    )


def _over(run: Measured, part: Part, place: int, heat: Array, alt: str) -> str:
    window = _window(run, part, place)
    return _picture(overlay(_pixels(run, part, place), heat[window]), alt)


def _pixels(run: Measured, part: Part, place: int) -> Pixels:
    """Return the image as the model sees it, without what a letterbox fills."""
    shown = run.preprocessing.resized(run.source.image(int(part.samples[place])))
    return shown[_window(run, part, place)]


def _window(run: Measured, part: Part, place: int) -> tuple[slice, slice]:
    image = run.source.image(int(part.samples[place]))
    left, top, right, bottom = run.preprocessing.window(image.shape)
    return slice(top, bottom), slice(left, right)


def _picture(pixels: Pixels, alt: str) -> Markup:
    return Markup(picture(pixels, alt, most=_SIDE))
