"""A model and faces -> a map on which faces that the model reads alike lie close together.

Knows nothing about files, pages or training.
"""

from collections.abc import Callable
from typing import Literal

import numpy as np
import pandas as pd
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from threadpoolctl import threadpool_limits

from fer.datasets import FaceDataset
from fer.errors import DatasetError
from fer.evaluation.evaluate import BATCH, Model, scale_to

Method = Literal["pca", "tsne"]

MAX_ROWS = 1500
"""How many faces a map shows at most; of more, as many are drawn at random."""

_PERPLEXITY = 30.0
_ITERATIONS = 500


def feature_map(
    model: Model,
    dataset: FaceDataset,
    method: Method = "pca",
    seed: int = 0,
    progress: Callable[[float], None] | None = None,
) -> pd.DataFrame:
    """Lay faces out on a plane by what a model says of them.

    The features are the logits, one a class, before calibration and without averaging. PCA turns them to where they
    spread most; t-SNE (van der Maaten and Hinton, 2008), which starts from there, keeps neighbours together and gives
    no meaning to long distances.

    Args:
        model: the model; rows of classes that it does not know are left out.
        dataset: the faces to draw from.
        method: how the plane is found.
        seed: of the draw and of t-SNE.
        progress: called with the share of the faces that have been read, in [0, 1]; what it raises ends the work.

    Returns:
        One row a face, in the order of the data set: x, y, position (in `dataset`), row (number in the file), usage,
        label, read (what the model says), right (whether that is the label). Where the model says exactly the same of
        all faces, they lie in one place.

    Raises:
        DatasetError: there are fewer than three faces that the model can be asked about.
    """
    known = np.flatnonzero(dataset.labels < len(model.card.classes))
    if len(known) < 3:
        raise DatasetError(f"A map needs at least 3 faces, but {dataset.name} has {len(known)} here; choose more rows.")
    drawn = np.sort(np.random.default_rng(seed).choice(known, min(len(known), MAX_ROWS), replace=False))
    faces = dataset.take(drawn)
    logits = []
    for start in range(0, len(faces), BATCH):
        logits.append(model.predict(scale_to(faces.images[start : start + BATCH], model.card.crop_size)).logits)
        if progress is not None:
            progress(min(1.0, (start + BATCH) / len(faces)))
    features = np.concatenate(logits)
    plane = np.zeros((len(faces), 2))
    if np.ptp(features, axis=0).any():
        plane = PCA(n_components=2, random_state=seed).fit_transform(features)
        if method == "tsne":
            plane = _neighbourhoods(features, plane, seed)
    read = model.calibration.calibrated(features).argmax(axis=1)
    classes = np.array(model.card.classes)
    return pd.DataFrame(
        {
            "x": plane[:, 0],
            "y": plane[:, 1],
            "position": drawn,
            "row": faces.rows,
            "usage": faces.usage,
            "label": classes[faces.labels],
            "read": classes[read],
            "right": read == faces.labels,
        }
    )


def _neighbourhoods(features: np.ndarray, plane: np.ndarray, seed: int) -> np.ndarray:
    """Lay features out by t-SNE, from float (n, 2) coordinates that it starts from."""
    start = plane / plane.std() * 1e-4  # as small as t-SNE's authors want it
    perplexity = min(_PERPLEXITY, (len(features) - 1) / 3)
    # Its threads wait for each other by spinning: on processors that are busy, two take six times as long as one.
    with threadpool_limits(1, user_api="openmp"):
        return TSNE(init=start, perplexity=perplexity, max_iter=_ITERATIONS, random_state=seed).fit_transform(features)
