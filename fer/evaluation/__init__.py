"""Models and data sets -> figures that carry their protocol, measured on the network that is served.

Knows nothing about training or pages.
"""

from fer.evaluation.crossval import CrossValidation, OutOfFold, cross_validation
from fer.evaluation.evaluate import Evaluation, Readings, evaluate_model, evaluate_readings, read_split
from fer.evaluation.metrics import (
    ClassFigures,
    Figures,
    PairedDifference,
    Reliability,
    accuracy_interval,
    measure,
    paired_difference,
    reliability,
)
from fer.evaluation.report import (
    Comparison,
    Difference,
    FittedCalibration,
    Report,
    build_report,
    calibrate,
    compare,
    load_report,
    save_report,
)
from fer.evaluation.stamp import Stamp
from fer.evaluation.text import render_comparison, render_evaluation

__all__ = [
    "ClassFigures",
    "Comparison",
    "CrossValidation",
    "Difference",
    "Evaluation",
    "Figures",
    "FittedCalibration",
    "OutOfFold",
    "PairedDifference",
    "Readings",
    "Reliability",
    "Report",
    "Stamp",
    "accuracy_interval",
    "build_report",
    "calibrate",
    "compare",
    "cross_validation",
    "evaluate_model",
    "evaluate_readings",
    "load_report",
    "measure",
    "paired_difference",
    "read_split",
    "reliability",
    "render_comparison",
    "render_evaluation",
    "save_report",
]
