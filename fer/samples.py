"""Real faces to begin with: key -> a public-domain photo that comes with a package this program needs anyway.

The files are read where those packages keep them, without importing the packages. Knows nothing of what is done with
the pictures.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType

import cv2
import numpy as np

from fer.errors import MediaError
from fer.media import read_image


@dataclass(frozen=True)
class SamplePhoto:
    """One picture that is always there.

    Attributes:
        title: what to call it.
        credit: who is on it, whose it is and under which terms, in one line.
        load: reads it anew as image_bgr, uint8 of shape (height, width, 3); raises a `MediaError` where the package's
            file is gone.
    """

    title: str
    credit: str
    load: Callable[[], np.ndarray]


def _read(package: str, inside: str, distribution: str) -> np.ndarray:
    spec = find_spec(package)
    file = Path(spec.origin).parent / inside if spec and spec.origin else None
    if file is None or not file.is_file():
        raise MediaError(f"The sample photo {Path(inside).name} is missing; install the package {distribution} again.")
    return read_image(file)


def _load_astronaut() -> np.ndarray:
    return _read("skimage", "data/astronaut.png", "scikit-image")


def _load_admiral() -> np.ndarray:
    return _read("matplotlib", "mpl-data/sample_data/grace_hopper.jpg", "matplotlib")


def _load_both() -> np.ndarray:
    """Both photos side by side, as high as the lower one."""
    photos = [_load_astronaut(), _load_admiral()]
    height = min(len(photo) for photo in photos)
    return cv2.hconcat(
        [
            cv2.resize(photo, (round(photo.shape[1] * height / len(photo)), height), interpolation=cv2.INTER_AREA)
            for photo in photos
        ]
    )


_COLLINS = "Eileen Collins, NASA"
_HOPPER = "Grace Hopper, US Navy"

SAMPLES: Mapping[str, SamplePhoto] = MappingProxyType(
    {
        "astronaut": SamplePhoto("Astronaut", f"{_COLLINS}, public domain", _load_astronaut),
        "admiral": SamplePhoto("Admiral", f"{_HOPPER}, public domain", _load_admiral),
        "two-faces": SamplePhoto("Two faces", f"{_COLLINS}, and {_HOPPER}; both public domain", _load_both),
    }
)
"""The samples by key, the first one to be shown where nothing was chosen."""
