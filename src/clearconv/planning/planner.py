"""A report before training on the data and the run ahead."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any

from clearconv import machine
from clearconv.data import Problem, by_gravity
from clearconv.data.sources.source import PARTS
from clearconv.planning.forecaster import Forecast, forecast
from clearconv.planning.shapes import Shapes
from clearconv.planning.surveyor import Survey, survey
from clearconv.planning.transfer import Transfer, available, transfer
from clearconv.runs.given import Data, Given
from clearconv.train import Callback, Run
from clearconv.train.preparing import prepared
from clearconv.words import amount, counted, duration, printable, table

#: Number of classes listed, and of groups of copies shown.
_CLASSES, _FEW = 20, 5


@dataclass(frozen=True)
class Plan:
    """Everything known before a run; ``print`` shows it.

    Attributes
    ----------
    data : str
        Name of the data.
    survey : Survey
        Contents of the data.
    model : str
        Name, number of parameters and input of the network.
    reading_seconds : float
        How long reading the data took.
    forecast : Forecast or None
        Time and memory of the run; None if nothing can be trained, as one of the problems says.
    joined : str, optional
        A note that the last two batches of each epoch are joined, if they are.
    notes : tuple of str
        What a reader should know of the model that the run starts from.
    transfer : Transfer, optional
        What pretrained weights promise instead, if there are any in the user's cache.
    """

    data: str
    survey: Survey
    model: str
    reading_seconds: float
    forecast: Forecast | None
    joined: str | None = None
    notes: tuple[str, ...] = ()
    transfer: Transfer | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return plain data, for JSON."""
        return {
            "data": self.data,
            "model": self.model,
            "joined": self.joined,
            "notes": list(self.notes),
            "reading_seconds": self.reading_seconds,
            "survey": self.survey.to_dict(),
            "forecast": self.forecast and self.forecast.to_dict(),
            "transfer": self.transfer and self.transfer.to_dict(),
        }

    def __str__(self) -> str:
        """Return the report as lines for a terminal."""
        return "\n".join(map(printable, _lines(self)))


def plan(data: Data, *, callbacks: Sequence[Callback] = (), **given: Any) -> Plan:
    """Look at data before training: their contents, and the time and memory of a run.

    Parameters
    ----------
    data : str, Path, Source, or (images, labels)
        As for ``clearconv.train.train``.
    callbacks : sequence of Callback
        Informed of the progress of reading.
    **given
        Attributes of ``Settings``, as for ``clearconv.train.train``.

    Returns
    -------
    Plan

    Raises
    ------
    ArgumentError, BackendError, DataError
        In the same cases as ``clearconv.train.train``. Only a split that leaves nothing to train
        with, as when all images are copies, is a problem of the survey instead.

    Notes
    -----
    Nothing is written. The forecast comes from a few steps of training on a copy of the network,
    through the same loop that trains: reading, augmentation, steps, validation, checkpoint, test.
    """
    start = perf_counter()
    run = prepared(data, Given.of(given), callbacks, whole=False)
    found = plan_of(run, perf_counter() - start)
    name = available(run)
    if found.forecast is None or name is None:
        return found
    return replace(found, transfer=transfer(run, name))


def plan_of(run: Run, reading_seconds: float) -> Plan:
    """Return the plan of a run that is prepared but not started, or resumed.

    Parameters
    ----------
    run : Run
        The run; it is not changed in any bit.
    reading_seconds : float
        Time that reading its data took.

    Returns
    -------
    Plan
    """
    found = survey(run)
    kinds = {problem.kind for problem in found.problems if isinstance(problem, Problem)}
    return Plan(
        data=run.settings.data,
        survey=found,
        model=run.network,
        reading_seconds=reading_seconds,
        forecast=None if "unusable" in kinds else forecast(run),
        joined=run.joined,
        notes=run.notes,
    )


def _lines(plan: Plan) -> Iterator[str]:
    found = plan.survey
    yield f"{sum(found.images):,} images of {len(found.classes):,} classes"
    yield ""
    yield from _classes(found)
    yield ""
    low, middle, high = (f"{h} x {w}" for h, w in (found.smallest, found.median, found.largest))
    many = sum(found.images)
    if low == high:
        yield f"sizes       all {low} (rows x columns)"
    else:
        yield f"sizes       {low} to {high}, median {middle} (rows x columns)"
    if found.below_input:
        smaller = counted(found.below_input, "image")
        yield f"            {smaller} smaller than the input and enlarged"
    yield from _shapes(found.shapes)
    colour = {0: "all in colour", many: "all grey"}.get(found.grey)
    yield f"colour      {colour or f'{many - found.grey:,} in colour, {found.grey:,} grey'}"
    if found.left_out:
        files = "file" if found.left_out == 1 else "files"
        yield f"left out    {found.left_out:,} {files} without a usable image"
    yield from _copies(found)
    yield from (f"Warning: {line}" for line in by_gravity(found.problems))
    yield from (f"Advice: {line}" for line in found.advice)
    yield ""
    yield f"model       {plan.model}"
    for note in (plan.joined, *plan.notes):
        if note:
            yield f"            {note}"
    yield from _time(plan)
    yield from _transfer(plan)


def _shapes(found: Shapes) -> Iterator[str]:
    """Say what a crop would cut, and what fits these images; nothing if few have another shape."""
    if not found.most:
        return
    low, high = f"{found.narrowest:.2f}", f"{found.widest:.2f}"
    typical = f", median {found.median:.2f}" if low != high else ""
    yield f"shapes      {low if low == high else f'{low} to {high}'}{typical} (width / height)"
    yield (
        f"            a crop to the input's shape cuts {found.cut:.0%} of a typical image, and "
        f"{found.most:.0%} or more of every tenth"
    )
    yield f"            proposed: `resize={found.proposed!r}`; {found.why}"


def _transfer(plan: Plan) -> Iterator[str]:
    """Say what pretrained weights promise."""
    found = plan.transfer
    if found is None:
        return
    yield ""
    yield f"pretrained  {found.weights}: {found.forecast}"
    yield (
        f"            of {counted(found.images, 'image')}, a linear layer recognises "
        f"{found.features:.0%} by its features, {found.untrained:.0%} by an untrained network's; "
        f"from scratch, about {found.scratch:.0%} may be expected"
    )
    start = f"`start={found.weights!r}`"
    if found.advised:
        yield f"Advice: start from these weights ({start}): they promise more than random ones"
    else:
        yield (
            f"Advice: train from scratch, as forecast: these weights ({start}) have learnt from "
            "photographs of other things, and promise no more than random ones"
        )


def _classes(found: Survey) -> Iterator[str]:
    """Show a table of the classes; if there are many, the largest and the smallest."""
    order = list(range(len(found.classes)))
    if len(order) > _CLASSES:
        order.sort(key=lambda i: -found.images[i])
        order = [*order[: _CLASSES // 2], -1, *order[-_CLASSES // 2 :]]
    rows: list[tuple[str, ...]] = []
    for i in order:
        counts = (found.images[i], *(found.parts[name][i] for name in PARTS))
        rows.append((found.classes[i], *_texts(counts)) if i >= 0 else ("...",) * 5)
    rows.append(("all", *_texts([sum(found.images), *(sum(found.parts[name]) for name in PARTS)])))
    yield from table(("class", "images", *PARTS), rows, right=(1, 2, 3, 4))


def _texts(counts: Sequence[int]) -> list[str]:
    return [f"{count:,}" for count in counts]


def _copies(found: Survey) -> Iterator[str]:
    if found.alike:
        yield from _groups(found)
    else:
        none = "none found" if found.uncompared else "no picture occurs twice"
        yield f"copies      {none}"
    if found.uncompared:
        unknown = counted(found.uncompared, "image")
        yield f"            unknown for {unknown}: not every pair was compared"


def _groups(found: Survey) -> Iterator[str]:
    extra = found.copies
    equal = sum(map(len, found.same)) - len(found.same)
    are = "image is a copy" if extra == 1 else "images are copies"
    how = {0: "none", extra: "each" if extra == 1 else "all"}.get(equal, f"{equal:,}")
    apart = found.straddling
    where = f"{apart:,} in two parts of the split" if apart else "copies share a part of the split"
    yield f"copies      {extra:,} {are} of another, {how} equal to the pixel; {where}"
    for group in found.alike[:_FEW]:
        more = f" and {len(group) - 4:,} more" if len(group) > 4 else ""
        yield f"            {', '.join(group[:4])}{more}"
    if len(found.alike) > _FEW:
        yield f"            ... and {len(found.alike) - _FEW:,} more groups"


def _time(plan: Plan) -> Iterator[str]:
    ahead = plan.forecast
    if ahead is None:
        yield "forecast    none: nothing can be trained"
        return
    yield f"forecast    {ahead}"
    yield (
        f"            an epoch trains for {duration(ahead.training_seconds)} "
        f"({ahead.images_per_second:,.0f} images/s), validates for "
        f"{duration(ahead.validation_seconds)}"
    )
    yield (
        f"            in addition, the test takes {duration(ahead.test_seconds)}, the report "
        f"{duration(ahead.report_seconds)}; reading the data took {duration(plan.reading_seconds)}"
    )
    there = machine.memory()
    if ahead.memory_bytes > 0.9 * there:
        yield (
            f"Warning: this machine has {amount(there)} of memory; use a smaller `batch_size` or "
            "`image_size`"
        )
