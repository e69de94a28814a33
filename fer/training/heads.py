"""Two linear layers on the same features: their targets, their loss, and the one layer that is served instead.

While training, both are one dense layer: first the outputs of the labels' classes, then those of the raters' classes.
The mean of two dense layers is one dense layer, so what is served is a network like any other.
"""

from typing import Any

import keras
import numpy as np

from fer.calibration import softmax
from fer.emotions import EMOTIONS_WITH_CONTEMPT
from fer.training.config import HeadsConfig, NetworkConfig
from fer.training.networks import build_network

HEADS_FILE = "heads.keras"
"""The network with both layers, beside the one that is served: what other runs start from and learn from."""


def output_count(heads: HeadsConfig | None, classes: int) -> int:
    """Outputs of the network that is trained."""
    return classes if heads is None else classes + len(EMOTIONS_WITH_CONTEMPT)


def served_classes(heads: HeadsConfig | None, classes: tuple[str, ...]) -> tuple[str, ...]:
    """What the served network tells apart; the mean of both layers knows what both know."""
    return EMOTIONS_WITH_CONTEMPT if heads is not None and heads.served == 1 else classes


def softmax_of_each(logits: np.ndarray, classes: int, temperature: float = 1.0) -> np.ndarray:
    """Probabilities of each layer by itself: float (n, outputs) of logits of that shape."""
    parts = [part for part in np.split(np.asarray(logits), [classes], axis=1) if part.shape[1]]
    return np.concatenate([softmax(part, temperature) for part in parts], axis=1)


def both_targets(heads: HeadsConfig, labels: np.ndarray, votes: np.ndarray) -> np.ndarray:
    """Put the targets of both layers side by side, each times its factor in the loss.

    Args:
        heads: the factors.
        labels: float32 (n, classes), smoothed.
        votes: float32 (n, 8), shares of the raters; rows of zeros teach nothing.
    """
    return np.concatenate([labels * np.float32(heads.labels), votes * np.float32(heads.votes)], axis=1)


@keras.saving.register_keras_serializable("fer")
class BothHeadsLoss(keras.losses.Loss):
    """The sum of both layers' cross-entropies; a target of zeros costs nothing."""

    def __init__(self, classes: int, **options: object) -> None:
        """Split the outputs after so many classes."""
        super().__init__(name="both_heads", **options)
        self._classes = classes

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Losses of shape (n,)."""
        split = self._classes
        logs = [keras.ops.log_softmax(part) for part in (y_pred[:, :split], y_pred[:, split:])]
        return -keras.ops.sum(y_true * keras.ops.concatenate(logs, axis=1), axis=1)


def served_network(
    trained: keras.Model, network: NetworkConfig, heads: HeadsConfig, classes: tuple[str, ...], votes: np.ndarray
) -> keras.Model:
    """Make the network that is served of the one that was trained.

    Args:
        trained: ends in the dense layer of both.
        network: how it was built.
        heads: which of the two is served, or in which mean, and how far that leans to rare expressions.
        classes: of the labels.
        votes: float32 (n, 8), shares of the raters, of the rows that were learned from.
    """
    *features, kernel, bias = trained.get_weights()
    names = served_classes(heads, classes)
    columns = np.array([EMOTIONS_WITH_CONTEMPT.index(name) for name in names])
    of_votes = len(classes) + columns
    share = np.float32(heads.served)
    outputs = []
    for weights in (kernel, bias):
        voted = weights[..., of_votes]
        outputs.append(voted if share == 1 else (1 - share) * weights[..., : len(classes)] + share * voted)
    if heads.rare:
        seen = votes[:, columns].sum(axis=0, dtype=np.float64) + 1  # one vote each, so that no logarithm is of 0
        outputs[1] = outputs[1] - (heads.rare * np.log(seen / seen.sum())).astype(np.float32)
    served = build_network(network, len(names), trained.input_shape[1])
    served.set_weights([*features, *outputs])
    return served
