"""Two heads: each learns from its own target, a killed run goes on, and the mean of both is served as one network."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from fer import paths
from fer.calibration import softmax
from fer.datasets import FaceDataset
from fer.datasets.dataset import VOTED
from fer.emotions import EMOTIONS, EMOTIONS_WITH_CONTEMPT
from fer.errors import FerError, ModelError
from fer.evaluation import load_report
from fer.evaluation.report import store_heads
from fer.recognition import EmotionModel
from fer.training import augmentation, export
from fer.training.config import DistillationConfig, HeadsConfig, NetworkConfig, Stage, TrainingConfig, load_config
from fer.training.heads import HEADS_FILE, BothHeadsLoss, both_targets, served_network, softmax_of_each
from fer.training.measure_heads import measure_heads
from fer.training.networks import build_network
from fer.training.origin import find_origin
from fer.training.run import run
from fer.training.train import _taught, train
from tests.training.conftest import draw_faces
from tests.training.test_train import CONFIG as PLAIN
from tests.training.test_train import Killed, kill_at, weights

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning:keras")

HAPPY, SAD = EMOTIONS.index("happy"), EMOTIONS.index("sad")
CONFIG = replace(PLAIN, heads=HeadsConfig(served=0.3))
STEPS = 140 // 16


@pytest.fixture(scope="module", autouse=True)
def _few_batches_for_statistics() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr("fer.training.train._STATISTICS_BATCHES", 3)
        yield


@pytest.fixture(scope="module")
def voted() -> FaceDataset:
    """Faces of which all ten raters see what the label says, but where that is happy they see a sad face."""
    faces = draw_faces({"Training": 140, "PublicTest": 70, "PrivateTest": 70})
    seen = np.where(faces.labels == HAPPY, SAD, faces.labels)
    return replace(faces, votes=(np.eye(len(VOTED))[seen] * 10).astype(np.uint8))


@pytest.fixture(scope="module")
def unbroken(voted: FaceDataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model's folder in that of a run that nothing stopped; who changes something takes a copy."""
    return run(CONFIG, voted, tmp_path_factory.mktemp("unbroken"))


@pytest.mark.parametrize(
    ("served", "rare"),
    [
        pytest.param(0.0, 0.0, id="the labels' head"),
        pytest.param(0.3, 0.0, id="a mean"),
        pytest.param(0.3, 0.5, id="a mean that leans to rare expressions"),
        pytest.param(1.0, 0.0, id="the votes' head"),
    ],
)
def test_the_served_network_says_the_mean_of_both_heads(served: float, rare: float) -> None:
    network, heads = NetworkConfig((2, 2)), HeadsConfig(served=served, rare=rare)
    trained = build_network(network, 15, 10)
    votes = np.full((50, 8), [0, 0.01, 0.07, 0.3, 0.1, 0.1, 0.4, 0.02], np.float32)
    one = served_network(trained, network, heads, EMOTIONS, votes)
    shown = np.random.default_rng(0).normal(size=(3, 10, 10, 1)).astype(np.float32)
    both = trained.predict(shown, verbose=0)
    of_votes = both[:, 7:] if served == 1 else both[:, 7:14]
    expected = of_votes if served == 1 else (1 - served) * both[:, :7] + served * of_votes
    if rare:
        seen = np.array([1, 1.5, 4.5, 16, 6, 6, 21])
        expected = expected - rare * np.log(seen / seen.sum())
    np.testing.assert_allclose(one.predict(shown, verbose=0), expected, atol=1e-5)


def test_probabilities_are_those_of_each_head() -> None:
    logits = np.random.default_rng(0).normal(size=(2, 15))
    found = softmax_of_each(logits, 7, 2.0)
    np.testing.assert_allclose(found, np.hstack([softmax(logits[:, :7], 2.0), softmax(logits[:, 7:], 2.0)]))


@pytest.mark.parametrize(
    ("votes", "factors", "expected"),
    [
        pytest.param([[0.0] * 8], (1, 1), np.log(7), id="a face without votes costs what its label costs"),
        pytest.param([[1.0] + [0.0] * 7], (1, 1), np.log(7) + np.log(8), id="both"),
        pytest.param([[0.5] * 2 + [0.0] * 6], (1, 1), np.log(7) + np.log(8), id="shared votes"),
        pytest.param([[1.0] + [0.0] * 7], (0, 2), 2 * np.log(8), id="votes alone, twice"),
    ],
)
def test_the_loss_is_the_sum_of_both(votes: list, factors: tuple[float, float], expected: float) -> None:
    heads = HeadsConfig(1.0, *factors)
    targets = both_targets(heads, np.eye(7, dtype=np.float32)[:1], np.array(votes, np.float32))
    loss = BothHeadsLoss(7)(targets, np.zeros((1, 15), np.float32))
    np.testing.assert_allclose(float(loss), expected, rtol=1e-5)


def test_each_head_learns_what_it_is_taught(voted: FaceDataset, tmp_path: Path) -> None:
    still = augmentation.AugmentationConfig(rotation_degrees=0, scale=(1, 1), shift_pixels=0, erase_probability=0)
    config = replace(CONFIG, stages=(Stage(10, 15),), network=NetworkConfig((4, 8)), augmentation=still)
    train(config, voted, tmp_path)
    happy = voted.take((voted.usage == "PrivateTest") & (voted.labels == HAPPY))
    logits = keras.ops.convert_to_numpy(
        export.load_network(tmp_path / HEADS_FILE)(augmentation.centre(happy.images, 10), training=False)
    )
    assert (logits[:, :7].argmax(axis=1) == HAPPY).mean() > 0.8
    assert (logits[:, 7:].argmax(axis=1) == SAD).mean() > 0.8


def test_a_killed_run_is_resumed_exported_and_served(
    voted: FaceDataset, unbroken: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        kill_at(STEPS + 4, patch)  # in the second epoch
        with pytest.raises(Killed):
            run(CONFIG, voted, tmp_path / "killed")
    folder = run(CONFIG, voted, tmp_path / "killed")
    np.testing.assert_array_equal(weights(folder / "model.keras"), weights(unbroken / "model.keras"))
    np.testing.assert_array_equal(weights(folder / HEADS_FILE), weights(unbroken / HEADS_FILE))
    model = EmotionModel(folder)
    assert model.card.training["heads"] == {"served": 0.3, "labels": 1.0, "votes": 1.0, "rare": 0.0}
    assert "0.7 of the labels' logits and 0.3 of the votes'" in model.card.training["recipe"]
    predictions = model.predict(voted.images[:3])
    assert (predictions.logits.shape, predictions.maps.shape) == ((3, 7), (3, 10, 10, 7))
    assert model.calibration.target == "votes"


def test_votes_alone_may_teach(voted: FaceDataset, tmp_path: Path) -> None:
    votes_alone = HeadsConfig(served=1, labels=0)
    file = train(replace(CONFIG, stages=(Stage(10, 1),), warmup_epochs=0, heads=votes_alone), voted, tmp_path)
    assert export.load_network(file).output_shape == (None, 8)


def test_what_is_served_may_be_chosen_after_training(voted: FaceDataset, unbroken: Path, tmp_path: Path) -> None:
    before = shutil.copytree(unbroken.parent, tmp_path / "run")
    epochs: list[object] = []
    other = replace(CONFIG, heads=HeadsConfig(served=1))
    folder = run(other, voted, before, lambda *log: epochs.append(log))
    assert epochs == []
    assert EmotionModel(folder).card.classes == EMOTIONS_WITH_CONTEMPT


def test_each_head_is_measured_by_itself(voted: FaceDataset, unbroken: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(unbroken, tmp_path / unbroken.name)
    faces, model = replace(voted, name="fer2013"), EmotionModel(folder)
    labels, votes = measure_heads(model, folder, [faces])
    assert (labels.head, votes.head, labels.n) == ("labels", "votes", int((voted.usage == "PrivateTest").sum()))
    store_heads(folder, (labels, votes))
    assert load_report(folder).heads == (labels, votes)
    (folder / HEADS_FILE).write_bytes(train(replace(CONFIG, seed=9), voted, tmp_path / "other").read_bytes())
    with pytest.raises(ModelError, match="does not end in layers"):
        measure_heads(model, folder, [faces])
    (folder / HEADS_FILE).write_bytes((tmp_path / "other" / HEADS_FILE).read_bytes())
    with pytest.raises(ModelError, match="serves is no mean"):
        measure_heads(model, folder, [faces])


def test_a_student_with_two_heads_learns_from_both_of_its_teachers(
    voted: FaceDataset, unbroken: Path, tmp_path: Path
) -> None:
    no_votes = replace(voted, votes=np.zeros_like(voted.votes))
    learning = DistillationConfig((unbroken.parent / HEADS_FILE,), share=1.0)
    short = replace(CONFIG, stages=(Stage(10, 2),))
    alone, taught = (
        weights(train(replace(short, distillation=given), no_votes, tmp_path / name).parent / HEADS_FILE)
        for name, given in (("alone", None), ("taught", learning))
    )
    assert not np.array_equal(alone[-8:], taught[-8:])


def test_a_teacher_of_the_labels_alone_leaves_the_votes_to_the_others(tmp_path: Path) -> None:
    logits, teachers = [], []
    images = np.random.default_rng(0).integers(0, 256, (3, 12, 12)).astype(np.uint8)
    shown = augmentation.centre(images, 10)
    for outputs in (7, 15):
        network = build_network(NetworkConfig((2,)), outputs, 10)
        network.save(tmp_path / f"{outputs}.keras")
        teachers.append(find_origin(tmp_path / f"{outputs}.keras"))
        logits.append([network.predict(view, verbose=0) for view in (shown, shown[:, :, ::-1])])
    taught = _taught(tuple(teachers), 2.0, images, 7, 15)
    labels = [softmax(view[:, :7], 2.0) for of_teacher in logits for view in of_teacher]
    votes = [softmax(view[:, 7:], 2.0) for view in logits[1]]
    np.testing.assert_allclose(taught, np.hstack([np.mean(labels, axis=0), np.mean(votes, axis=0)]), atol=1e-5)


@pytest.mark.parametrize(
    ("change", "votes", "message"),
    [
        pytest.param({}, None, "drawn has none; put fer2013new.csv of FER\\+ beside", id="no votes"),
        pytest.param(
            {"distillation": DistillationConfig((Path("fer2013"),))},
            "votes",
            "No teacher knows the raters' votes: fer2013; add one",
            id="only teachers of the labels",
        ),
    ],
)
def test_what_cannot_be_learned_is_one_sentence(
    change: dict, votes: str | None, message: str, voted: FaceDataset, tmp_path: Path
) -> None:
    config = replace(CONFIG, crop_size=48, stages=(Stage(44, 1),), warmup_epochs=0, **change)
    with pytest.raises(FerError, match=message):
        train(config, voted if votes else replace(voted, votes=None), tmp_path)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        pytest.param("", "heads.served is missing", id="nothing said"),
        pytest.param("served = 2", "heads.served must be between 0 and 1", id="too much"),
        pytest.param(
            "served = 0.3\nvotes = 0", "heads.votes must be above 0, since that head is served", id="untaught"
        ),
        pytest.param(
            "served = 0\nlabels = 0", "heads.labels must be above 0, since that head is served", id="unlabelled"
        ),
    ],
)
def test_impossible_heads_are_refused(table: str, message: str, tmp_path: Path) -> None:
    recipe = tmp_path / "net.toml"
    recipe.write_text(f'name = "net"\nstages = [{{ size = 44, epochs = 3 }}]\n[heads]\n{table}\n')
    with pytest.raises(FerError, match=message):
        load_config(recipe)


def test_folds_and_heads_do_not_go_together(tmp_path: Path) -> None:
    recipe = tmp_path / "net.toml"
    recipe.write_text('name = "net"\nstages = [{ size = 44, epochs = 3 }]\n[heads]\nserved = 0.3\n[cross_validation]\n')
    with pytest.raises(FerError, match="cross_validation must be left out where there are heads"):
        load_config(recipe)


def test_every_shipped_recipe_can_be_read() -> None:
    for recipe in sorted((paths.ROOT / "fer" / "training" / "recipes").glob("*.toml")):
        assert isinstance(load_config(recipe), TrainingConfig)
