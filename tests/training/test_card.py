"""A card states what the run did, in the words that serving reads."""

from dataclasses import replace
from pathlib import Path

import pytest

from fer.errors import ModelError
from fer.recognition import ModelCard
from fer.training import export
from fer.training.card import write_card
from fer.training.config import DistillationConfig, NetworkConfig, Stage, TrainingConfig
from fer.training.networks import build_network
from fer.training.rows import training_rows
from tests.training.conftest import draw_faces

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning:keras")

CONFIG = TrainingConfig("net", (Stage(8, 2), Stage(10, 3)), NetworkConfig((2, 2)))


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (CONFIG, "2 epochs at 8 pixels, 3 epochs at 10 pixels"),
        (replace(CONFIG, seed=5), "seed 5;"),
        (replace(CONFIG, initial=Path("runs/first/model.keras")), "from the weights of first;"),
        (
            replace(CONFIG, distillation=DistillationConfig((Path("big/model.keras"),), 0.3)),
            "0.3 of the target from big",
        ),
    ],
    ids=["stages", "seed", "start", "teachers"],
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
    assert (card.crop_size, card.input_size, card.maps_size, card.framing) == (12, 10, 5, {})
    assert (card.training["rows"], card.training["epochs"], card.training["copies_removed"]) == (12, 5, False)
    assert sum(card.training["rows_left_out"].values()) == 2


def test_a_folder_without_a_network_gets_no_card(tmp_path: Path) -> None:
    faces = draw_faces({"Training": 14})
    with pytest.raises(ModelError, match="missing"):
        write_card(tmp_path, CONFIG, faces, training_rows(faces))
    assert list(tmp_path.iterdir()) == []
