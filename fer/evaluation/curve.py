"""A model's folder -> how its training went, epoch by epoch.

Knows nothing about training, networks or pages.
"""

import json
from pathlib import Path
from typing import Any

from fer.errors import ModelError

CURVE_FILE = "training.jsonl"


def load_curve(folder: Path) -> list[dict[str, Any]] | None:
    """Read what training noted of every epoch.

    Args:
        folder: the model's.

    Returns:
        A row for every epoch, in order: epoch, epochs (of how many), size (side of the input, pixels), loss (mean
        training loss), public_accuracy (on the rows for choosing, in [0, 1], or None), elapsed_s (seconds). None where
        the model came without.

    Raises:
        ModelError: the file is damaged.
    """
    path = folder / CURVE_FILE
    if not path.is_file():
        return None
    try:
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        if not all(isinstance(row["epoch"], int) and isinstance(row["loss"], float | int) for row in rows):
            raise ValueError("an epoch and its loss must be numbers")
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ModelError(f"The model file {path} is damaged; install the model again, or delete this file.") from error
    return rows
