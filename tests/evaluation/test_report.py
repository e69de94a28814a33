"""report.json: fitted, measured, written, read and compared."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fer.calibration import Calibration
from fer.errors import DatasetError, ModelError
from fer.evaluation import (
    Evaluation,
    Report,
    build_report,
    calibrate,
    compare,
    evaluate_model,
    load_report,
    save_report,
)
from fer.evaluation.report import FittedCalibration

ROWS = (
    *[(0, 0, "Training")] * 3,
    *[(label, label, "PublicTest") for label in range(6)],
    *[(label, 0, "PublicTest") for label in range(1, 4)],
    *[(label, label, "PrivateTest") for label in range(7)],
    (1, 0, "PrivateTest"),
)


@pytest.fixture
def report(draw, fake_model) -> Report:
    return build_report(fake_model(), draw(*ROWS), [draw(*ROWS[3:], (7, 0, "Training"), name="other")], {"yunet": {}})


def test_nothing_measured_is_an_empty_report(tmp_path: Path) -> None:
    assert load_report(tmp_path) == Report()
    assert Report().find("drawn", "PrivateTest") is None
    save_report(tmp_path, Report())
    assert load_report(tmp_path) == Report()


def test_report_has_the_contracts_shape(report: Report) -> None:
    record = json.loads(json.dumps(report.to_dict()))
    assert list(record) == ["calibration", "evaluations", "framing"]
    assert list(record["calibration"]) == ["temperature", "fitted_on"]
    assert list(record["calibration"]["temperature"]) == ["none", "flip"]
    assert record["framing"] == {"yunet": {}}
    served = Calibration.from_report(record)
    assert served.temperatures == report.calibration.temperature


def test_report_measures_both_test_splits_and_the_others_whole(report: Report) -> None:
    stamps = [evaluation.stamp for evaluation in report.evaluations]
    assert [(stamp.data, stamp.split, stamp.n) for stamp in stamps] == [
        ("drawn", "PublicTest", 9),
        ("drawn", "PrivateTest", 8),
        ("other", "all", 17),
    ]
    assert [stamp.rows_left_out for stamp in stamps] == [{}, {}, {"contempt": 1}]
    assert report.find("drawn", "PrivateTest") is report.evaluations[1]
    assert report.find("drawn", "Training") is None


def test_report_is_measured_with_the_temperatures_that_it_states(report: Report, draw, fake_model) -> None:
    dataset = draw(*ROWS)
    fitted = calibrate(fake_model(temperatures={"none": 9.0, "flip": 9.0}), dataset)
    assert fitted == report.calibration
    assert fitted.fitted_on | {"date": None} == {
        "data": "drawn",
        "digest": dataset.digest,
        "split": "PublicTest",
        "n": 9,
        "date": None,
    }
    served = evaluate_model(fake_model(temperatures=fitted.temperature), dataset, "PrivateTest")
    assert served.to_dict() == report.evaluations[1].to_dict()


def test_fitted_temperature_matches_confidence_to_accuracy(draw, fake_model) -> None:
    """With one logit for all, the best temperature makes the confidence the accuracy: 6 of 9 on PublicTest."""
    fitted = calibrate(fake_model(sure=2.0), draw(*ROWS))
    for averaging, logit in (("none", 2.0), ("flip", 4.0)):
        scaled = np.exp(logit / fitted.temperature[averaging])
        assert scaled / (scaled + 6) == pytest.approx(6 / 9, abs=1e-3)


def test_calibration_needs_its_rows(draw, fake_model) -> None:
    with pytest.raises(DatasetError, match="drawn holds no PublicTest rows"):
        calibrate(fake_model(), draw((0, 0, "Training")))


def test_progress_runs_over_all_data_sets(draw, fake_model) -> None:
    shares: list[float] = []
    build_report(fake_model(), draw(*ROWS), [draw(*ROWS)], progress=shares.append)
    assert shares == pytest.approx([i / 6 for i in range(1, 7)])


def test_report_is_read_as_written(report: Report, tmp_path: Path) -> None:
    save_report(tmp_path, report)
    assert load_report(tmp_path).to_dict() == report.to_dict()
    assert [item.name for item in tmp_path.iterdir()] == ["report.json"]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        '{"evaluations": [{}]}',
        '{"calibration": 3}',
        '{"evaluations": 3}',
        '{"calibration": {"temperature": {}}}',
    ],
    ids=["empty", "no object", "no figures", "calibration of another kind", "no list", "fitted on nothing"],
)
def test_damaged_report(content: str, tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text(content)
    with pytest.raises(ModelError, match=re.escape(str(tmp_path / "report.json"))):
        load_report(tmp_path)


def test_folder_that_is_gone(report: Report, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"^The report .*report\.json cannot be written: .+\.$"):
        save_report(tmp_path / "gone", report)


def test_full_disk_keeps_the_old_report(report: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_report(tmp_path, Report(framing={"kept": 1}))

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(ModelError, match="cannot be written: No space left on device"):
        save_report(tmp_path, report)
    assert load_report(tmp_path).framing == {"kept": 1}
    assert [item.name for item in tmp_path.iterdir()] == ["report.json"]


def _shifted(evaluation: Evaluation, **changes: float | None) -> Evaluation:
    return replace(evaluation, plain=replace(evaluation.plain, **changes))


@pytest.mark.parametrize(
    ("figure", "shift", "agrees"),
    [
        ("accuracy", 0.0, True),
        ("accuracy", 0.001, True),
        ("accuracy", -0.001, True),
        ("accuracy", 0.0011, False),
        ("macro_f1", -0.002, False),
        ("macro_recall", 0.002, False),
        ("ece", 0.002, False),
        ("ece_raw", 0.002, False),
        ("accuracy_without_copies", 0.002, False),
        ("accuracy_without_copies", None, False),
    ],
)
def test_compare(figure: str, shift: float | None, agrees: bool, report: Report) -> None:
    stored = report.evaluations[1]
    value = None if shift is None else getattr(stored.plain, figure) + shift
    comparison = compare(_shifted(stored, **{figure: value}), stored)
    assert comparison.agrees is agrees
    assert comparison.same_data
    [changed] = [d for d in comparison.differences if (d.averaging, d.figure) == ("plain", figure)]
    assert changed.points == (None if shift is None else pytest.approx(shift * 100, abs=1e-4))
    assert all(d.agrees for d in comparison.differences if d is not changed)


def test_missing_on_both_sides_agrees(report: Report) -> None:
    other = report.find("other", "all")
    assert other.plain.accuracy_without_copies is None
    assert compare(other, other).agrees


def test_another_copy_of_the_data_is_noticed(report: Report) -> None:
    stored = report.evaluations[0]
    comparison = compare(replace(stored, stamp=replace(stored.stamp, digest="f" * 64)), stored)
    assert (comparison.same_data, comparison.agrees) == (False, True)


def test_only_the_same_thing_compares(report: Report) -> None:
    with pytest.raises(ValueError, match="the same thing"):
        compare(report.evaluations[0], report.evaluations[1])


def test_rounding_on_disk_does_not_count_as_a_difference(report: Report, tmp_path: Path) -> None:
    save_report(tmp_path, report)
    for measured, stored in zip(report.evaluations, load_report(tmp_path).evaluations, strict=True):
        assert compare(measured, stored).agrees


def test_report_without_a_fit_writes_no_temperature() -> None:
    assert Report().to_dict() == {"calibration": {}, "evaluations": [], "framing": {}}
    assert Calibration.from_report(Report().to_dict()).temperatures == {}


def test_fit_serves_as_a_calibration() -> None:
    assert FittedCalibration({"none": 2.0}, {}).calibration == Calibration({"none": 2.0})
