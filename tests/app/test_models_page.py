"""The Models page: stored figures and measured ones, what is damaged, what is missing, and every tab."""

import json
import os
import shutil
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from fer import benchmark
from fer.datasets import load_dataset
from fer.emotions import EMOTIONS, EMOTIONS_WITH_CONTEMPT
from fer.evaluation import Evaluation, FittedCalibration, Report, evaluate_model, load_report, save_report
from fer.evaluation.votes import SaidOfTen, VoteFigures
from fer.recognition import EmotionModel
from fer.ui import loaders
from fer.ui.models import runs, verdict
from tests.app.conftest import Visit, said
from tests.app.test_datasets_page import Row, alts, as_csv, data_dir, turn, zip_of
from tests.fakes import CARD, install_model, write_network

SIDE = 12
HAPPY, ANGRY = EMOTIONS.index("happy"), EMOTIONS.index("angry")


def face(number: int, happy: bool) -> np.ndarray:
    """A picture that `drawn` reads as happy, or as angry; every number gives another one."""
    image = np.full((SIDE, SIDE), 60)
    image[:, :6] = 200 if happy else 20
    image[0, 0] += number
    return image


def rows() -> list[Row]:
    """Five happy and five angry faces of every Usage; all are drawn as labelled."""
    return [
        (label, face(number + 10 * turn, label == HAPPY), usage)
        for turn, usage in enumerate(("Training", "PublicTest", "PrivateTest"))
        for label in (HAPPY, ANGRY)
        for number in range(5)
    ]


@pytest.fixture(autouse=True)
def model_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The one folder for models."""
    monkeypatch.setattr("fer.paths.model_dirs", lambda: [tmp_path / "models"])
    return tmp_path / "models"


@pytest.fixture
def fer2013() -> Path:
    """A small FER2013 on the search path."""
    file = data_dir() / "fer2013.csv"
    file.write_text(as_csv(rows()))
    return file


def _weights(name: str, classes: tuple[str, ...]) -> np.ndarray:
    weights = np.zeros(len(classes), np.float32)
    weights[classes.index(name)] = 0.1
    return weights


@pytest.fixture(scope="module")
def reported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of two models with a report on PrivateTest each: `drawn` reads all faces as labelled, `sour` reads the
    happy ones as sad."""
    folder, file = tmp_path_factory.mktemp("reported"), tmp_path_factory.mktemp("data") / "fer2013.csv"
    file.write_text(as_csv(rows()))
    dataset = load_dataset(file)
    for name in ("drawn", "sour"):
        install_model(folder, name)
    write_network(folder / "sour" / "model.onnx", _weights("sad", EMOTIONS))
    for name in ("drawn", "sour"):
        evaluation = evaluate_model(EmotionModel(folder / name), dataset, "PrivateTest")
        save_report(folder / name, Report(evaluations=(evaluation,)))
    return folder


@pytest.fixture
def models(reported: Path, model_dir: Path, fer2013: Path) -> None:
    """Models that have been measured, and the data that they were measured on."""
    shutil.copytree(reported, model_dir, dirs_exist_ok=True)


@pytest.fixture
def contempt(model_dir: Path) -> None:
    """A model of eight classes, trained on CK+, which nobody measured."""
    training = CARD["training"] | {"data": "ckplus", "split": "all"}
    folder = install_model(model_dir, "contempt", classes=list(EMOTIONS_WITH_CONTEMPT), training=training)
    write_network(folder / "model.onnx", _weights("happy", EMOTIONS_WITH_CONTEMPT))


def measured(app: AppTest) -> AppTest:
    """Press Measure here, and come back when it is done."""
    app.button(key="measure").click().run()
    assert not app.exception
    app.session_state["_evaluation"].wait()
    return app.run()


def pictures(app: AppTest) -> list[str]:
    """What all pictures are described as."""
    return [image.alt for element in app.image for image in element.proto.imgs]


def of_tabs(app: AppTest) -> str:
    """What the charts below the page's first answer are described as, a line each."""
    return "\n".join(line for line in alts(app).splitlines() if not line.startswith("Macro recall with its"))


def figures(app: AppTest) -> dict[str, dict[str, str]]:
    """The head's table, by model."""
    return app.table[0].value.rename(index=lambda name: name.replace("\\", "")).to_dict("index")


class TestStored:
    def test_without_models_it_says_so(self, visit: Visit) -> None:
        app = visit("models")
        assert not app.exception
        assert "No model is installed that can be shown." in said(app)

    @pytest.mark.usefixtures("models")
    def test_figures_come_from_the_reports_best_first(self, visit: Visit) -> None:
        app = visit("models")
        assert not app.exception
        table = figures(app)
        assert list(table) == ["drawn", "sour"]
        assert (table["drawn"]["Rank"], table["drawn"]["Accuracy"]) == ("1", "100.0 %")
        assert (table["sour"]["Rank"], table["sour"]["Accuracy"]) == ("2", "50.0 %")
        assert table["sour"]["Faces"] == "10"
        assert table["sour"]["Measured"].startswith("stored, ")
        assert "How drawn reads FER2013, PrivateTest. Read as labelled: angry 100 %, happy 100 %" in alts(app)

    @pytest.mark.usefixtures("models")
    def test_the_protocol_is_on_the_page(self, visit: Visit) -> None:
        text = said(visit("models"))
        assert "FER2013, PrivateTest: 10 faces. Trained on fer2013 Training (none, seeds: 1)" in text
        assert "checkpoint selected by nothing" in text

    @pytest.mark.usefixtures("models")
    def test_without_the_data_it_says_how_to_get_it(self, visit: Visit, fer2013: Path) -> None:
        fer2013.unlink()
        app = visit("models")
        assert not app.exception
        assert figures(app)["drawn"]["Accuracy"] == "100.0 %"
        assert "fer2013.csv` is not on this machine. Get it from the Kaggle competition" in said(app)
        assert os.environ["FER_DATA_DIR"] in said(app)
        assert "measure" not in [button.key for button in app.button]

    @pytest.mark.usefixtures("models")
    def test_a_damaged_model_is_named_and_the_others_shown(self, visit: Visit, model_dir: Path) -> None:
        (model_dir / "drawn" / "report.json").write_bytes(b"[]")
        app = visit("models")
        assert not app.exception
        assert "report.json is damaged: it must hold one JSON object." in said(app)
        assert list(figures(app)) == ["sour"]

    @pytest.mark.usefixtures("models", "contempt")
    def test_a_model_that_nobody_measured_stands_last(self, visit: Visit) -> None:
        table = figures(visit("models"))
        assert list(table) == ["drawn", "sour", "contempt"]
        assert (table["contempt"]["Rank"], table["contempt"]["Faces"]) == ("\u2013", "not measured")

    @pytest.mark.usefixtures("models")
    def test_with_no_model_chosen_it_asks_for_one(self, visit: Visit) -> None:
        app = turn(visit("models"), models=[])
        assert not app.exception
        assert "Choose a model." in said(app)

    @pytest.mark.usefixtures("models")
    def test_rows_that_a_report_alone_knows_are_offered_but_not_measured(self, visit: Visit, model_dir: Path) -> None:
        file = model_dir / "drawn" / "report.json"
        report = json.loads(file.read_text())
        report["evaluations"][0]["stamp"] |= {"data": "mine", "split": "Elsewhere"}
        file.write_text(json.dumps(report))
        app = turn(visit("models"), models_data="mine")
        assert not app.exception
        assert figures(app)["drawn"]["Accuracy"] == "100.0 %"
        assert "measure" not in [button.key for button in app.button]


VOTES = VoteFigures(
    n=9,
    cross_entropy=1.25,
    entropy=0.5,
    agreement=0.6,
    raters_agreement=0.7,
    set_agreement=None,
    said_of_ten=(SaidOfTen(7, 6, 0.71, 0.66), SaidOfTen(10, 3, 0.98, 0.9)),
)


def change_report(folder: Path, change: Callable[[Evaluation], Evaluation], target: str = "labels") -> None:
    """Change all evaluations of a model's report, and note what its probabilities were fitted to."""
    report = load_report(folder)
    source = {"data": "fer2013", "split": "PublicTest", "n": 5, "date": "2001-02-03", "target": target}
    fitted = FittedCalibration({"none": 1.0, "flip": 1.0}, source, shift={"none": [0, 0, 0, 0, 9, 0, 0]})
    save_report(folder, replace(report, calibration=fitted, evaluations=tuple(map(change, report.evaluations))))


def voted(evaluation: Evaluation) -> Evaluation:
    """The same with the votes of raters."""
    return replace(evaluation, figures={way: replace(its, votes=VOTES) for way, its in evaluation.figures.items()})


@pytest.mark.usefixtures("models")
class TestVerdict:
    """The page's answer, above everything else."""

    def test_it_is_said_and_drawn(self, visit: Visit, model_dir: Path) -> None:
        training = CARD["training"] | {"data": "ckplus", "split": "Training"}
        (model_dir / "sour" / "card.json").write_text(json.dumps(CARD | {"name": "sour", "training": training}))
        app = visit("models")
        text = said(app).replace("\u00a0", " ")
        assert (
            "Everyday photos: **drawn** finds 100 % (95 % interval 100 to 100) of each expression, on average; " in text
        )
        assert "**sour**, the best that learned posed faces in a studio, 50 % (95 % interval" in text
        assert "Posed faces in a studio: " not in text, "nobody measured that"
        assert app.header[0].value == "How well strangers' faces are read"
        assert "drawn on FER2013 PrivateTest, by its labels 100 % (100 % to 100 %); sour on" in alts(app)

    def test_what_was_seen_in_training_is_no_stranger(self, visit: Visit, model_dir: Path) -> None:
        for name in ("drawn", "sour"):
            change_report(model_dir / name, lambda e: replace(e, stamp=replace(e.stamp, seen_in_training=True)))
        app = visit("models")
        assert not app.exception
        assert "None of these models was measured on faces that it does not know." in said(app)

    def test_the_default_says_what_it_is_for(
        self, visit: Visit, model_dir: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for module in (verdict, loaders):
            monkeypatch.setattr(module, "DEFAULT_MODEL", "sour")
        card = CARD | {"name": "sour", "purpose": "For tests.", "fails": "Takes joy for grief."}
        (model_dir / "sour" / "card.json").write_text(json.dumps(card))
        app = visit("models")
        assert "sour reads unless you choose another. For tests. Takes joy for grief." in said(app)
        assert app.get("button_group")[1].options[0] == "sour", "the picker lists it first"


@pytest.mark.usefixtures("models")
class TestTryingOut:
    def test_a_sample_is_read_by_all_models(self, visit: Visit) -> None:
        app = visit("models")
        assert not app.exception
        assert [words.split(":")[0] for words in pictures(app)] == ["drawn", "sour"]
        assert "Eileen Collins, NASA, public domain" in said(app)

    def test_of_two_faces_one_is_chosen(self, visit: Visit) -> None:
        app = turn(visit("models"), try_source="two-faces")
        first = pictures(app)
        app.session_state["try_face_sample two-faces"] = 2
        app.run()
        assert not app.exception
        assert len(first) == len(pictures(app)) == 2

    @pytest.mark.parametrize(
        ("data", "words"),
        [
            pytest.param(None, "It stays in this machine's memory and is gone when you leave.", id="nothing yet"),
            pytest.param(b"no picture", "is a text file, not a picture", id="no picture"),
            pytest.param("blank", "No face found.", id="nobody"),
            pytest.param("face", "Over the face: what spoke for the answer", id="a face"),
        ],
    )
    def test_ones_own_photo(
        self, data: bytes | str | None, words: str, visit: Visit, blank_png: bytes, face_png: bytes
    ) -> None:
        app = turn(visit("models"), try_source="own")
        if data is not None:
            content = {"blank": blank_png, "face": face_png}.get(data, data)
            app.file_uploader(key="try_file").set_value([("mine.png", content, "image/png")]).run()
        assert not app.exception
        assert words in said(app)
        assert len(pictures(app)) == (2 if data == "face" else 0)

    def test_a_damaged_model_is_one_sentence_and_the_others_read(self, visit: Visit, model_dir: Path) -> None:
        (model_dir / "drawn" / "model.onnx").write_bytes(b"no network")
        app = visit("models")
        assert not app.exception
        assert "model.onnx is damaged or no ONNX network" in said(app)
        assert [words.split(":")[0] for words in pictures(app)] == ["sour"]

    def test_without_a_model_that_can_read_it_says_so(self, visit: Visit, model_dir: Path) -> None:
        for name in ("drawn", "sour"):
            (model_dir / name / "model.onnx").write_bytes(b"no network")
        app = visit("models")
        assert not app.exception
        assert pictures(app) == []
        assert len(app.error) == 1


@pytest.mark.usefixtures("models")
class TestVotes:
    def test_raters_stand_beside_the_models(self, visit: Visit, model_dir: Path) -> None:
        change_report(model_dir / "drawn", voted)
        app = visit("models")
        assert not app.exception
        table = figures(app)
        assert list(table) == ["drawn", "sour", "raters"]
        assert [table[name]["Chosen by a rater"] for name in table] == ["60.0 %", "\u2013", "70.0 %"]
        assert [table[name]["Cross-entropy"] for name in table] == ["1.250", "\u2013", "0.500 at least"]
        assert table["raters"]["Rank"] == "\u2013"
        assert "how often one of the people who looked at the face chose what is read" in said(app)

    def test_without_votes_there_are_no_raters(self, visit: Visit) -> None:
        table = figures(visit("models"))
        assert list(table) == ["drawn", "sour"]
        assert "Cross-entropy" not in table["drawn"]

    def test_of_ten_people_is_held_against_the_raters(self, visit: Visit, model_dir: Path) -> None:
        change_report(model_dir / "drawn", voted, target="votes")
        change_report(model_dir / "sour", voted)
        app = turn(visit("models"), models_view="Calibration")
        assert not app.exception
        (table,) = (each.value for each in app.table if "of 10 people" in str(each.value.index[0]))
        assert table.to_dict("index") == {
            "7 of 10 people": {"Faces": "6", "Raters who said it": "66 %", "Off by, points": "+5.0"},
            "10 of 10 people": {"Faces": "3", "Raters who said it": "90 %", "Off by, points": "+8.0"},
        }

    def test_where_no_votes_were_measured_it_says_so(self, visit: Visit, model_dir: Path) -> None:
        change_report(model_dir / "drawn", lambda evaluation: evaluation, target="votes")
        app = turn(visit("models"), models_view="Calibration")
        assert not app.exception
        assert 'Whether "7 of 10 people" is so was not measured for this model' in said(app)

    def test_faces_are_read_with_the_shift_that_was_fitted(self, visit: Visit, model_dir: Path) -> None:
        """Measured and shown readings come from the same probabilities: here the shift makes all faces sad."""
        change_report(model_dir / "drawn", lambda evaluation: evaluation, target="votes")
        app = measured(turn(visit("models"), models=["drawn"], models_view="Faces"))
        assert not app.exception
        assert figures(app)["drawn"]["Accuracy"] == "0.0 %"
        assert len(_shown(app)) == 10
        assert all("drawn: sad " in words for words in _shown(app))


@pytest.mark.usefixtures("models")
class TestMeasuring:
    def test_what_agrees_with_the_report_is_said(self, visit: Visit) -> None:
        app = measured(visit("models"))
        assert not app.exception
        assert figures(app)["drawn"]["Measured"].startswith("here, ")
        assert "Measured here, every figure agrees with the stored report: drawn, sour." in said(app)
        assert "measure" not in [button.key for button in app.button]

    def test_models_are_measured_on_what_somebody_uploads(self, visit: Visit) -> None:
        app = turn(visit("datasets"), dataset="own")
        archive = zip_of({f"{EMOTIONS[label]}/{i}.png": image for i, (label, image, _) in enumerate(rows()[:10])})
        app.file_uploader(key="dataset_upload").set_value([("mine.zip", archive, "application/zip")]).run()
        app.button(key="read_upload").click().run()
        turn(app, view="Models on it")
        assert "How well do the 2 installed models read these faces?" in said(app)
        measured(app)
        assert app.table[1].value["Accuracy"].to_dict() == {"drawn": "100.0 %", "sour": "50.0 %"}
        assert "**drawn** is right 50.0 points more often than **sour**" in said(app)

    def test_another_visitor_finds_it_measured(self, visit: Visit) -> None:
        measured(visit("models"))
        assert figures(visit("models"))["drawn"]["Measured"].startswith("here, ")

    def test_another_copy_of_the_data_is_said_with_the_difference(self, visit: Visit, fer2013: Path) -> None:
        fer2013.write_text(as_csv([*rows(), (ANGRY, face(30, True), "PrivateTest")]))
        app = measured(visit("models"))
        (warning,) = (each.value.replace("\\", "") for each in app.warning)
        assert "This machine's copy of FER2013" in warning
        assert "is another one than the reports'." in warning
        assert "drawn: accuracy 90.9 % here, 100.0 % stored" in warning

    def test_rows_of_the_training_are_marked_and_not_ranked(self, visit: Visit, contempt: None) -> None:
        app = measured(turn(visit("models"), models_rows_fer2013="Training"))
        assert not app.exception
        table = figures(app)
        assert (table["drawn"]["Rank"], table["sour"]["Rank"]) == ("seen in training",) * 2
        assert next(iter(table)) == "contempt"
        assert "A model that learned from these very faces is marked and not ranked." in said(app)

    def test_a_damaged_network_is_one_sentence_and_the_others_are_measured(self, visit: Visit, model_dir: Path) -> None:
        (model_dir / "sour" / "model.onnx").write_bytes(b"no network")
        app = measured(visit("models"))
        assert not app.exception
        assert "model.onnx is damaged or no ONNX network" in said(app)
        assert figures(app)["drawn"]["Measured"].startswith("here, ")

    def test_a_split_without_rows_is_one_sentence(self, visit: Visit, fer2013: Path) -> None:
        fer2013.write_text(as_csv([row for row in rows() if row[2] != "PublicTest"]))
        app = measured(turn(visit("models"), models_rows_fer2013="PublicTest"))
        assert not app.exception
        assert "fer2013 holds no PublicTest rows that drawn can be evaluated on; choose another split." in said(app)

    def test_a_broken_file_is_one_sentence(self, visit: Visit, fer2013: Path) -> None:
        fer2013.write_text("a,b\n1,2\n")
        app = visit("models").button(key="measure").click().run()
        assert not app.exception
        assert len(app.error) == 1
        assert "must have the columns emotion, pixels, Usage" in said(app)
        assert figures(app)["drawn"]["Accuracy"] == "100.0 %"

    def test_it_can_be_stopped(self, visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
        started = threading.Event()

        def read_for_ever(model: object, dataset: object, split: str, report: Callable[[float], None]) -> None:
            started.set()
            while True:
                report(0.25)

        monkeypatch.setattr(runs, "read_split", read_for_ever)
        app = visit("models").button(key="measure").click().run()
        run = app.session_state["_evaluation"]
        started.wait()
        app.run()
        assert "measure" not in [button.key for button in app.button]
        app.button(key="stop_measuring").click().run()
        run.wait()
        app.run()
        assert not app.exception
        assert "Stopped. What was measured until then is kept." in said(app)
        assert figures(app)["drawn"]["Measured"].startswith("stored, ")
        assert "measure" in [button.key for button in app.button]
        assert "Stopped." not in said(turn(app, models_rows_fer2013="PublicTest"))


@pytest.mark.usefixtures("models")
class TestTabs:
    @pytest.mark.parametrize(
        "view",
        [
            "Confusion",
            "By class",
            "Calibration",
            "Speed and size",
            "Other data",
            "Faces",
            "Training",
            "Cards",
            "How copies fake 82 %",
        ],
    )
    @pytest.mark.parametrize("way", ["none", "flip"], ids=["stored", "measured and mirrored"])
    def test_every_tab_stands(self, view: str, way: str, visit: Visit, contempt: None) -> None:
        app = turn(visit("models"), models_view=view, models_way=way)
        if way == "flip":
            app = measured(app)
        assert not app.exception
        assert not app.error
        assert not app.warning
        assert all(element.proto.alt for element in app.get("vega_lite_chart"))
        assert all(pictures(app))

    @pytest.mark.parametrize("view", ["Confusion", "By class", "Calibration", "Speed and size"])
    def test_without_figures_on_the_rows_a_tab_says_so(self, view: str, visit: Visit) -> None:
        app = turn(visit("models"), models_data="ckplus", models_view=view)
        assert not app.exception
        assert "None of these models has figures on these rows yet." in said(app)

    def test_classes_side_by_side(self, visit: Visit) -> None:
        app = turn(visit("models"), models_view="By class", class_figure="recall")
        assert "Recall by class. drawn: angry 100 %, happy 100 %; sour: angry 100 %, happy 0 %" in alts(app)

    def test_curves_need_a_measurement(self, visit: Visit) -> None:
        app = turn(visit("models"), models_view="Calibration")
        assert of_tabs(app) == ""
        assert "The curves need the readings themselves: measure the model here." in said(app)
        assert "Reliability of sour on FER2013, PrivateTest: calibration error" in alts(measured(app))

    def test_speed_is_measured_on_demand(self, visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(benchmark, "WARM_UP", 0)
        monkeypatch.setattr(benchmark, "REPEATS", 1)
        app = turn(visit("models"), models_view="Speed and size")
        assert "Accuracy against size: drawn 100.0 % at 0.0 MB, sour 50.0 %" in alts(app)
        assert "Accuracy against time" not in alts(app)
        app.button(key="time_models").click().run()
        assert not app.exception
        assert "Accuracy against time a face: drawn 100.0 % in " in alts(app)

    def test_models_trained_on_the_rows_have_no_accuracy_to_weigh(self, visit: Visit) -> None:
        app = measured(turn(visit("models"), models_rows_fer2013="Training", models_view="Speed and size"))
        assert "These models were all trained on these rows" in said(app)
        assert of_tabs(app) == ""

    def test_other_data_is_a_matrix_of_the_reports(self, visit: Visit) -> None:
        app = turn(visit("models"), models_view="Other data")
        assert of_tabs(app) == ("Macro recall: drawn on FER2013, PrivateTest 100 %; sour on FER2013, PrivateTest 50 %")

    def test_a_training_log_is_shown_where_there_is_one(self, visit: Visit, model_dir: Path) -> None:
        epochs = [{"epoch": i, "loss": 2.0 / i, "public_accuracy": None} for i in (1, 2)]
        (model_dir / "sour" / "training.jsonl").write_text("\n".join(map(json.dumps, epochs)))
        app = turn(visit("models"), models_view="Training")
        assert of_tabs(app) == "training loss of sour over 2 epochs, 1.000 at the end"
        assert "This model came without the log of its training." in said(app)

    def test_a_damaged_training_log_is_one_sentence(self, visit: Visit, model_dir: Path) -> None:
        (model_dir / "sour" / "training.jsonl").write_text("{")
        app = turn(visit("models"), models_view="Training")
        assert not app.exception
        assert len(app.warning) == 1

    def test_cards_hold_the_facts(self, visit: Visit) -> None:
        app = turn(visit("models"), models_view="Cards")
        facts = app.table[1].value[""].to_dict()
        assert facts["Licence of code and network"] == "MIT"
        assert facts["Terms of the data"] == "nobody noted them"
        assert facts["Training: selected by"] == "nothing"
        assert "Knows one thing" in said(app)

    def test_the_lesson_counts_the_leak_where_the_data_is(self, visit: Visit) -> None:
        app = turn(visit("models"), models_view="How copies fake 82 %")
        assert "82.45 %" in said(app)
        assert "Share of test rows seen in training" in alts(app)

    def test_the_lesson_names_that_network_s_honest_twin_where_it_is_here(self, visit: Visit, model_dir: Path) -> None:
        assert "fervi** below" not in said(turn(visit("models"), models_view="How copies fake 82 %"))
        install_model(model_dir, "fervi")
        app = turn(visit("models"), models_view="How copies fake 82 %")
        assert "fervi** below" in said(app)
        assert "fervi: " in said(app)

    def test_the_lesson_stands_without_data(self, visit: Visit, fer2013: Path) -> None:
        fer2013.unlink()
        app = turn(visit("models"), models_view="How copies fake 82 %")
        assert not app.exception
        assert "With `fer2013.csv` on this machine, the leak is counted here" in said(app)


def _shown(app: AppTest) -> list[str]:
    """What the faces of a data set are described as."""
    return [words for words in pictures(app) if words.startswith("Row ")]


@pytest.mark.usefixtures("models")
class TestFaces:
    @pytest.fixture
    def app(self, visit: Visit) -> AppTest:
        return measured(turn(visit("models"), models_view="Faces"))

    def test_they_wait_for_a_measurement(self, visit: Visit) -> None:
        app = turn(visit("models"), models_view="Faces")
        assert "press Measure here, above." in said(app)
        assert _shown(app) == []

    def test_two_models_are_tested_against_chance(self, app: AppTest) -> None:
        text = said(app).replace("*", "")
        assert "On the same 10 faces, drawn is right 50.0 points more often than sour" in text
        assert "It alone is right on 5, the other alone on 0: they may differ by chance alone" in text
        assert "p = 0.062" in text

    def test_on_faces_of_people_they_are_tested_by_person(self, visit: Visit) -> None:
        """Ten happy faces of five people: by face sour would lose by more than chance."""
        faces = [(HAPPY, face(number, happy=True), "Training") for number in range(10)]
        (data_dir() / "ckextended.csv").write_text(as_csv(faces, subjects=True))
        app = measured(turn(visit("models"), models=["drawn", "sour"], models_data="ckplus", models_view="Faces"))
        text = said(app).replace("*", "")
        assert "On the same 10 faces, drawn is right 100.0 points more often than sour" in text
        assert "interval and randomization test by person, of whom there are 5, p = 0.062" in text

    def test_faces_on_which_they_disagree(self, app: AppTest) -> None:
        shown = _shown(app)
        assert len(shown) == 5
        assert all(", labelled happy. drawn: happy " in words and ". sour: sad " in words for words in shown)

    @pytest.mark.parametrize(
        ("kind", "number"), [("first", 5), ("second", 0), ("neither", 0)], ids=["drawn", "sour", "neither"]
    )
    def test_by_who_is_right(self, app: AppTest, kind: str, number: int) -> None:
        turn(app, faces_kind=kind)
        assert not app.exception
        assert len(_shown(app)) == number
        assert ("No face is like that." in said(app)) == (number == 0)

    def test_mistakes_of_one_model(self, app: AppTest) -> None:
        turn(app, faces_show="mistakes", mistakes_model="sour")
        assert "5 faces of FER2013, PrivateTest that sour reads otherwise than they are labelled" in said(app)
        assert all("labelled happy. sour: sad " in words for words in _shown(app))
        turn(app, mistakes_label="angry")
        assert _shown(app) == []

    def test_one_model_alone_shows_its_mistakes(self, app: AppTest) -> None:
        turn(app, models=["sour"])
        assert not app.exception
        assert len(_shown(app)) == 5

    def test_a_model_without_maps_is_asked_part_by_part(self, visit: Visit, model_dir: Path) -> None:
        card = json.loads((model_dir / "sour" / "card.json").read_text())
        (model_dir / "sour" / "card.json").write_text(json.dumps(card | {"maps_size": None}))
        write_network(model_dir / "sour" / "model.onnx", _weights("sad", EMOTIONS), with_maps=False)
        (model_dir / "sour" / "report.json").unlink()
        app = measured(turn(visit("models"), models_view="Faces"))
        assert not app.exception
        assert "sour has no activation maps: bright is what, when covered" in said(app)
        assert len(_shown(app)) == 5

    def test_models_of_other_classes_are_compared_on_the_rows_that_both_read(
        self, visit: Visit, contempt: None
    ) -> None:
        rows = [(label, face(number, label == HAPPY), "Training") for label in (HAPPY, 7) for number in range(4)]
        (data_dir() / "ckextended.csv").write_text(as_csv(rows))
        app = measured(turn(visit("models"), models=["drawn", "contempt"], models_data="ckplus", models_view="Faces"))
        assert not app.exception
        assert "On the same 4 faces" in said(app)
        assert "contempt learned from these very faces, so the comparison is not fair." in said(app)
