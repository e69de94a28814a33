"""A finished run -> the model's `card.json`, which makes its folder an installed model.

States facts alone. How a detector's boxes become crops is taken over from another model, so that photos can be read
at once; evaluation measures it anew where it has faces to measure on.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import keras

from fer import paths
from fer.datasets import FaceDataset, data_terms
from fer.datasets.ferplus import FERPLUS
from fer.errors import ModelError
from fer.files import replace_file
from fer.pipeline import DEFAULT_MODEL
from fer.recognition import UNKNOWN, LearnedRows, ModelCard
from fer.training import augmentation, export
from fer.training.config import TrainingConfig
from fer.training.heads import served_classes
from fer.training.origin import Origin, origins
from fer.training.rows import TrainingRows

_KINDS = {"vgg": "VGG-style network", "lstm": "network of convolutions and LSTMs"}


def write_card(
    folder: Path, config: TrainingConfig, data: FaceDataset, rows: TrainingRows, splits_seed: int | None = None
) -> None:
    """Write the card of a network that was trained as the recipe says.

    Where the data set says who is seen, the card names the people that nothing was learned from.

    Args:
        folder: the model's, with its `.keras` file; must be named as the recipe says.
        config: the recipe.
        data: what was trained on.
        rows: the rows that were learned from.
        splits_seed: what `draw_missing_splits` drew splits with; None where the data set came with all of them.

    Raises:
        ModelError: the network is missing, or one that the recipe names is missing.
        OSError: the card cannot be written.
    """
    network = export.load_network(folder / export.KERAS_FILE)
    initial, teachers = origins(config)
    framed_like, framing = _framing(initial)
    learned = data.take(rows.index)
    unseen = [name for label, name in enumerate(data.classes) if label not in learned.labels]
    start = "alone" if initial is None else f"from the weights of {initial.name}"
    card = {
        "name": config.name,
        "summary": f"A {_KINDS[config.network.kind]}, trained on {data.name} {start}",
        "classes": list(served_classes(config.heads, data.classes)),
        "input": {
            "crop_size": config.crop_size,
            "size": config.input_size,
            "channels": 1,
            "normalisation": "per-image",
            "epsilon": augmentation.EPSILON,
        },
        "maps_size": export.maps_size(network),
        "parameters": network.count_params(),
        "framing": framing,
        "training": {
            "data": data.name,
            "digest": data.digest,
            "pixels": data.pixels,
            "split": "Training",
            "splits_seed": splits_seed,
            "rows": len(rows),
            "copies_removed": config.clean,
            "heads": {} if config.heads is None else asdict(config.heads),
            "selected_by": "nothing: the exponential average of the weights after the last epoch",
            "seeds": 1,
            "device": _device(),
            "epochs": config.epochs,
            "recipe": _recipe(config, initial, teachers),
            "started_from": None if initial is None else initial.to_dict(),
            "teachers": [teacher.to_dict() for teacher in teachers],
            "lineage": [
                asdict(rows)
                for origin in dict.fromkeys(origin for origin in (initial, *teachers) if origin is not None)
                for rows in origin.learned or (LearnedRows(UNKNOWN, UNKNOWN, by=origin.name),)
            ],
            "framing_of": framed_like,
            "rows_left_out": {
                "blank": rows.blank,
                "copies with different labels": rows.conflicting,
                "further copies": rows.repeated,
                "copies of test faces": rows.in_tests,
            },
        },
        "licence": "as whoever trained it says",
        "data_terms": data_terms(_data(config, data, initial, teachers)),
        "limits": f"Knows faces as they are in {data.name}, and no others."
        + (f" Was shown no {', no '.join(unseen)}." if unseen else ""),
    }
    if data.subjects is not None and learned.subjects is not None:
        card["training"]["held_out_subjects"] = sorted(set(data.subjects.tolist()) - set(learned.subjects.tolist()))
    replace_file(folder / paths.CARD_FILE, (json.dumps(card, indent=2, ensure_ascii=False) + "\n").encode())


def _data(
    config: TrainingConfig, data: FaceDataset, initial: Origin | None, teachers: tuple[Origin, ...]
) -> Iterator[str]:
    """The data sets that the network and all before it learned from."""
    yield data.name
    if config.heads is not None and config.heads.votes:
        yield FERPLUS
    for origin in (initial, *teachers):
        yield from () if origin is None else (rows.data for rows in origin.learned or ())


def _framing(initial: Origin | None) -> tuple[str | None, dict]:
    """The framing of the model that the run started from, else of the app's default model, and whose it is."""
    folders = [] if initial is None else [initial.file.parent]
    folders += [folder for name, folder in paths.find_models().items() if name == DEFAULT_MODEL]
    for folder in folders:
        try:
            framing = ModelCard.read(folder).framing
        except ModelError:
            continue
        if framing:
            return folder.name, {detector: asdict(framed) for detector, framed in framing.items()}
    return None, {}


def _device() -> str:
    """What the backend computes on, for people."""
    on_cpu = "cpu" in str(keras.ops.zeros(1).device).lower()
    return f"{os.cpu_count()} CPU cores" if on_cpu else "one GPU"


def _recipe(config: TrainingConfig, initial: Origin | None, teachers: tuple[Origin, ...]) -> str:
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
    if initial is not None:
        parts.insert(0, f"from the weights of {_named(initial)}")
    if config.heads is not None:
        heads = config.heads
        parts.append(
            f"two linear layers, {heads.labels:g} of the loss from the labels and {heads.votes:g} from the votes of "
            f"FER+; served: {_served(heads.served)}"
            + (f", leaning by {heads.rare:g} to what raters seldom see" if heads.rare else "")
        )
    if change.side_light or change.blur_probability or change.shrink_probability or change.jpeg_probability:
        parts.append(
            f"light from a side within exp(±{change.side_light:g}), blur with p {change.blur_probability:g}, lower "
            f"resolution with p {change.shrink_probability:g}, JPEG with p {change.jpeg_probability:g}"
        )
    if change.mixup:
        parts.append(f"mixup with alpha {change.mixup:g}")
    if config.balance != "none":
        parts.append(f"classes balanced by {config.balance.replace('_', ' ')}")
    if config.distillation is not None:
        parts.append(f"{config.distillation.share:g} of the target from {', '.join(map(_named, teachers))}")
    return "; ".join(parts)


def _served(share: float) -> str:
    if share in (0, 1):
        return "the layer of the votes" if share else "the layer of the labels"
    return f"{1 - share:g} of the labels' logits and {share:g} of the votes'"


def _named(origin: Origin) -> str:
    return f"{origin.name} ({origin.digest[:8]})"
