"""The models on this machine, each with its stored figures, or with the sentence that says why it cannot be used."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fer import paths
from fer.errors import FerError
from fer.evaluation.matrix import cross_data_matrix
from fer.evaluation.report import Report, load_report
from fer.evaluation.text import headline, render_cell
from fer.recognition import MODEL_FILE, EmotionModel, ModelCard


@dataclass(frozen=True, eq=False)
class InstalledModel:
    """An installed model: its facts, its stored figures, and its folder."""

    card: ModelCard
    report: Report
    folder: Path

    @property
    def name(self) -> str:
        return self.card.name

    @property
    def megabytes(self) -> float:
        """Size of the network's file."""
        file = self.folder / MODEL_FILE
        return file.stat().st_size / 1e6 if file.exists() else 0.0

    def to_record(self) -> dict[str, Any]:
        """The model as the command line's JSON has it."""
        folds = self.report.cross_validation
        return {
            "name": self.name,
            "folder": str(self.folder),
            "error": None,
            "summary": self.card.summary,
            "classes": list(self.card.classes),
            "parameters": self.card.parameters,
            "licence": self.card.licence,
            "data_terms": self.card.data_terms,
            "detectors": list(self.card.framing),
            "figures": headline(self.report),
            "macro_recalls": [render_cell(cell) for cell in cross_data_matrix({self.name: self.report})],
            "evaluations": [evaluation.to_dict() for evaluation in self.report.evaluations],
            "cross_validation": None
            if folds is None
            else {"apex": folds.apex.to_dict(), "whole": folds.whole.to_dict()},
        }


@dataclass(frozen=True)
class DamagedModel:
    """A folder that should hold a model: its name, and one sentence that says why it cannot be used."""

    name: str
    folder: Path
    error: str

    def to_record(self) -> dict[str, Any]:
        """The same as the command line's JSON has it."""
        return {"name": self.name, "folder": str(self.folder), "error": self.error}


def find_installed(*, opened: bool = False) -> list[InstalledModel | DamagedModel]:
    """Find every model on this machine, in the order of their names.

    Args:
        opened: open the networks too, which takes longer, so that one that cannot be opened counts as damaged.
    """
    found: list[InstalledModel | DamagedModel] = []
    for name, folder in paths.find_models().items():
        try:
            card = EmotionModel(folder).card if opened else ModelCard.read(folder)
            found.append(InstalledModel(card, load_report(folder), folder))
        except FerError as error:
            found.append(DamagedModel(name, folder, str(error)))
    return found
