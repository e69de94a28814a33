"""A recipe either gives one checked configuration or one sentence."""

from pathlib import Path

import pytest

from fer import paths
from fer.errors import FerError
from fer.training.config import RECIPES, CrossValidationConfig, Stage, TrainingConfig, load_config

LEAST = 'name = "net"\nstages = [{ size = 44, epochs = 3 }]\n'


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "recipe.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_defaults_fill_what_is_left_out(tmp_path: Path) -> None:
    assert load_config(written(tmp_path, LEAST)) == TrainingConfig("net", (Stage(44, 3),))


def test_every_kind_of_value_is_read(tmp_path: Path) -> None:
    text = LEAST + (
        'clean = true\npeak_rate = 1\nprecision = "mixed_bfloat16"\ninitial = "fer2013"\nbalance = "oversample"\n'
        "[network]\nwidths = [4, 8]\n[augmentation]\nscale = [0.5, 2]\n[cross_validation]\nfolds = 5\n"
        '[distillation]\nteachers = ["a.keras", "/b.keras", "fer2013-small"]\n'
    )
    config = load_config(written(tmp_path, text))
    assert (config.clean, config.peak_rate, config.precision) == (True, 1.0, "mixed_bfloat16")
    assert (config.network.widths, config.augmentation.scale) == ((4, 8), (0.5, 2.0))
    assert config.distillation is not None
    assert config.distillation.teachers == (tmp_path / "a.keras", Path("/b.keras"), Path("fer2013-small"))
    assert (config.initial, config.balance) == (Path("fer2013"), "oversample")
    assert config.cross_validation == CrossValidationConfig(5)


def test_epochs_find_their_stage() -> None:
    config = TrainingConfig("net", (Stage(32, 2), Stage(44, 3)))
    assert [config.size_in(epoch) for epoch in range(config.epochs)] == [32, 32, 44, 44, 44]
    assert config.input_size == 44


IMPOSSIBLE = [
    ("", "name is missing"),
    ('name = "net"', "stages is missing"),
    ('name = "net"\nstages = [{ size = 44 }]', r"stages\.epochs is missing"),
    (LEAST + "[distillation]\nshare = 0.5", r"distillation\.teachers is missing"),
    ("name = ", "cannot be read as TOML"),
    (LEAST + "epoch = 3", "epoch is no setting; known here are name, stages"),
    (LEAST + "[network]\nwidth = 3", r"network\.width is no setting; known here are widths, dropout"),
    (LEAST + "seed = 1.5", "seed must be a whole number, but is 1.5"),
    (LEAST + "seed = true", "seed must be a whole number, but is True"),
    (LEAST + "seed = -1", "seed must be at least 0"),
    (LEAST + "peak_rate = nan", "peak_rate must be a number"),
    (LEAST + 'peak_rate = "fast"', "peak_rate must be a number, but is 'fast'"),
    (LEAST + "clean = 1", "clean must be true or false"),
    (LEAST + 'precision = "float16"', "precision must be float32 or mixed_bfloat16"),
    (LEAST + 'balance = "smote"', "balance must be none or class_weights or oversample"),
    (LEAST + "initial = 3", "initial must be a path"),
    (LEAST + "crop_size = 43", "crop_size must be at least 44"),
    (LEAST + "[cross_validation]\nfolds = 1", r"cross_validation\.folds must be at least 2"),
    (LEAST + "batch_size = 1", "batch_size must be at least 2"),
    (LEAST + "warmup_epochs = 3", "warmup_epochs must be 0 to 2"),
    (LEAST + "momentum = 1", "momentum must be between 0 and 1"),
    (LEAST + "ema = 1", "ema must be at least 0 and below 1"),
    (LEAST + "label_smoothing = 1", "label_smoothing must be"),
    (LEAST + "l2 = -1", "l2 must be at least 0"),
    (LEAST + "network = 3", "network must be a table"),
    (LEAST + "[network]\nwidths = 3", r"network\.widths must be a list"),
    (LEAST + "[network]\nwidths = []", r"network\.widths must be positive numbers"),
    (LEAST + "[network]\nwidths = [8, 0]", r"network\.widths must be positive numbers"),
    (LEAST + '[network]\nkind = "gru"', r"network\.kind must be vgg or lstm"),
    (LEAST + "[network]\nwidths = [8, 8, 8, 8, 8]", "last stage's size must be at least 80 pixels, but is 44"),
    (LEAST + "[network]\ndropout = 1.0", r"network\.dropout must be"),
    (LEAST + "[augmentation]\nscale = [1.0]", r"augmentation\.scale must be a list of 2"),
    (LEAST + "[augmentation]\nscale = [1.2, 0.8]", r"augmentation\.scale must be two positive factors"),
    (LEAST + "[augmentation]\nrotation_degrees = 181", r"augmentation\.rotation_degrees must be"),
    (LEAST + "[augmentation]\nshift_pixels = -1", r"augmentation\.shift_pixels must be"),
    (LEAST + "[augmentation]\ngamma = 3", r"augmentation\.gamma must be"),
    (LEAST + "[augmentation]\nerase_probability = 2", r"augmentation\.erase_probability must be"),
    (LEAST + "[distillation]\nteachers = []", r"distillation\.teachers must be at least one"),
    (LEAST + "[distillation]\nteachers = [3]", r"distillation\.teachers must be a path"),
    (LEAST + '[distillation]\nteachers = ["a"]\nshare = 2', r"distillation\.share must be"),
    (LEAST + '[distillation]\nteachers = ["a"]\ntemperature = 0', r"distillation\.temperature must be"),
    ('name = "net"\nstages = []', "stages must be at least one table"),
    ('name = "net"\nstages = [{ size = 44, epochs = 0 }]', r"stages\.epochs must be positive"),
    ('name = "net"\nstages = [{ size = 0, epochs = 2 }]', r"stages\.size must be positive"),
    ('name = "net"\nstages = [{ size = 4, epochs = 2 }, { size = 44, epochs = 2 }]', "at least 8 pixels"),
    ('name = "../net"\nstages = [{ size = 44, epochs = 3 }]', "name must be made of letters"),
]


@pytest.mark.parametrize(
    ("text", "sentence"),
    IMPOSSIBLE,
    ids=[text.removeprefix(LEAST).replace("\n", " ") or "empty" for text, _ in IMPOSSIBLE],
)
def test_impossible_recipes_are_one_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(FerError, match=sentence):
        load_config(written(tmp_path, text))


@pytest.mark.parametrize("name", ["own-folder", "fer2013"])
def test_a_recipe_that_comes_along_is_found_by_its_name(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_config(Path(name)) == load_config(RECIPES / f"{name}.toml")
    (tmp_path / name).write_text("x = 1")
    with pytest.raises(FerError, match="x is no setting"):
        load_config(Path(name))


def test_a_missing_recipe_is_named(tmp_path: Path) -> None:
    with pytest.raises(FerError, match=r"none\.toml is missing"):
        load_config(tmp_path / "none.toml")


@pytest.mark.parametrize(
    "path", sorted((paths.ROOT / "fer" / "training" / "recipes").glob("*.toml")), ids=lambda p: p.stem
)
def test_shipped_recipes_can_be_used(path: Path) -> None:
    assert load_config(path).name == path.stem
