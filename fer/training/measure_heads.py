"""A model of two heads -> the figures of each by itself, in its report: `python -m fer.training.measure_heads NAME`.

The network with both layers is no ONNX file, so it is asked by Keras; that it is the one whose mean is served is
checked on the same faces. Knows nothing about training.
"""

import argparse
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from fer import paths
from fer.datasets import FaceDataset, load_dataset
from fer.datasets.dataset import ALL
from fer.emotions import EMOTIONS, EMOTIONS_WITH_CONTEMPT
from fer.errors import ModelError
from fer.evaluation import measure
from fer.evaluation.evaluate import scale_to
from fer.evaluation.report import TEST_SPLIT, HeadFigures, store_heads
from fer.evaluation.stamp import code_version
from fer.recognition import EmotionModel, load_model
from fer.training import augmentation, export
from fer.training.heads import HEADS_FILE

SPLITS = {"fer2013": TEST_SPLIT, "ferplus": TEST_SPLIT, "ckplus": ALL}
_CHECKED = 32


def measure_heads(model: EmotionModel, folder: Path, datasets: Sequence[FaceDataset]) -> tuple[HeadFigures, ...]:
    """Measure each layer of a model's network of two on the test rows, over the seven classes that both know.

    Args:
        model: the model that is served.
        folder: its folder.
        datasets: named as in `SPLITS`.

    Raises:
        ModelError: there is no network of two layers, or what is served is no mean of them.
    """
    network = export.load_network(folder / HEADS_FILE)
    if network.output_shape[-1] != len(EMOTIONS) + len(EMOTIONS_WITH_CONTEMPT):
        raise ModelError(f"The network {folder / HEADS_FILE} does not end in layers of labels and votes.")

    def figures() -> Iterator[HeadFigures]:
        for data in datasets:
            rows = data.select(SPLITS[data.name])
            faces = rows.take(rows.labels < len(EMOTIONS))
            crops = scale_to(faces.images, model.card.crop_size)
            both = network.predict(augmentation.centre(crops, model.card.input_size), batch_size=256, verbose=0)
            heads = {"labels": both[:, : len(EMOTIONS)], "votes": both[:, len(EMOTIONS) : 2 * len(EMOTIONS)]}
            _check(model, crops[:_CHECKED], *(logits[:_CHECKED] for logits in heads.values()))
            for head, logits in heads.items():
                found = measure(logits, faces.labels, EMOTIONS, people=faces.subjects)
                yield HeadFigures(
                    head=head,
                    data=data.name,
                    split=SPLITS[data.name],
                    digest=data.digest,
                    n=found.n,
                    accuracy=round(found.accuracy, 6),
                    accuracy_95=found.accuracy_95,
                    macro_recall=round(found.macro_recall, 6),
                    macro_recall_95=found.macro_recall_95,
                    code_version=code_version(),
                    date=datetime.now(UTC).date().isoformat(),
                )

    return tuple(figures())


def _check(model: EmotionModel, crops: np.ndarray, labels: np.ndarray, votes: np.ndarray) -> None:
    """Refuse layers whose mean, up to what is added to every face alike, is not what the model serves."""
    share = model.card.training.get("heads", {}).get("served", 0.0)
    apart = model.predict(crops).logits - ((1 - share) * labels + share * votes)
    if np.ptp(apart, axis=0).max() > export.TOLERANCE:
        raise ModelError(f"What {model.card.name} serves is no mean of the layers in its {HEADS_FILE}.")


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure an installed model and write its report."""
    parser = argparse.ArgumentParser(prog="python -m fer.training.measure_heads", description=__doc__)
    parser.add_argument("name", metavar="NAME", help="of an installed model that has two heads")
    chosen = parser.parse_args(arguments)
    model, folder = load_model(chosen.name), paths.find_models()[chosen.name]
    store_heads(folder, measure_heads(model, folder, [load_dataset(name) for name in SPLITS]))


if __name__ == "__main__":
    main()
