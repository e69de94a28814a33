"""A card states what the run did, in the words that serving reads."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fer import paths
from fer.crops import Framing
from fer.datasets import DATASETS, FaceDataset
from fer.errors import ModelError
from fer.evaluation.evaluate import learned_from
from fer.pipeline import DEFAULT_MODEL
from fer.recognition import UNKNOWN, ModelCard, write_framings
from fer.training import export
from fer.training.card import write_card
from fer.training.config import DistillationConfig, NetworkConfig, Stage, TrainingConfig
from fer.training.networks import build_network
from fer.training.origin import find_origin
from fer.training.rows import training_rows
from tests.training.conftest import draw_faces

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning:keras")

ORIGIN = find_origin(Path("fer2013-small"))
SMALL = f"fer2013-small ({ORIGIN.digest[:8]})"
CONFIG = TrainingConfig("net", (Stage(8, 2), Stage(10, 3)), NetworkConfig((2, 2)), crop_size=12)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (CONFIG, "2 epochs at 8 pixels, 3 epochs at 10 pixels"),
        (replace(CONFIG, seed=5), "seed 5;"),
        (replace(CONFIG, initial=Path("fer2013-small")), f"from the weights of {SMALL};"),
        (
            replace(CONFIG, distillation=DistillationConfig((Path("fer2013-small"),), 0.3)),
            f"0.3 of the target from {SMALL}",
        ),
        (replace(CONFIG, balance="class_weights"), "classes balanced by class weights"),
    ],
    ids=["stages", "seed", "start", "teachers", "balance"],
)
def test_cards_state_the_recipe(tmp_path: Path, config: TrainingConfig, words: str) -> None:
    faces = draw_faces({"Training": 14, "PrivateTest": 7}, side=12)
    images = faces.images.copy()
    images[1], images[7], images[16] = 0, images[0], images[2]
    faces = replace(faces, images=images)
    folder = tmp_path / "net"
    folder.mkdir()
    build_network(config.network, 7, 10).save(folder / export.KERAS_FILE)
    write_card(folder, config, faces, training_rows(faces))
    card = ModelCard.read(folder)
    assert words in card.training["recipe"]
    assert (card.crop_size, card.input_size, card.maps_size) == (12, 10, 5)
    assert (card.training["rows"], card.training["epochs"], card.training["copies_removed"]) == (12, 5, False)
    assert sum(card.training["rows_left_out"].values()) == 2
    terms = [f"{faces.name}: as whoever it belongs to says", f"FER2013: {DATASETS['fer2013'].terms}"]
    assert [term in card.data_terms for term in terms] == [True, config.initial is not None or "target" in words]


def written(folder: Path, config: TrainingConfig, faces: FaceDataset) -> ModelCard:
    folder.mkdir()
    build_network(config.network, len(faces.classes), 10).save(folder / export.KERAS_FILE)
    write_card(folder, config, faces, training_rows(faces))
    return ModelCard.read(folder)


def test_cards_name_what_a_run_learned_from(tmp_path: Path) -> None:
    faces = draw_faces({"Training": 14})
    card = written(tmp_path / "net", replace(CONFIG, initial=Path("fer2013-small")), faces)
    assert (card.training["started_from"], card.training["teachers"]) == (ORIGIN.to_dict(), [])
    assert card.training["digest"] == faces.digest


def test_the_framing_is_that_of_a_model_that_has_one(tmp_path: Path) -> None:
    faces = draw_faces({"Training": 14})
    shipped = ModelCard.read(paths.find_models()[DEFAULT_MODEL])
    first = written(tmp_path / "net", CONFIG, faces)
    write_framings(tmp_path / "net", {"yunet": Framing(1.5, (0.0, 0.1))})
    start = tmp_path / "net" / export.KERAS_FILE
    second = written(tmp_path / "second", replace(CONFIG, name="second", initial=start), faces)
    assert (first.framing, first.training["framing_of"]) == (shipped.framing, DEFAULT_MODEL)
    assert second.framing == {**shipped.framing, "yunet": Framing(1.5, (0.0, 0.1))}
    assert second.training["framing_of"] == "net"


def test_people_that_nothing_was_learned_from_are_named(tmp_path: Path) -> None:
    faces = draw_faces({"Training": 14, "PublicTest": 7, "PrivateTest": 7})
    subjects = np.array(["S1"] * 14 + ["S3"] * 7 + ["S2"] * 7)
    card = written(tmp_path / "net", CONFIG, replace(faces, subjects=subjects))
    assert card.training["held_out_subjects"] == ["S2", "S3"]


@pytest.mark.parametrize(
    ("last", "words"),
    [(7, "no others."), (6, "Was shown no neutral."), (5, "Was shown no surprise, no neutral.")],
    ids=["all", "one missing", "two missing"],
)
def test_classes_that_were_never_shown_are_named(tmp_path: Path, last: int, words: str) -> None:
    faces = draw_faces({"Training": 14})
    assert written(tmp_path / "net", CONFIG, faces.take(faces.labels < last)).limits.endswith(words)


def test_a_folder_without_a_network_gets_no_card(tmp_path: Path) -> None:
    faces = draw_faces({"Training": 14})
    with pytest.raises(ModelError, match="missing"):
        write_card(tmp_path, CONFIG, faces, training_rows(faces))
    assert list(tmp_path.iterdir()) == []


def test_cards_list_what_their_ancestors_learned(tmp_path: Path) -> None:
    """A network that was started from another inherits its rows, and so does one that is started from that."""
    faces, models = draw_faces({"Training": 14, "PrivateTest": 7}, side=12), {}
    config = CONFIG
    for name in ("first", "second", "third"):
        models[name] = tmp_path / name
        models[name].mkdir()
        build_network(config.network, 7, 10).save(models[name] / export.KERAS_FILE)
        config = replace(config, name=name)
        data = replace(faces, name=f"data of {name}", pixels=f"pixels of {name}")
        write_card(models[name], config, data, training_rows(data))
        config = replace(config, initial=models[name] / export.KERAS_FILE)
    learned = ModelCard.read(models["third"]).learned
    assert [(rows.data, rows.pixels, rows.by) for rows in learned] == [
        ("data of third", "pixels of third", None),
        ("data of second", "pixels of second", "second"),
        ("data of first", "pixels of first", "first"),
    ]
    assert learned_from(ModelCard.read(models["third"]), replace(faces, pixels="pixels of first")).sum() == 14


def test_cards_say_where_an_ancestor_has_no_card(tmp_path: Path) -> None:
    faces, folder = draw_faces({"Training": 14, "PrivateTest": 7}, side=12), tmp_path / "net"
    folder.mkdir()
    build_network(CONFIG.network, 7, 10).save(tmp_path / "stray.keras")
    build_network(CONFIG.network, 7, 10).save(folder / export.KERAS_FILE)
    write_card(folder, replace(CONFIG, initial=tmp_path / "stray.keras"), faces, training_rows(faces))
    assert ModelCard.read(folder).learned[1].data == UNKNOWN
