"""report.json: fitted, measured, written, read and compared."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fer.calibration import Calibration, SetRule
from fer.emotions import EMOTIONS_WITH_CONTEMPT
from fer.errors import DatasetError, ModelError
from fer.evaluation import (
    Evaluation,
    OutOfFold,
    Readings,
    Report,
    build_report,
    calibrate,
    compare,
    cross_validation,
    evaluate_model,
    load_report,
    save_report,
    store_cross_validation,
)
from fer.evaluation.report import (
    FittedCalibration,
    FittedSets,
    fit_out_of_fold,
    fit_votes,
    halves,
    load_cross_validation,
)
from tests.fakes import CARD

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


@pytest.fixture
def folder(tmp_path: Path, fake_model: type) -> Path:
    """The folder of the model that `report` is of."""
    made = tmp_path / "fake"
    made.mkdir()
    (made / "model.onnx").write_bytes(fake_model.NETWORK)
    return made


def test_nothing_measured_is_an_empty_report(tmp_path: Path) -> None:
    assert load_report(tmp_path) == Report()
    assert Report().find("drawn", "PrivateTest") is None
    save_report(tmp_path, Report())
    assert load_report(tmp_path) == Report()


def test_report_has_the_contracts_shape(report: Report) -> None:
    record = json.loads(json.dumps(report.to_dict()))
    assert list(record) == ["network", "calibration", "evaluations", "framing"]
    assert list(record["calibration"]) == ["temperature", "fitted_on", "sets"]
    assert list(record["calibration"]["sets"]) == ["coverage", "threshold", "fitted_on"]
    assert list(record["calibration"]["sets"]["threshold"]) == ["none", "flip"]
    assert list(record["calibration"]["temperature"]) == ["none", "flip"]
    assert record["framing"] == {"yunet": {}}
    served = Calibration.from_report(record)
    assert served.temperatures == report.calibration.temperature
    assert {way: rule.threshold for way, rule in served.set_rules.items()} == report.calibration.sets.threshold


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


def test_report_is_measured_with_what_it_states(report: Report, draw, fake_model) -> None:
    dataset = draw(*ROWS)
    fitted = calibrate(fake_model(temperatures={"none": 9.0, "flip": 9.0}), dataset)
    assert fitted == report.calibration
    source = {"data": "drawn", "digest": dataset.digest, "split": "PublicTest", "seed": 0, "date": None}
    assert fitted.fitted_on | {"date": None} == source | {"half": "first", "n": 4}
    assert fitted.sets.fitted_on | {"date": None} == source | {"half": "second", "n": 5}
    rules = {way: SetRule(fitted.sets.coverage, threshold) for way, threshold in fitted.sets.threshold.items()}
    model = fake_model(temperatures=fitted.temperature, set_rules=rules)
    assert evaluate_model(model, dataset, "PrivateTest").to_dict() == report.evaluations[1].to_dict()


@pytest.mark.parametrize("rows", [0, 1, 2, 3589], ids=["empty", "one", "two", "FER2013"])
def test_halves_share_no_row_and_miss_none(rows: int) -> None:
    first, second = halves(rows)
    assert len(second) - len(first) in (0, 1)
    assert sorted([*first, *second]) == list(range(rows))
    assert [half.tolist() for half in halves(rows)] == [first.tolist(), second.tolist()]
    if rows > 2:
        assert first.max() > second.min()


def test_temperature_is_fitted_on_one_half_and_sets_on_the_other(draw, fake_model) -> None:
    """With one logit for all, the best temperature makes the confidence the accuracy: here 3 of 4 in the first half.

    In the second half every face is read right, so that every label has just that probability.
    """
    first, _ = halves(40)
    wrong = first[::4]
    rows = [(row % 7, (row + (row in wrong)) % 7, "PublicTest") for row in range(40)]
    fitted = calibrate(fake_model(sure=2.0), draw(*rows))
    for averaging, logit in (("none", 2.0), ("flip", 4.0)):
        scaled = np.exp(logit / fitted.temperature[averaging])
        assert scaled / (scaled + 6) == pytest.approx(3 / 4, abs=1e-3)
        assert fitted.sets.threshold[averaging] == pytest.approx(3 / 4, abs=1e-3)
    assert fitted.sets.coverage == 0.8


@pytest.mark.parametrize(
    ("usages", "message"),
    [
        (["Training"], "drawn holds no PublicTest rows"),
        (
            ["Training", "PublicTest"],
            "drawn holds one PublicTest row, but calibration needs two or more; use the whole",
        ),
    ],
    ids=["none", "one"],
)
def test_calibration_needs_its_rows(usages: list[str], message: str, draw, fake_model) -> None:
    with pytest.raises(DatasetError, match=f"^{message}"):
        calibrate(fake_model(), draw(*((0, 0, usage) for usage in usages)))


def test_progress_runs_over_all_data_sets(draw, fake_model) -> None:
    shares: list[float] = []
    build_report(fake_model(), draw(*ROWS), [draw(*ROWS)], progress=shares.append)
    assert shares == pytest.approx([i / 6 for i in range(1, 7)])


def test_report_is_read_as_written(report: Report, folder: Path) -> None:
    save_report(folder, report)
    assert load_report(folder).to_dict() == report.to_dict()
    assert {item.name for item in folder.iterdir()} == {"model.onnx", "report.json"}


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        '{"evaluations": [{}]}',
        '{"calibration": 3}',
        '{"evaluations": 3}',
        '{"calibration": {"temperature": {}}}',
        '{"faults": {"costs": []}}',
        '{"calibration": {"temperature": {}, "fitted_on": {}, "sets": {"coverage": 0.8}}}',
    ],
    ids=[
        *("empty", "no object", "no figures", "calibration of another kind", "no list", "fitted on nothing"),
        "faults of nothing",
        "sets without thresholds",
    ],
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


def _shifted(evaluation: Evaluation, **changes: object) -> Evaluation:
    none = replace(evaluation.figures["none"], **changes)
    return replace(evaluation, figures={**evaluation.figures, "none": none})


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
    value = None if shift is None else getattr(stored.figures["none"], figure) + shift
    comparison = compare(_shifted(stored, **{figure: value}), stored)
    assert comparison.agrees is agrees
    assert comparison.same_data
    [changed] = [d for d in comparison.differences if (d.averaging, d.figure) == ("none", figure)]
    assert changed.points == (None if shift is None else pytest.approx(shift * 100, abs=1e-4))
    assert all(d.agrees for d in comparison.differences if d is not changed)


@pytest.mark.parametrize(
    ("figure", "shift", "agrees"),
    [("coverage", 0.001, True), ("coverage", 0.002, False), ("single_share", -0.002, False), ("mean_size", 0.5, True)],
)
def test_compare_sets(figure: str, shift: float, agrees: bool, report: Report) -> None:
    stored = report.evaluations[1]
    sets = replace(stored.figures["none"].sets, **{figure: getattr(stored.figures["none"].sets, figure) + shift})
    assert compare(_shifted(stored, sets=sets), stored).agrees is agrees


def test_compare_with_figures_from_before_there_were_sets(report: Report) -> None:
    stored = report.evaluations[1]
    comparison = compare(stored, _shifted(stored, sets=None))
    assert {(d.averaging, d.figure, d.stored) for d in comparison.differences if not d.agrees} == {
        ("none", "sets.coverage", None),
        ("none", "sets.single_share", None),
    }


def test_missing_on_both_sides_agrees(report: Report) -> None:
    other = report.find("other", "all")
    assert other.figures["none"].accuracy_without_copies is None
    assert compare(other, other).agrees


def test_another_copy_of_the_data_is_noticed(report: Report) -> None:
    stored = report.evaluations[0]
    comparison = compare(replace(stored, stamp=replace(stored.stamp, digest="f" * 64)), stored)
    assert (comparison.same_data, comparison.agrees) == (False, True)


def test_only_the_same_thing_compares(report: Report) -> None:
    with pytest.raises(ValueError, match="the same thing"):
        compare(report.evaluations[0], report.evaluations[1])


def test_rounding_on_disk_does_not_count_as_a_difference(report: Report, folder: Path) -> None:
    save_report(folder, report)
    for measured, stored in zip(report.evaluations, load_report(folder).evaluations, strict=True):
        assert compare(measured, stored).agrees


def test_report_without_a_fit_writes_no_temperature() -> None:
    assert Report().to_dict() == {"calibration": {}, "evaluations": [], "framing": {}}
    assert Calibration.from_report(Report().to_dict()).temperatures == {}


@pytest.mark.parametrize(
    ("sets", "set_rules"),
    [(None, {}), (FittedSets(0.8, {"none": 0.2}, {}), {"none": SetRule(0.8, 0.2)})],
    ids=["temperature alone", "sets too"],
)
def test_fit_serves_as_a_calibration(sets: FittedSets | None, set_rules: dict[str, SetRule]) -> None:
    fitted = FittedCalibration({"none": 2.0}, {}, sets)
    assert fitted.calibration == Calibration({"none": 2.0}, set_rules)
    assert FittedCalibration.from_dict(json.loads(json.dumps(fitted.to_dict()))) == fitted


EIGHT = EMOTIONS_WITH_CONTEMPT


def _out_of_fold(people: int = 4, data: str = "ckplus") -> OutOfFold:
    """Two faces a person, angry and neutral; every fourth person's first face is read as sad."""
    label = np.tile([0, 6], people)
    read = label.copy()
    read[::8] = 4
    logits = np.eye(8)[read] * 2
    subject = np.repeat([f"S{person}" for person in range(people)], 2)
    return OutOfFold(
        data, "d", EIGHT, np.arange(2 * people), label, subject, np.repeat(range(people), 2), logits, logits
    )


class TestCrossValidation:
    @pytest.fixture
    def installed(self, folder: Path) -> Path:
        facts = CARD | {"name": "fake", "classes": list(EIGHT)}
        (folder / "card.json").write_text(json.dumps(facts))
        return folder

    def test_it_joins_what_is_there(self, report: Report, installed: Path) -> None:
        save_report(installed, report)
        found = store_cross_validation(installed, _out_of_fold())
        stored = load_report(installed)
        assert stored.cross_validation.to_dict() == found.to_dict()
        assert replace(stored, cross_validation=None).to_dict() == report.to_dict()
        assert load_cross_validation(installed).to_dict() == found.to_dict()

    @pytest.mark.parametrize(
        "content", [None, "{", '{"network": "of another file"}'], ids=["none", "damaged", "foreign"]
    )
    def test_it_takes_the_place_of_a_report_that_cannot_be_used(self, content: str | None, installed: Path) -> None:
        if content is not None:
            (installed / "report.json").write_text(content)
        assert load_cross_validation(installed) is None
        store_cross_validation(installed, _out_of_fold())
        assert load_report(installed).evaluations == ()
        assert load_report(installed).cross_validation.out_of_fold.folds == 4

    def test_a_row_of_predictions_is_a_line(self, installed: Path) -> None:
        store_cross_validation(installed, _out_of_fold())
        lines = [line.strip() for line in (installed / "report.json").read_text().splitlines()]
        assert '"subject": ["S0", "S0", "S1", "S1", "S2", "S2", "S3", "S3"],' in lines
        assert lines.count("[2.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],") == 6

    def test_it_is_calibrated_on_and_measured_anew(self, draw, fake_model) -> None:
        dataset = draw((0, 0, "Training"), (6, 6, "PublicTest"), (0, 0, "PrivateTest"), name="ckplus")
        model = fake_model(EIGHT, trained_on=("ckplus", "Training"))
        folds = cross_validation(model.card, _out_of_fold())
        stale = _shifted(folds.whole, accuracy=0.123)
        found = build_report(model, dataset, folds=replace(folds, whole=stale))
        assert found.cross_validation.to_dict() == folds.to_dict()
        assert found.calibration == fit_out_of_fold(folds.out_of_fold)
        assert [(e.stamp.split, e.stamp.n) for e in found.evaluations] == [("held-out", 2), ("apex", 1)]

    def test_temperature_and_sets_are_fitted_on_different_people(self) -> None:
        predictions = _out_of_fold(people=7)
        fitted = fit_out_of_fold(predictions)
        assert (fitted.fitted_on["n"], fitted.sets.fitted_on["n"]) == (6, 8)
        assert fitted.fitted_on["split"] == "all, 7 folds by person"
        assert set(fitted.temperature) == set(fitted.sets.threshold) == {"none", "flip"}

    def test_one_person_is_not_enough(self) -> None:
        with pytest.raises(DatasetError, match=r"^Calibration needs two or more people, but ckplus shows 1\.$"):
            fit_out_of_fold(_out_of_fold(people=1))


ALL_USAGES = (
    (0, 0, "Training"),
    (0, 0, "PublicTest"),
    (1, 1, "PublicTest"),
    (6, 6, "PrivateTest"),
    (3, 3, "PrivateTest"),
)


@pytest.mark.parametrize(
    ("home", "others", "splits"),
    [
        ("mine", (), ["mine PublicTest 2", "mine PrivateTest 2"]),
        (
            "fer2013",
            ("ckplus",),
            ["fer2013 PublicTest 2", "fer2013 PrivateTest 2", "ckplus all 5", "ckplus apex 4"],
        ),
        (
            "ckplus",
            ("fer2013", "mine"),
            ["ckplus PublicTest 2", "ckplus held-out 4", "ckplus apex 3", "fer2013 PrivateTest 2", "mine all 5"],
        ),
    ],
    ids=["one's own", "FER2013 at home", "CK+ at home"],
)
def test_what_is_measured_on_which_data(
    home: str, others: tuple[str, ...], splits: list[str], draw, fake_model
) -> None:
    data = [draw(*ALL_USAGES, name=name, source=Path(name), digest=name, pixels=name) for name in (home, *others)]
    found = build_report(fake_model(trained_on=(home, "Training")), data[0], data[1:])
    stamps = [evaluation.stamp for evaluation in found.evaluations]
    assert [f"{stamp.data} {stamp.split} {stamp.n}" for stamp in stamps] == splits
    assert not any(stamp.seen_in_training for stamp in stamps)


def test_a_report_of_another_network_is_a_sentence(report: Report, folder: Path) -> None:
    save_report(folder, report)
    (folder / "model.onnx").write_bytes(b"trained once more")
    with pytest.raises(ModelError, match=r"report\.json is of another network than the model\.onnx beside it; measure"):
        load_report(folder)


def test_a_report_of_another_model_is_a_sentence(report: Report, tmp_path: Path, folder: Path) -> None:
    folder = folder.rename(tmp_path / "other")
    save_report(folder, report)
    with pytest.raises(ModelError, match=r"report\.json is of the model fake; measure other anew with `python -m fer"):
        load_report(folder)


def _voted(frequent: float, n: int = 3_000) -> tuple[np.ndarray, np.ndarray]:
    """Faces on which ten raters agree, so many of them of the first class, and logits that do not know how many."""
    rng = np.random.default_rng(0)
    seen = rng.choice(7, n, p=[frequent, *[(1 - frequent) / 6] * 6])
    logits = 2 * (2 * np.eye(7)[seen] + rng.normal(size=(n, 7)))
    return logits.astype(np.float32), (10 * np.eye(10)[seen]).astype(np.uint8)


@pytest.mark.parametrize(
    ("frequent", "lowered", "is_shifted"),
    [
        pytest.param(1 / 7, 0.0, False, id="nothing to shift"),
        pytest.param(1 / 7, 3.0, True, id="one class was said too low"),
        pytest.param(0.8, 0.0, False, id="rare classes would pay for it"),
    ],
)
def test_a_shift_to_the_votes_is_kept_where_no_rare_class_pays_for_it(
    frequent: float, lowered: float, is_shifted: bool, draw, fake_model
) -> None:
    logits, votes = _voted(frequent)
    faces = draw(*[(0, 0, "PublicTest")] * len(votes), votes=votes, number=False)
    said = logits - np.float32([lowered, *[0] * 6])
    fitted = fit_votes(fake_model().card, faces, Readings(faces, "PublicTest", {"none": said}, {}))
    assert bool(fitted.shift) is is_shifted
    assert fitted.fitted_on["target"] == fitted.calibration.target == "votes"
    assert (fitted.fitted_on["n"], fitted.sets.fitted_on["n"]) == (1_500, 1_500)
    if is_shifted:
        assert fitted.shift["none"][0] == pytest.approx(3 * 6 / 7, abs=0.2)
