"""The results of a training run, as one page that needs no other file."""

from clearconv.report.callback import Report
from clearconv.report.statistics import Calibration, calibration, doubtful_labels
from clearconv.report.write import write_report
from clearconv.runs.interval import wilson

__all__ = [
    "Calibration",
    "Report",
    "calibration",
    "doubtful_labels",
    "wilson",
    "write_report",
]
