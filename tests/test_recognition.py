"""Models on disk: cards, networks, and what a network says of crops."""

import hashlib
import json
import os
import subprocess
import sys

import numpy as np
import pytest

from fer import paths
from fer.calibration import Calibration
from fer.crops import Framing
from fer.emotions import EMOTIONS
from fer.errors import ModelError
from fer.recognition import (
    COVERED_CELLS,
    EmotionModel,
    ModelCard,
    load_model,
    network_digest,
    read_report,
    write_framings,
)
from tests.fakes import CARD, install_model, write_network


@pytest.fixture
def folder(tmp_path):
    return install_model(tmp_path / "models")


def _left_bright(n=1):
    crops = np.full((n, 12, 12), 60, np.uint8)
    crops[:, :, :6] = 200
    return crops


@pytest.mark.parametrize("n", [0, 1, 2, 130], ids="{} faces".format)
@pytest.mark.parametrize("averaging", ["none", "flip"])
def test_every_crop_gets_its_logits_and_maps(folder, n, averaging):
    predictions = EmotionModel(folder).predict(_left_bright(n), averaging)
    assert predictions.logits.shape == (n, 7)
    assert predictions.maps.shape == (n, 10, 10, 7)
    assert len(predictions) == n


def test_no_face_never_reaches_the_session(folder, monkeypatch):
    """A recurrent network given a batch of 0 ends the process."""
    model = EmotionModel(folder)
    monkeypatch.setattr(model, "_session", None)
    assert len(model.predict(np.zeros((0, 12, 12), np.uint8))) == 0


def test_large_batches_keep_their_order(folder):
    crops = _left_bright(130)
    crops[100] = crops[100, :, ::-1]
    happy = EmotionModel(folder).predict(crops).logits[:, EMOTIONS.index("happy")]
    assert happy.argmin() == 100
    assert happy[100] < 0
    assert (np.delete(happy, 100) > 0).all()


def test_normalisation_is_the_cards(folder):
    """The centre of the crop, minus its mean, over its deviation plus epsilon; summed over the left half."""
    crops = np.random.default_rng(0).integers(0, 256, (3, 12, 12), dtype=np.uint8)
    centres = crops[:, 1:11, 1:11].astype(float)
    normal = (centres - centres.mean((1, 2), keepdims=True)) / (centres.std((1, 2), keepdims=True) + 8)
    logits = EmotionModel(folder).predict(crops).logits
    np.testing.assert_allclose(logits[:, EMOTIONS.index("happy")], 0.1 * normal[:, :, :5].sum((1, 2)), rtol=1e-4)


def test_flip_averages_the_crop_and_its_mirror_image(folder):
    model = EmotionModel(folder)
    crops = _left_bright()
    both = (model.predict(crops).logits + model.predict(crops[:, :, ::-1]).logits) / 2
    np.testing.assert_allclose(model.predict(crops, "flip").logits, both, atol=1e-5)


def test_maps_are_of_the_crop_itself_when_averaged(folder):
    model = EmotionModel(folder)
    np.testing.assert_array_equal(model.predict(_left_bright(), "flip").maps, model.predict(_left_bright()).maps)


def test_a_model_without_maps_says_so(tmp_path):
    folder = install_model(tmp_path, maps_size=None)
    write_network(folder / "model.onnx", with_maps=False)
    assert EmotionModel(folder).predict(_left_bright()).maps is None
    assert EmotionModel(folder).predict(_left_bright(0)).maps is None


def test_where_there_are_no_maps_covering_shows_what_counts(tmp_path):
    folder = install_model(tmp_path, maps_size=None)
    write_network(folder / "model.onnx", with_maps=False)
    model = EmotionModel(folder)
    maps = model.explain(_left_bright())[..., EMOTIONS.index("happy")]
    assert maps.shape == (len(_left_bright()), COVERED_CELLS, COVERED_CELLS)
    assert (maps[:, :, :2] > 0).all(), "the bright left half spoke for it"
    np.testing.assert_allclose(maps[:, :, 5:], 0, atol=1e-5)
    assert model.explain(_left_bright(0)).shape == (0, COVERED_CELLS, COVERED_CELLS, 7)


def test_maps_that_the_network_has_are_shown(folder):
    model = EmotionModel(folder)
    np.testing.assert_array_equal(model.explain(_left_bright()), model.predict(_left_bright()).maps)


def test_onnx_runtime_reports_to_nobody(folder, tmp_path):
    """Its Linux builds since 1.29 send usage to their maker, and leave an identity in the temporary folder for it."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    unset = ("CI", "ORT_DISABLE_TELEMETRY", "ORT_RUNNING_UNIT_TESTS")
    environment = {name: value for name, value in os.environ.items() if name not in unset} | {"TMPDIR": str(temporary)}
    script = (
        "import sys, numpy; from pathlib import Path; from fer.recognition import EmotionModel\n"
        "print(len(EmotionModel(Path(sys.argv[1])).predict(numpy.zeros((1, 12, 12), numpy.uint8))))"
    )
    command = [sys.executable, "-c", script, str(folder)]
    done = subprocess.run(command, cwd=paths.ROOT, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "1\n"), done.stderr
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        pytest.param({"classes": ["happy", "angry"]}, "classes must be", id="other classes"),
        pytest.param({"classes": 7}, "cannot be used", id="classes are no list"),
        pytest.param({"input": CARD["input"] | {"channels": 3}}, "one grey channel", id="colour"),
        pytest.param({"input": CARD["input"] | {"size": 60}}, "no larger than the crop", id="input larger than crop"),
        pytest.param({"input": {"channels": 1}}, "lacks the entry", id="input incomplete"),
        pytest.param({"framing": {"haar": {"scale": 90, "offset_xy": [0, 0]}}}, "scale of 0.2", id="framing"),
        pytest.param({"framing": {"haar": {"scale": 1, "offset_xy": [0]}}}, "cannot be used", id="half an offset"),
        pytest.param({"name": "other"}, "its folder is", id="name of another model"),
        pytest.param({"training": {}}, "lacks the entry 'data'", id="training says nothing"),
        pytest.param({"training": None}, "cannot be used", id="no training"),
        pytest.param({"training": {"data": "fer2013", "split": 3}}, "name its data", id="split is a number"),
        pytest.param({"maps_size": 4}, "asks for", id="network does not fit the card"),
        pytest.param({"input": CARD["input"] | {"size": 8}}, "cannot take the input", id="input does not fit"),
    ],
)
def test_cards_that_do_not_fit_are_refused(tmp_path, changes, error):
    folder = install_model(tmp_path)
    (folder / "card.json").write_text(json.dumps(CARD | changes))
    with pytest.raises(ModelError, match=error):
        EmotionModel(folder)


@pytest.mark.parametrize(
    ("file", "content", "error"),
    [
        pytest.param("card.json", None, "missing", id="no card"),
        pytest.param("card.json", b"{", "damaged", id="half a card"),
        pytest.param("card.json", b"[1]", "one JSON object", id="card is a list"),
        pytest.param("card.json", b"\xff\xfe", "damaged", id="card is no text"),
        pytest.param("model.onnx", None, "missing", id="no network"),
        pytest.param("model.onnx", b"", "damaged", id="empty network"),
        pytest.param("model.onnx", b"not a network", "damaged", id="foreign network"),
        pytest.param("report.json", b"{", "damaged", id="half a report"),
        pytest.param("report.json", b'{"calibration": {"temperature": {"none": 0}}}', "damaged", id="temperature 0"),
        pytest.param("report.json", b'{"calibration": {"temperature": 3}}', "damaged", id="temperature is no table"),
        pytest.param("report.json", b'{"faults": 3}', "damaged", id="faults are no table"),
        pytest.param("report.json", b'{"faults": {"costs": [{"fault": "ugly"}]}}', "damaged", id="half a fault"),
    ],
)
def test_damaged_files_are_named(folder, file, content, error):
    (folder / file).unlink(missing_ok=True)
    if content is not None:
        (folder / file).write_bytes(content)
    with pytest.raises(ModelError, match=error):
        EmotionModel(folder)


@pytest.mark.parametrize(
    ("report", "error"),
    [
        pytest.param({}, None, id="nothing is said of a network"),
        pytest.param({"network": "its own"}, None, id="its own network"),
        pytest.param({"network": None}, "is of another network than the model.onnx", id="no digest"),
        pytest.param({"network": "0" * 64}, "is of another network than the model.onnx", id="another network"),
    ],
)
def test_a_report_of_another_network_is_not_served(folder, report, error):
    if report.get("network") == "its own":
        report = {"network": hashlib.sha256((folder / "model.onnx").read_bytes()).hexdigest()}
    (folder / "report.json").write_text(json.dumps(report))
    assert EmotionModel(folder, calibrated=False).calibration == Calibration({})
    if error is None:
        EmotionModel(folder)
        return
    with pytest.raises(ModelError, match=error):
        EmotionModel(folder)


def test_a_network_that_is_replaced_gets_a_new_digest(folder):
    first = network_digest(folder)
    write_network(folder / "model.onnx", with_maps=False)
    assert network_digest(folder) != first
    (folder / "model.onnx").unlink()
    with pytest.raises(ModelError, match=r"model\.onnx is missing or unreadable; install the model again\.$"):
        network_digest(folder)


def test_an_unknown_model_names_those_installed(tmp_path, monkeypatch):
    install_model(tmp_path)
    monkeypatch.setenv("FER_MODEL_DIR", str(tmp_path))
    assert load_model("drawn").card.name == "drawn"
    with pytest.raises(ModelError, match=r"installed are: .*drawn"):
        load_model("nobody")


def test_framings_are_kept_in_the_card(folder):
    write_framings(folder, {"yunet": Framing(1.25, (0.5, -0.5))})
    card = ModelCard.read(folder)
    assert card.framing == {"haar": Framing(1, (0, 0)), "yunet": Framing(1.25, (0.5, -0.5))}
    assert {file.name for file in folder.iterdir()} == {"card.json", "model.onnx"}


def test_a_model_that_was_never_measured_has_an_empty_report(folder):
    assert read_report(folder) == {}


@pytest.mark.parametrize("name", sorted(path.parent.name for path in (paths.ROOT / "models").glob("*/card.json")))
def test_shipped_models_open_and_agree_with_their_files(name):
    model = EmotionModel(paths.ROOT / "models" / name)
    report = read_report(paths.ROOT / "models" / name)
    assert set(model.card.framing) >= {"yunet", "haar"}
    assert set(report["framing"]) <= set(model.card.framing)
    assert {evaluation["stamp"]["model"] for evaluation in report["evaluations"]} == {name}
    assert set(model.calibration.temperatures) == {"none", "flip"}


@pytest.mark.parametrize(
    ("facts", "purpose", "fails"),
    [
        pytest.param({}, "A network for tests.", CARD["limits"], id="an older card"),
        pytest.param(
            {"purpose": "For tests.", "fails": "Outside of them."}, "For tests.", "Outside of them.", id="stated"
        ),
    ],
)
def test_a_card_says_what_a_model_is_for(tmp_path, facts, purpose, fails):
    card = ModelCard.read(install_model(tmp_path, **facts))
    assert (card.purpose, card.fails) == (purpose, fails)
