"""The README's figures come from the reports, and its picture and files are there."""

import re
from pathlib import Path

import numpy as np
import pytest

from fer import paths
from fer.datasets import FaceDataset
from fer.emotions import EMOTIONS, EMOTIONS_WITH_CONTEMPT
from fer.evaluation import OutOfFold, build_report, load_report, save_report, store_cross_validation
from fer.recognition import EmotionModel
from tests.fakes import CARD, install_model, write_network
from tools import figures


def test_the_figures_are_those_of_the_reports() -> None:
    text = figures.README.read_text(encoding="utf-8")
    assert figures.replaced(text) == text, "run `make figures`"
    assert figures.FIGURES.read_text(encoding="utf-8") == figures.render_figures(), "run `make figures`"


def test_what_stands_around_the_figures_is_kept() -> None:
    old = f"before {figures.START}\nold\n{figures.END} after"
    assert figures.replaced(old) == f"before {figures.START}\n{figures.render_summary()}{figures.END} after"


def test_both_files_are_written(tmp_path: Path) -> None:
    readme, page = tmp_path / "README.md", tmp_path / "figures.md"
    readme.write_text(f"{figures.START}{figures.END}")
    figures.main(readme, page)
    assert readme.read_text() == f"{figures.START}\n{figures.render_summary()}{figures.END}"
    assert page.read_text() == figures.render_figures()


def test_the_readme_holds_one_line_a_model() -> None:
    models = sorted(path.parent.name for path in (paths.ROOT / "models").glob("*/card.json"))
    _, _, *lines = figures.render_summary().splitlines()
    assert [line.split("`")[1] for line in lines] == models


def test_a_readme_without_markers_is_refused():
    with pytest.raises(ValueError, match="markers"):
        figures.replaced("no figures here")


def _tree() -> list[str]:
    """The paths that the README's file tree names."""
    text = figures.README.read_text(encoding="utf-8")
    tree = text.partition("## What is where")[2].partition("```\n")[2].partition("```")[0]
    parents: list[str] = []
    found = []
    for line in tree.splitlines():
        indent, name = re.match(r"( *)(\S+)", line).groups()
        parents = [*parents[: len(indent) // 2], name.rstrip("/")]
        found.append("/".join(parents))
    return found


def test_every_file_of_the_tree_is_there() -> None:
    missing = [path for path in _tree() if not list(paths.ROOT.glob(path.replace("<name>", "*")))]
    assert not missing, "these stand in the README's tree alone"


@pytest.mark.parametrize("folder", ["pages", "fer", "fer/charts", "fer/ui", "tools"])
def test_every_room_stands_in_the_tree(folder: str) -> None:
    rooms = {
        path.relative_to(paths.ROOT).as_posix()
        for path in (paths.ROOT / folder).iterdir()
        if (path.suffix == ".py" and not path.name.startswith("_")) or (path / "__init__.py").exists()
    }
    assert rooms - set(_tree()) == set(), "the README's tree lacks these"


def _drawn(name: str, classes: tuple[str, ...]) -> FaceDataset:
    """Twenty people with three faces each, one for every split; the stand-in network reads each as angry."""
    n = 60
    return FaceDataset(
        name=name,
        images=np.random.default_rng(0).integers(0, 255, (n, 12, 12), np.uint8),
        labels=np.tile([0, 6], n // 2).astype(np.uint8),
        usage=np.tile(["Training", "PublicTest", "PrivateTest"], n // 3),
        classes=classes,
        digest=name,
        source=Path(name),
        rows=np.arange(1, n + 1),
        subjects=np.repeat([f"S{person}" for person in range(n // 3)], 3),
    )


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What is written of a model trained on FER2013, and of one trained on CK+ that was cross-validated."""
    root = tmp_path_factory.mktemp("checkout")
    fer2013, ckplus = _drawn("fer2013", EMOTIONS), _drawn("ckplus", EMOTIONS_WITH_CONTEMPT)
    training = CARD["training"] | {"data": "ckplus", "held_out_subjects": ["S0", "S1", "S2", "S3"]}
    first = install_model(root / "models", "first")
    second = install_model(root / "models", "second", classes=list(EMOTIONS_WITH_CONTEMPT), training=training)
    for folder, classes in ((first, 7), (second, 8)):
        write_network(folder / "model.onnx", np.zeros(classes))
    save_report(first, build_report(EmotionModel(first), fer2013, [ckplus]))
    said = np.eye(8)[ckplus.labels]
    fold = np.repeat(np.arange(20) % 10, 3)
    store_cross_validation(second, OutOfFold.of(ckplus, EMOTIONS_WITH_CONTEMPT, fold, said, said))
    folds = load_report(second).cross_validation
    save_report(second, build_report(EmotionModel(second), ckplus, [fer2013], folds=folds))
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(paths, "ROOT", root)
        return figures.render_figures().splitlines()


class TestDrawnModels:
    @pytest.mark.parametrize(
        ("start", "times"),
        [
            ("| `first` | fer2013, PublicTest |", 0),
            ("| `first` | fer2013, PrivateTest | 20 of 20 people | 50.0 %", 1),
            ("| `first` | ckplus, all | 60 of 20 people | 50.0 %", 1),
            ("| `first` | ckplus, apex | 30 of 20 people | 100.0 % (100.0 % to 100.0 %)", 1),
            ("| `second` | ckplus, held-out | 12 of 4 people | 50.0 %", 1),
            ("| `second` | ckplus, apex | 6 of 4 people | 100.0 %", 1),
            ("| `second` | fer2013, PrivateTest | 20 of 20 people | 50.0 %", 1),
            ("| `second` | ckplus, apex, 10 folds by person | 30 of 20 people | 100.0 %", 1),
            ("| `second` | ckplus, all, 10 folds by person | 60 of 20 people | 100.0 %", 1),
        ],
    )
    def test_every_test_has_a_row(self, start: str, times: int, lines: list[str]) -> None:
        assert sum(line.startswith(start) for line in lines) == times

    def test_what_no_temperature_was_fitted_for_is_marked(self, lines: list[str]) -> None:
        marked = [line.split(" | ")[1] for line in lines if line.startswith("| `") and "uncalibrated" in line]
        assert marked == ["ckplus, apex, 10 folds by person", "ckplus, all, 10 folds by person"]

    def test_folds_stand_beside_the_network_that_is_served(self, lines: list[str]) -> None:
        head = lines.index("| model | FER2013 PrivateTest | CK+ all | CK+ apex |")
        first, second = (line.split(" | ") for line in lines[head + 2 : head + 4])
        assert [cell.split(" (")[0] for cell in first] == ["| `first`", "50.0 %", "50.0 %", "100.0 %"]
        assert second[2].startswith(
            "50.0 % (50.0 % to 50.0 %), 12 faces of 2 classes, held-out; 100.0 % (100.0 % to 100.0 %)"
        )
        assert second[2].endswith(", 60 faces of 2 classes, 10 folds by person")
        assert second[3].endswith(
            "6 faces of 1 classes; 100.0 % (100.0 % to 100.0 %), 30 faces of 1 classes, 10 folds by person |"
        )

    def test_the_protocol_says_whose_figures_they_are(self, lines: list[str]) -> None:
        first, second = (next(line for line in lines if line.startswith(f"`{name}`: ")) for name in ("first", "second"))
        assert "The temperature was fitted on PublicTest; PrivateTest chose nothing." in first
        assert "The figures by 10 folds are those of as many networks trained like it" in second
        assert "held-out are the people whom it did not learn from" in second
        assert "chose nothing" not in second

    def test_sets_are_measured_at_home(self, lines: list[str]) -> None:
        rows = [line.split(" | ")[1] for line in lines if " % | " in line and " 80 % | " in line]
        assert rows == ["fer2013, PrivateTest", "ckplus, held-out"]
