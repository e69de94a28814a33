"""A data set -> the rows that a network may learn from, with every row left out accounted for.

Only pixels are compared; knows nothing about networks.
"""

from dataclasses import dataclass

import numpy as np

from fer.datasets import FaceDataset, copies_in


@dataclass(frozen=True, eq=False)
class TrainingRows:
    """What is left of the Training split, and what was left out.

    Attributes:
        index: int64, positions in the data set, ascending.
        blank: rows whose pixels all have one value.
        conflicting: rows whose copies carry different labels; all of them go.
        repeated: further copies of a row that stays.
        in_tests: rows whose copy is in a test split; counted only where they were to be left out, else 0.
    """

    index: np.ndarray
    blank: int
    conflicting: int
    repeated: int
    in_tests: int

    def __len__(self) -> int:
        return len(self.index)


def training_rows(data: FaceDataset, clean: bool = False) -> TrainingRows:
    """Choose the rows of the Training split that are faces, agree with their copies, and come once.

    Args:
        data: the whole data set; the test splits' pixels are looked at only for `clean`, their labels never.
        clean: also leave out rows whose copy is in a test split.
    """
    training = np.flatnonzero(data.usage == "Training")
    images, labels = data.images[training], data.labels[training]
    blank = images.min(axis=(1, 2)) == images.max(axis=(1, 2)) if len(training) else np.zeros(0, bool)
    in_tests = copies_in(images, data.images[data.usage != "Training"]) if clean else np.zeros(len(training), bool)
    copies: dict[bytes, list[int]] = {}
    for position in np.flatnonzero(~blank):
        copies.setdefault(images[position].tobytes(), []).append(int(position))
    conflicting, repeated = np.zeros(len(training), bool), np.zeros(len(training), bool)
    for group in copies.values():
        if len(set(labels[group].tolist())) > 1:
            conflicting[group] = True
        else:
            repeated[group[1:]] = True
    kept = ~(blank | conflicting | repeated | in_tests)
    return TrainingRows(
        index=training[kept],
        blank=int(blank.sum()),
        conflicting=int(conflicting.sum()),
        repeated=int(repeated.sum()),
        in_tests=int((in_tests & ~blank & ~conflicting & ~repeated).sum()),
    )
