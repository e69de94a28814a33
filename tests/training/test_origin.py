"""A recipe's network is found by name or by path, and known by its content."""

import hashlib
from pathlib import Path

import pytest

from fer import paths
from fer.errors import ModelError
from fer.training.export import KERAS_FILE
from fer.training.origin import find_origin

SHIPPED = paths.ROOT / "models" / "fer2013-small" / KERAS_FILE


def test_installed_models_are_found_by_name() -> None:
    found = find_origin(Path("fer2013-small"))
    assert (found.name, found.file) == ("fer2013-small", SHIPPED)
    assert found.digest == hashlib.sha256(SHIPPED.read_bytes()).hexdigest()
    assert found.to_dict() == {"name": found.name, "digest": found.digest}


def test_files_are_found_by_path(tmp_path: Path) -> None:
    file = tmp_path / "first" / "model.keras"
    file.parent.mkdir()
    file.write_bytes(b"network")
    assert (find_origin(file).name, find_origin(file).file) == ("first", file)


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("", r"The model \. is not installed.*: .*fer2013"),
        ("gone.keras", r"The network gone\.keras is missing"),
        ("unheard-of", "The model unheard-of is not installed, so nothing can start from it; installed are: .*fer2013"),
        ("served-alone", "The model served-alone has no model.keras"),
    ],
    ids=["empty", "file", "name", "without its Keras file"],
)
def test_what_is_not_there_is_named(source: str, sentence: str) -> None:
    folder = paths.own_models_dir() / "served-alone"
    folder.mkdir(parents=True)
    (folder / paths.CARD_FILE).write_text("{}")
    with pytest.raises(ModelError, match=sentence):
        find_origin(Path(source))
