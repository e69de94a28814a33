"""How training went: what is read, and what is refused."""

from pathlib import Path

import pytest

from fer.errors import ModelError
from fer.evaluation import load_curve


def test_a_model_without_a_curve(tmp_path: Path) -> None:
    assert load_curve(tmp_path) is None


@pytest.mark.parametrize(
    ("text", "epochs"),
    [("", []), ('{"epoch": 1, "loss": 2.5}\n\n{"epoch": 2, "loss": 2, "public_accuracy": null}\n', [1, 2])],
    ids=["empty", "two epochs and a blank line"],
)
def test_epochs_come_in_order(text: str, epochs: list[int], tmp_path: Path) -> None:
    (tmp_path / "training.jsonl").write_text(text)
    assert [row["epoch"] for row in load_curve(tmp_path)] == epochs


@pytest.mark.parametrize(
    "text",
    ["{", "[]", "3", '{"epoch": 1}', '{"epoch": 1, "loss": "low"}', '{"epoch": 1, "loss": 2}\n{"epoch": 2, "lo'],
    ids=["cut off", "a list", "a number", "no loss", "loss in words", "last line cut off"],
)
def test_a_damaged_curve_is_a_sentence(text: str, tmp_path: Path) -> None:
    (tmp_path / "training.jsonl").write_text(text)
    with pytest.raises(ModelError, match=r"training\.jsonl is damaged; install the model again, or"):
        load_curve(tmp_path)
