"""What helps to read strangers: twelve short runs -> `docs/ablation.json`, which `make figures` turns into a table.

    python -m tools.ablation DIR

Augmentation narrow or wide, taught by FER2013's labels, by FER+'s votes or by both, without or with CK+'s training
people; everything else is the same, the seed too. Measured are PublicTest and CK+'s held-out people: PrivateTest is not
even in the arrays. A run that was killed goes on where it stood.
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from fer import paths
from fer.datasets import FaceDataset, load_dataset
from fer.datasets.dataset import VOTED, digest_of
from fer.datasets.ferplus import by_majority, with_found_votes
from fer.emotions import EMOTIONS
from fer.errors import known
from fer.evaluation.metrics import Figures, measure
from fer.evaluation.stamp import code_version
from fer.files import replace_file
from fer.training.augmentation import centre
from fer.training.config import AugmentationConfig, HeadsConfig, NetworkConfig, Stage, TrainingConfig
from fer.training.export import load_network
from fer.training.train import train

ABLATION = paths.ROOT / "docs" / "ablation.json"

AUGMENTATIONS = {
    "narrow": AugmentationConfig(gamma=0.2),
    "wide": AugmentationConfig(15, (0.78, 1.3), 5, 0.4, blur_probability=0.15, shrink_probability=0.25),
}
TEACHING = {
    "FER2013": None,
    "FER+": HeadsConfig(served=1.0, labels=0.0),
    "both": HeadsConfig(served=0.6),
}
"""What is served is what was learned; of both the mean that the default model serves."""

BUDGET = TrainingConfig(
    name="ablation",
    stages=(Stage(24, 4), Stage(40, 1)),
    network=NetworkConfig((16, 32, 64, 128)),
    seed=1,
    precision="mixed_bfloat16",
    warmup_epochs=1,
    ema=0.99,  # of 1,070 steps, a slower average would still hold the first ones
)
RATERS = 10


def without_contempt(data: FaceDataset) -> FaceDataset:
    """The rows of FER2013's seven expressions, which all twelve networks know."""
    kept = data.take(data.labels < len(EMOTIONS))
    return replace(kept, classes=EMOTIONS)


def joined(faces: FaceDataset, posed: FaceDataset) -> FaceDataset:
    """The rows of two data sets as one; a label of the second counts as ten votes, too."""
    votes = np.zeros((len(posed), len(VOTED)), np.uint8)
    votes[np.arange(len(posed)), posed.labels] = RATERS
    images, labels = np.concatenate([faces.images, posed.images]), np.concatenate([faces.labels, posed.labels])
    usage = np.concatenate([faces.usage, posed.usage])
    return FaceDataset(
        name=f"{faces.name} and {posed.name}",
        images=images,
        labels=labels,
        usage=usage,
        classes=EMOTIONS,
        digest=digest_of(images, labels, usage),
        source=faces.source,
        rows=np.concatenate([faces.rows, posed.rows]),
        votes=np.concatenate([known(faces.votes), votes]),
    )


def lines() -> Iterator[tuple[str, str, bool]]:
    """Augmentation, what teaches, and whether CK+'s training people are among the faces."""
    for people, teaching, augmentation in product((False, True), TEACHING, AUGMENTATIONS):
        yield augmentation, teaching, people


def measured(network_file: Path, faces: FaceDataset) -> dict[str, Any]:
    """How the network reads these faces: accuracy and macro recall of seven classes, each with its 95 % interval."""
    network = load_network(network_file)
    logits = network.predict(centre(faces.images, BUDGET.input_size), batch_size=256, verbose=0)[:, : len(EMOTIONS)]
    figures: Figures = measure(logits, faces.labels, EMOTIONS, people=faces.subjects)
    kept = figures.to_dict()
    names = ("n", "accuracy", "accuracy_95", "macro_recall", "macro_recall_95")
    people = None if faces.subjects is None else len(np.unique(faces.subjects))
    return {**{name: kept[name] for name in names}, "people": people}


def main(out_dir: Path) -> None:
    """Train and measure what is missing, and write the file anew after every line."""
    fer2013, ckplus = with_found_votes(load_dataset("fer2013")), without_contempt(load_dataset("ckplus"))
    training = fer2013.select("Training")
    watched = fer2013.select("PublicTest")
    strangers = ckplus.take(ckplus.usage != "Training")
    tests = {
        "FER2013 PublicTest": watched,
        "FER+ PublicTest": without_contempt(by_majority(watched)),
        "CK+ held-out people": strangers,
    }
    facts = {
        "budget": {**asdict(BUDGET), "augmentation": {name: asdict(how) for name, how in AUGMENTATIONS.items()}},
        "digests": {data.name: data.digest for data in (fer2013, ckplus)},
        "date": datetime.now(UTC).date().isoformat(),
        "code_version": code_version(),
    }
    table = []
    for augmentation, teaching, people in lines():
        config = replace(BUDGET, augmentation=AUGMENTATIONS[augmentation], heads=TEACHING[teaching])
        learned = joined(training, ckplus.select("Training")) if people else training
        name = f"{augmentation}-{teaching}-{'with' if people else 'without'}".replace("+", "plus").lower()
        file = train(config, learned, out_dir / name)
        figures = {title: measured(file, faces) for title, faces in tests.items()}
        table.append({"augmentation": augmentation, "taught_by": teaching, "with_ckplus": people, "figures": figures})
        replace_file(ABLATION, (json.dumps({**facts, "lines": table}, indent=1) + "\n").encode())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, metavar="DIR", help="for the runs' checkpoints")
    main(parser.parse_args().out)
