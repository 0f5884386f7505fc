"""The report's charts of how reliable probabilities are, as they come and once calibrated."""

from math import isnan
from typing import Any

from markupsafe import Markup

from clearconv.arrays import Array
from clearconv.pages import histogram
from clearconv.report.statistics import Calibration, calibration
from clearconv.runs.abstaining.abstainer import Abstainer
from clearconv.runs.abstaining.temperature import recalibrated
from clearconv.runs.evaluation import Evaluation

_LABEL = "probability of the model's answer"


def probabilities(said: Evaluation, abstainer: Abstainer | None) -> dict[str, Any]:
    """Return what the template shows of probabilities.

    Parameters
    ----------
    said : Evaluation
        Predictions for labelled images.
    abstainer : Abstainer, optional
        Brings the temperature.

    Returns
    -------
    dict
        The calibration as ``fit`` and its charts; the same at the temperature, if there is one.
    """
    fit = calibration(said.probabilities, said.labels)
    content = {"fit": fit, **_charts(fit), "temperature": None}
    if abstainer is None:
        return content
    T = abstainer.temperature
    after: Array = recalibrated(said.probabilities, T)
    calibrated = calibration(after, said.labels)
    drawn = _charts(calibrated, f", T = {T:.2f}")
    return {
        **content,
        "temperature": T,
        "calibrated": calibrated,
        "calibrated_reliability": drawn["reliability"],
        "calibrated_sureness": drawn["sureness"],
    }


def _charts(fit: Calibration, at: str = "") -> dict[str, Markup]:
    """Draw the reliability diagram, and how many images have which probability."""
    notes = [
        f"{count:,} images, mean probability {_percent(sure)}, {_percent(right)} correct"
        for count, sure, right in zip(fit.counts, fit.confidence, fit.accuracy, strict=True)
    ]
    reliability = histogram(
        fit.edges.tolist(),
        [None if isnan(value) else value for value in fit.accuracy.tolist()],
        title=f"Correct answers{at}",
        x_label=_LABEL,
        percent=True,
        diagonal="perfect calibration",
        notes=notes,
    )
    sureness = histogram(
        fit.edges.tolist(), fit.counts.tolist(), title=f"Images{at}", x_label=_LABEL
    )
    return {"reliability": Markup(reliability), "sureness": Markup(sureness)}


def _percent(value: float) -> str:
    return "-" if isnan(value) else f"{100 * value:.1f}\N{NO-BREAK SPACE}%"
