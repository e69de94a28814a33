"""Files of a batch whose readings are known beforehand, and what goes wrong with some of them."""

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np

from fer.batch.local import Outcome
from fer.batch.sources import Item
from fer.batch.work import Chunk, Recipe, Worker
from fer.detection import LIVE_SIDES
from fer.pipeline import Settings
from fer.samples import SAMPLES
from fer.video.sample import write_video

RECIPE = Recipe(Settings("fer2013-small", "haar"), Settings("fer2013-small", "haar", long_sides=LIVE_SIDES))
POISON = {3: b"", 17: b"no picture", 31: b"<svg/>", 44: b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"}
PHOTOS = 60


def draw_photos(folder: Path) -> None:
    """Small photos of several sizes and formats, some without a face, some poisoned, some further down."""
    whole = SAMPLES["astronaut"].load()
    encoded = {}
    for i in range(PHOTOS):
        side, suffix = (96, 112, 128)[i % 3], (".jpg", ".png", ".webp", ".bmp")[i % 4]
        if (side, suffix) not in encoded:
            photo_bgr = cv2.resize(whole[:256, 100:356], (side, side), interpolation=cv2.INTER_AREA)
            if side == 112:
                photo_bgr[:] = 128
            encoded[side, suffix] = cv2.imencode(suffix, photo_bgr)[1].tobytes()
        path = folder / ("deep/er" if i % 10 == 9 else "") / f"{i:03}{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(POISON.get(i, encoded[side, suffix]))


def draw_many(folder: Path, photos: int, poisoned: int) -> None:
    """Photos of one, two and no faces in many sizes and formats, few of them encoded and the others links to these.

    Args:
        folder: is filled, also further down.
        photos: how many files there are.
        poisoned: how many of them are no pictures; their names say so.
    """
    whole_bgr = [SAMPLES["astronaut"].load()[:256, 100:356], SAMPLES["two-faces"].load()[:300]]
    whole_bgr.append(np.full((240, 320, 3), 128, np.uint8))
    sides, suffixes = (96, 112, 128, 160), (".jpg", ".png", ".webp", ".bmp", ".tiff")
    sources: dict[str, bytes] = {}
    for i, image_bgr in enumerate(whole_bgr):
        for side in sides:
            size_wh = (round(image_bgr.shape[1] * side / len(image_bgr)), side)
            small_bgr = cv2.resize(image_bgr, size_wh, interpolation=cv2.INTER_AREA)
            sources |= {f"{i}-{side}{end}": cv2.imencode(end, small_bgr)[1].tobytes() for end in suffixes}
    whole_jpeg = sources[f"0-{sides[-1]}.jpg"]
    poison = [*POISON.values(), whole_jpeg[: len(whole_jpeg) // 2], b"%PDF-1.7", b"PK\3\4", b"\0" * 1000]
    for i in range(photos):
        name, data = list(sources.items())[i % len(sources)]
        is_poisoned = i * poisoned // photos != (i + 1) * poisoned // photos
        path = folder / f"{i % 7}" / f"{i:06}{'-poisoned' if is_poisoned else ''}{Path(name).suffix}"
        path.parent.mkdir(exist_ok=True)
        if is_poisoned:
            path.write_bytes(poison[i * poisoned // photos % len(poison)])
            continue
        first = folder / name
        if not first.exists():
            first.write_bytes(data)
        path.hardlink_to(first)
    for name in sources:
        (folder / name).unlink(missing_ok=True)


def draw_video(path: Path) -> None:
    """Half a second of one face."""
    frame_bgr = cv2.resize(SAMPLES["astronaut"].load()[:256, 100:356], (128, 128), interpolation=cv2.INTER_AREA)
    with path.open("w+b") as file:
        write_video(file, (128, 128), [frame_bgr] * 5, 10)


class DeadlyItem(Item):
    """Ends the process that reads it, as the system does where memory is short."""

    def read(self) -> bytes:
        os._exit(9)


def read_here(
    recipe: Recipe, out: Path
) -> Callable[[Sequence[Chunk], Callable[[], bool], bool], Iterator[Outcome | None]]:
    """An engine without processes, for what is the same with all of them."""

    def read(chunks: Sequence[Chunk], is_stopped: Callable[[], bool], alone: bool) -> Iterator[Outcome | None]:
        worker = Worker(recipe, out, is_stopped)
        for chunk in chunks:
            done = worker.work(chunk)
            if done is not None:
                yield Outcome(chunk, done)
            if is_stopped():
                return

    return read
