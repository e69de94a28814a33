"""Speed and memory on this machine, next to the budgets they are held to.

Only means something while nothing else runs. Turns nothing into files; the command line prints what `run` returns.
"""

import time
from collections.abc import Callable

import cv2
import numpy as np

from fer import paths
from fer.benchmark.batch import measure_batch
from fer.benchmark.live import measure_live
from fer.benchmark.measurement import Measurement, render
from fer.benchmark.room import measure_room
from fer.benchmark.server import measure_crowd, measure_start
from fer.benchmark.video import measure_video
from fer.crops import crop_faces
from fer.datasets import DATASETS, load_dataset
from fer.datasets.pixel_csv import read_pixel_csv
from fer.detection import LIVE_SIDES, load_detector
from fer.drawing import annotate
from fer.pipeline import FacePipeline
from fer.recognition import EmotionModel, load_model
from fer.samples import SAMPLES

__all__ = ["Measurement", "render", "run", "time_reading"]

WARM_UP = 20
REPEATS = 200


def run(
    model_name: str,
    progress: Callable[[str], None],
    visitors: int = 0,
    live_minutes: float = 0,
    video_minutes: float = 0,
    batch_photos: int = 0,
) -> list[Measurement]:
    """Measure everything that can be measured here.

    Args:
        model_name: the installed model to time.
        progress: told what is measured next.
        visitors: how many upload a photo at once; 0 leaves this out, which takes minutes.
        live_minutes: how long the memory of the Live page's server is watched; 0 leaves that page out, and what its
            visitors cost.
        video_minutes: how long the video lasts whose memory is watched; 0 leaves videos out.
        batch_photos: over how many photos the memory of a batch is watched; 0 leaves batches out.

    Raises:
        FerError: the model or a detector cannot be opened.
    """
    progress("One face and one frame ...")
    measurements = _picture(model_name)
    progress("Reading fer2013.csv ...")
    measurements += _data()
    progress("Starting the app, three times ...")
    measurements += measure_start()
    if visitors:
        progress(f"{visitors} visitors at once ...")
        measurements += measure_crowd(visitors)
    if live_minutes:
        measurements += measure_live(live_minutes, progress) + measure_room(progress)
    if video_minutes:
        measurements += measure_video(model_name, video_minutes, progress)
    if batch_photos:
        measurements += measure_batch(model_name, batch_photos, progress)
    return measurements


def time_reading(model: EmotionModel) -> Measurement:
    """Measure how long a model takes for one face, from its place in a frame to calibrated probabilities."""
    frame_bgr = np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)
    square = np.array([[200.0, 120.0, 240.0, 240.0]])

    def read_one() -> None:
        logits = model.predict(crop_faces(frame_bgr, square, model.card.crop_size)).logits
        model.calibration.probabilities(logits)

    return Measurement("one face, crop to probabilities", "ms", 1.4, _times_ms(read_one), model.card.name)


def _times_ms(call: Callable[[], object]) -> tuple[float, ...]:
    _times_s(call, WARM_UP)
    return tuple(seconds * 1000 for seconds in _times_s(call, REPEATS))


def _picture(model_name: str) -> list[Measurement]:
    model, detector = load_model(model_name), load_detector()
    pipeline = FacePipeline(model, detector, long_sides=LIVE_SIDES)
    astronaut_bgr = SAMPLES["astronaut"].load()
    frame_bgr = np.zeros((480, 640, 3), np.uint8)
    frame_bgr[:, 80:560] = cv2.resize(astronaut_bgr, (480, 480), interpolation=cv2.INTER_AREA)
    return [
        time_reading(model),
        Measurement(
            "640x480 frame, one face, detect to drawn",
            "ms",
            5,
            _times_ms(lambda: annotate(frame_bgr, pipeline.analyze(frame_bgr).faces)),
            f"{model_name}, {detector.name}, long side {LIVE_SIDES[0]}",
        ),
    ]


def _data() -> list[Measurement]:
    names = (("fer2013.csv to arrays, the first time", 5.0), ("fer2013.csv to arrays, from the cache", 0.5))
    file = paths.find_data_file(DATASETS["fer2013"].file_name)
    if file is None:
        note = "not measured: fer2013.csv was not found; set FER_DATA_DIR to its folder"
        return [Measurement(name, "s", budget, (), note) for name, budget in names]
    first = _times_s(lambda: read_pixel_csv(file, "fer2013"), 3)
    load_dataset("fer2013", path=file)
    again = _times_s(lambda: load_dataset("fer2013", path=file), 10)
    note = f"{file.stat().st_size / 1e6:.0f} MB, the file itself in the system's cache"
    return [
        Measurement(name, "s", budget, times, note) for (name, budget), times in zip(names, (first, again), strict=True)
    ]


def _times_s(call: Callable[[], object], repeats: int) -> tuple[float, ...]:
    values = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        values.append(time.perf_counter() - start)
    return tuple(values)
