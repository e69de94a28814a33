"""One search path for everything on disk: detector file, models, data sets, the array cache and saved sessions.

Turns names into paths and knows nothing of what the files hold. Folders that the program writes to are made by
those who write; nothing is created here.

Environment variables, all optional:
    FER_MODEL_DIR: a folder searched first for the detector's file and for models (one sub-folder each).
    FER_DATA_DIR: a folder searched first for data sets (`fer2013.csv`, `ckextended.csv`, ...).
    FER_CACHE_DIR: where fetched files and array caches are kept, instead of the user's cache folder.
    FER_SESSIONS_DIR: where saved sessions are kept, instead of the user's data folder.
"""

import os
from pathlib import Path

from platformdirs import user_cache_path, user_data_path

ROOT = Path(__file__).resolve().parent.parent
"""The checkout: it holds `models/` and may hold `data/`. Of an installed package, the folder that it was put into."""

_INSTALLED_MODELS = ROOT / "fer" / "_models"
"""Where a package that was installed holds what lies in `models/` of the checkout."""

DETECTOR_FILE = "face_detection_yunet_2023mar.onnx"
"""File name of the YuNet face detector, as published by the OpenCV model zoo."""

CARD_FILE = "card.json"
"""A folder that holds this file is a model."""


def _from_environment(variable: str) -> list[Path]:
    value = os.environ.get(variable, "").strip()
    return [expanded(value)] if value else []


def expanded(path: str | Path) -> Path:
    """A path whose `~` stands for a home folder; one that names nobody's stays as it is, and leads nowhere."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def cache_dir() -> Path:
    """The folder for what can be fetched or computed again."""
    return (_from_environment("FER_CACHE_DIR") or [user_cache_path("fer", appauthor=False)])[0]


def array_cache_dir() -> Path:
    """The folder for data sets unpacked into arrays."""
    return cache_dir() / "arrays"


def sessions_dir() -> Path:
    """The folder for saved sessions."""
    return (_from_environment("FER_SESSIONS_DIR") or [user_data_path("fer", appauthor=False) / "sessions"])[0]


def detector_dirs() -> list[Path]:
    """Where the detector's file is looked for, in order."""
    return [*_from_environment("FER_MODEL_DIR"), cache_dir()]


def find_detector_file() -> Path | None:
    """The first YuNet file on the search path, or None."""
    return next((d / DETECTOR_FILE for d in detector_dirs() if (d / DETECTOR_FILE).is_file()), None)


def model_dirs() -> list[Path]:
    """Where models are looked for, in order: the user's own before the shipped ones."""
    return [
        *_from_environment("FER_MODEL_DIR"),
        user_data_path("fer", appauthor=False) / "models",
        shipped_models_dir(),
    ]


def shipped_models_dir() -> Path:
    """The models that come with the program."""
    return _INSTALLED_MODELS if _is_installed() else ROOT / "models"


def _is_installed() -> bool:
    return _INSTALLED_MODELS.is_dir()


def own_models_dir() -> Path:
    """Where a model is put that was trained here: the user's own folder of models."""
    return model_dirs()[0]


def runs_dir() -> Path:
    """The folder for training runs that are not finished."""
    return user_data_path("fer", appauthor=False) / "runs"


def find_models() -> dict[str, Path]:
    """Every installed model's folder by name; the first on the search path wins."""
    found: dict[str, Path] = {}
    for parent in model_dirs():
        for card in sorted(parent.glob(f"*/{CARD_FILE}")):
            found.setdefault(card.parent.name, card.parent)
    return dict(sorted(found.items()))


def data_dirs() -> list[Path]:
    """Where data sets are looked for, in order."""
    folders = [*_from_environment("FER_DATA_DIR"), user_data_path("fer", appauthor=False) / "data"]
    return folders if _is_installed() else [*folders, ROOT / "data"]


def find_data_file(file_name: str) -> Path | None:
    """The first file of this name on the data sets' search path, or None."""
    return next((d / file_name for d in data_dirs() if (d / file_name).is_file()), None)
