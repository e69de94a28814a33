"""Models and data sets -> figures that carry their protocol, measured on the network that is served.

Knows nothing about training or pages.
"""

from fer.evaluation.crossval import CrossValidation, OutOfFold, cross_validation
from fer.evaluation.curve import load_curve
from fer.evaluation.evaluate import (
    APEX,
    EVALUATION_SPLITS,
    HELD_OUT,
    Evaluation,
    Readings,
    evaluate_model,
    evaluate_readings,
    learned_from,
    read_split,
)
from fer.evaluation.matrix import MatrixCell, cross_data_matrix
from fer.evaluation.metrics import (
    ClassFigures,
    Figures,
    McNemar,
    PairedDifference,
    Reliability,
    accuracy_interval,
    mcnemar,
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
    store_cross_validation,
)
from fer.evaluation.stamp import Stamp
from fer.evaluation.text import headline, render_comparison, render_evaluation

__all__ = [
    "APEX",
    "EVALUATION_SPLITS",
    "HELD_OUT",
    "ClassFigures",
    "Comparison",
    "CrossValidation",
    "Difference",
    "Evaluation",
    "Figures",
    "FittedCalibration",
    "MatrixCell",
    "McNemar",
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
    "cross_data_matrix",
    "cross_validation",
    "evaluate_model",
    "evaluate_readings",
    "headline",
    "learned_from",
    "load_curve",
    "load_report",
    "mcnemar",
    "measure",
    "paired_difference",
    "read_split",
    "reliability",
    "render_comparison",
    "render_evaluation",
    "save_report",
    "store_cross_validation",
]
