"""What a recipe calls a network -> its file, and what a card says of it.

A path ends in `.keras`; everything else is the name of an installed model. Knows nothing about layers.
"""

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

from fer import paths
from fer.errors import ModelError
from fer.recognition import LearnedRows, ModelCard
from fer.training.config import NETWORK_SUFFIX, TrainingConfig
from fer.training.export import KERAS_FILE
from fer.training.heads import HEADS_FILE


@dataclass(frozen=True)
class Origin:
    """A network that a run learns from.

    Attributes:
        name: of the model, for people.
        file: its `.keras` file.
        digest: SHA-256 of that file, in hex.
        learned: the rows that it and its own origins learned from; None where no card beside the file tells.
    """

    name: str
    file: Path
    digest: str
    learned: tuple[LearnedRows, ...] | None = None

    def to_dict(self) -> dict[str, str]:
        """What a card says: name and digest, no path."""
        return {"name": self.name, "digest": self.digest}


def find_origin(source: Path, heads: bool = False) -> Origin:
    """Find the network that a recipe names; with `heads` the one with both layers, where a model has it.

    Raises:
        ModelError: there is no such file, or no such model.
    """
    if source.suffix == NETWORK_SUFFIX:
        file = source
        if not file.is_file():
            raise ModelError(f"The network {file} is missing; name a .keras file that exists.")
    else:
        installed = paths.find_models()
        if str(source) not in installed:
            raise ModelError(
                f"The model {source} is not installed, so nothing can start from it; installed are: "
                f"{', '.join(installed) or 'none'}."
            )
        folder = installed[str(source)]
        file = folder / HEADS_FILE if heads and (folder / HEADS_FILE).is_file() else folder / KERAS_FILE
        if not file.is_file():
            raise ModelError(f"The model {source} has no {KERAS_FILE}, so nothing can start from it; name another.")
    with file.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
    name = file.parent.name or file.stem
    learned = None
    if (file.parent / paths.CARD_FILE).is_file():
        learned = tuple(replace(rows, by=rows.by or name) for rows in ModelCard.read(file.parent).learned)
    return Origin(name, file, digest, learned)


def origins(config: TrainingConfig) -> tuple[Origin | None, tuple[Origin, ...]]:
    """Find the network that a recipe starts from, and its teachers.

    Raises:
        ModelError: one is missing.
    """
    heads = config.heads is not None
    initial = None if config.initial is None else find_origin(config.initial, heads)
    named = () if config.distillation is None else config.distillation.teachers
    teachers = tuple(find_origin(teacher, heads) for teacher in named)
    return initial, teachers
