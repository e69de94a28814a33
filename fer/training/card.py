"""A finished run -> the model's `card.json`, which makes its folder an installed model.

States facts alone. How a detector's boxes become crops is measured later, by evaluation; until then `framing` is
empty and the model can be evaluated on faces, but not used on photos.
"""

import json
import os
from pathlib import Path

import keras

from fer import paths
from fer.datasets import FaceDataset
from fer.training import augmentation, export
from fer.training.config import TrainingConfig
from fer.training.rows import TrainingRows


def write_card(folder: Path, config: TrainingConfig, data: FaceDataset, rows: TrainingRows) -> None:
    """Write the card of a network that was trained as the recipe says.

    Args:
        folder: the model's, with its `.keras` file; must be named as the recipe says.
        config: the recipe.
        data: what was trained on.
        rows: the rows that were learned from.

    Raises:
        ModelError: the network is missing, or has no activation maps.
    """
    network = export.load_network(folder / export.KERAS_FILE)
    card = {
        "name": config.name,
        "summary": f"A VGG-style network, trained on {data.name} alone",
        "classes": list(data.classes),
        "input": {
            "crop_size": data.images.shape[1],
            "size": config.input_size,
            "channels": 1,
            "normalisation": "per-image",
            "epsilon": augmentation.EPSILON,
        },
        "maps_size": export.with_maps(network).output["maps"].shape[1],
        "parameters": network.count_params(),
        "framing": {},
        "training": {
            "data": data.name,
            "split": "Training",
            "rows": len(rows),
            "copies_removed": config.clean,
            "selected_by": "nothing: the exponential average of the weights after the last epoch",
            "seeds": 1,
            "device": _device(),
            "epochs": config.epochs,
            "recipe": _recipe(config),
            "rows_left_out": {
                "blank": rows.blank,
                "copies with different labels": rows.conflicting,
                "further copies": rows.repeated,
                "copies of test faces": rows.in_tests,
            },
        },
        "licence": "as the training data and whoever trained it say",
        "limits": f"Knows faces as they are in {data.name}, and no others.",
    }
    text = json.dumps(card, indent=2, ensure_ascii=False) + "\n"
    (folder / paths.CARD_FILE).write_text(text, encoding="utf-8")


def _device() -> str:
    """What the backend computes on, for people."""
    on_cpu = "cpu" in str(keras.ops.zeros(1).device).lower()
    return f"{os.cpu_count()} CPU cores" if on_cpu else "one GPU"


def _recipe(config: TrainingConfig) -> str:
    """The recipe in one line, for people."""
    change = config.augmentation
    stages = ", ".join(f"{stage.epochs} epochs at {stage.size} pixels" for stage in config.stages)
    parts = [
        f"seed {config.seed}; {stages}; {config.precision}",
        f"SGD with Nesterov momentum {config.momentum:g}, batches of {config.batch_size}, peak rate "
        f"{config.peak_rate:g}, {config.warmup_epochs} epochs of warm-up, cosine to 0",
        f"average with decay {config.ema:g}",
        f"label smoothing {config.label_smoothing:g}, dropout {config.network.dropout:g}, L2 {config.l2:g} on kernels",
        f"rotation within {change.rotation_degrees:g} degrees, scale {change.scale[0]:g} to {change.scale[1]:g}, shift "
        f"within {change.shift_pixels:g} pixels, gamma within exp(±{change.gamma:g}), alternating mirror, erasing with "
        f"p {change.erase_probability:g}",
    ]
    if config.initial is not None:
        parts.insert(0, f"from the weights of {config.initial.parent.name}")
    if config.distillation is not None:
        teachers = ", ".join(path.parent.name or path.name for path in config.distillation.teachers)
        parts.append(f"{config.distillation.share:g} of the target from {teachers}")
    return "; ".join(parts)
