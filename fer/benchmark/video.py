"""A video file from beginning to end: how long it takes and what memory it holds, in a process of its own."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from fer import paths
from fer.benchmark.measurement import Measurement
from fer.benchmark.server import memory_mb
from fer.detection import LIVE_SIDES, load_detector
from fer.pipeline import Settings
from fer.samples import SAMPLES
from fer.video.folder import Wanted, watch_into_folder
from fer.video.looking import VideoOptions
from fer.video.sample import write_video

RATE, SECONDS, SIZE_WH = 25, 60, (640, 480)
REPEATS = 3

RARE = 5.0
"""Looks a second where a long recording is only to be surveyed."""

LONG_S = 2 * 3600

PEER_PYTHON = "FER_PEER_PYTHON"
"""The variable that names a Python in which the package fer is installed, which has this package's name."""

PEER_FRAMES = 100
PEER_SCRIPT = """
import importlib.metadata, json, sys, time
sys.path[:] = [place for place in sys.path if place not in ("", {root!r})]
try:
    version = importlib.metadata.version("fer")
except importlib.metadata.PackageNotFoundError:
    print("null")
    sys.exit()
import cv2
try:
    from fer import FER
except ImportError:
    from fer.fer import FER
detector, film, times = FER(mtcnn=False), cv2.VideoCapture({clip!r}), []
for _ in range({frames} + 10):
    frame = film.read()[1]
    start = time.perf_counter()
    detector.detect_emotions(frame)
    times.append(time.perf_counter() - start)
print(json.dumps([version, sum(times[10:]) / {frames}]))
"""


def measure_video(model_name: str, minutes: float, progress: Callable[[str], None]) -> list[Measurement]:
    """Read a clip of a minute with one face, at every frame and at few, and a long one for the memory.

    Args:
        model_name: the installed model.
        minutes: how long the clip lasts whose memory is told beside that of the short one.
        progress: told what is measured next.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clip = folder / "minute.mp4"
        progress("Drawing a video ...")
        draw_clip(clip)
        who, size = f"{model_name}, {load_detector().name}", f"{SIZE_WH[0]}x{SIZE_WH[1]}"
        how = f"{who}, {size}, {RATE} frames a second, one face, H.264 and AAC"
        progress("Reading a minute of video ...")
        runs = [_run(clip, folder, model_name) for _ in range(REPEATS)]
        progress(f"Reading {minutes:g} minutes of video ...")
        long = folder / "long.mp4"
        repeat_clip(clip, long, max(2, round(minutes * 60 / SECONDS)))
        long_run = _run(long, folder, model_name)
        progress("Looking at video 5 times a second ...")
        table, rare = ([_run(clip, folder, model_name, RARE, draw) for _ in range(REPEATS)] for draw in (False, True))
        progress("Asking the package fer ...")
        return [
            Measurement(
                "60 s of video: every frame read, drawn, encoded, with its sound",
                "s",
                20,
                tuple(run["elapsed_s"] for run in runs),
                how,
            ),
            Measurement(
                "processor time of that", "s", None, tuple(run["processor_s"] for run in runs), "of all cores together"
            ),
            Measurement("memory over a minute of video", "MB", 500, tuple(run["peak_mb"] for run in runs), how),
            Measurement(
                f"memory over {minutes:g} minutes of video", "MB", 500, (long_run["peak_mb"],), "the same, repeated"
            ),
            *(
                Measurement(
                    f"two hours of video, looked at 5 times a second{more}",
                    "min",
                    15,
                    tuple(run["elapsed_s"] * LONG_S / SECONDS / 60 for run in runs),
                    "120 times what that minute took",
                )
                for more, runs in ((", for a table", table), (", drawn and encoded too", rare))
            ),
            measure_peer(clip),
        ]


def draw_clip(path: Path) -> None:
    """A minute of the astronaut moving to and fro in front of a noisy camera, with a tone."""
    photo_bgr = cv2.resize(SAMPLES["astronaut"].load(), (SIZE_WH[1], SIZE_WH[1]), interpolation=cv2.INTER_AREA)
    noise = np.random.default_rng(0).integers(0, 6, (8, SIZE_WH[1], SIZE_WH[0], 3), np.uint8)

    def pictures() -> Iterator[np.ndarray]:
        for i in range(RATE * SECONDS):
            picture = np.full((SIZE_WH[1], SIZE_WH[0], 3), 60, np.uint8)
            left = 80 + round(70 * np.sin(i / 40))
            picture[:, left : left + SIZE_WH[1]] = photo_bgr
            yield cv2.add(picture, noise[i % len(noise)])

    silent = path.with_suffix(".silent.mp4")
    with silent.open("w+b") as file:
        write_video(file, SIZE_WH, pictures(), RATE)
    with av.open(silent) as source, av.open(path, "w") as output:
        picture = output.add_stream_from_template(source.streams.video[0])
        tone = output.add_stream("aac", rate=48_000)
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = picture
                output.mux(packet)
        for start in range(0, SECONDS * 48_000, 1024):
            wave = 0.1 * np.sin(2 * np.pi * 440 * np.arange(start, start + 1024) / 48_000)
            frame = av.AudioFrame.from_ndarray(np.stack([wave, wave]).astype(np.float32), "fltp", "stereo")
            frame.sample_rate, frame.pts, frame.time_base = 48_000, start, Fraction(1, 48_000)
            output.mux(tone.encode(frame))
        output.mux(tone.encode(None))
    silent.unlink()


def repeat_clip(clip: Path, path: Path, times: int) -> None:
    """The same clip so many times over, not encoded again; a second apart, since its sound is a little longer."""
    with av.open(path, "w") as output:
        streams, begin_s = None, Fraction(0)
        for _ in range(times):
            with av.open(clip) as source:
                streams = streams or [output.add_stream_from_template(stream) for stream in source.streams]
                for packet in source.demux():
                    if packet.dts is not None and packet.pts is not None and packet.time_base is not None:
                        shift = round(begin_s / packet.time_base)
                        packet.pts, packet.dts = (packet.pts or 0) + shift, packet.dts + shift
                        packet.stream = streams[packet.stream.index]
                        output.mux(packet)
            begin_s += SECONDS + 1


def _run(clip: Path, folder: Path, model_name: str, rate: float | None = None, draw: bool = True) -> dict[str, float]:
    """Read a clip in a process of its own."""
    words = [str(clip), str(folder), model_name, str(rate or ""), "drawn" if draw else ""]
    command = [sys.executable, "-c", "from fer.benchmark.video import main; main()", *words]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout)


def measure_peer(clip: Path) -> Measurement:
    """What the package fer takes for finding and reading the faces alone, in its own way, where it is installed."""
    name, unit = "60 s of video by the package fer: Haar and its network at every frame", "s"
    python = os.environ.get(PEER_PYTHON) or sys.executable
    script = PEER_SCRIPT.format(root=str(paths.ROOT), clip=str(clip), frames=PEER_FRAMES)
    try:
        done = subprocess.run([python, "-c", script], cwd=clip.parent, capture_output=True, text=True, check=False)
    except OSError:
        return Measurement(name, unit, None, (), f"not measured: {PEER_PYTHON} names no program")
    answer = json.loads(done.stdout.splitlines()[-1]) if done.returncode == 0 and done.stdout.strip() else ()
    if not answer:
        why = "is not installed" if answer is None else "does not run here"
        return Measurement(
            name, unit, None, (), f"not measured: the package fer {why}; {PEER_PYTHON} names a Python with it"
        )
    version, seconds = answer[0], answer[1] * RATE * SECONDS
    return Measurement(
        name, unit, None, (seconds,), f"version {version}, {PEER_FRAMES} frames, without decoding, drawing, encoding"
    )


def main() -> None:
    """Read the clip that the command line names into a folder; print the time that it took and the memory it held."""
    clip, folder, model_name, rate, drawn = sys.argv[1:]
    settings = Settings(model_name, long_sides=LIVE_SIDES)
    pipeline = settings.load()
    options = VideoOptions(rate=float(rate) if rate else None)
    start, start_processor = time.perf_counter(), time.process_time()
    watch_into_folder(Path(clip), Path(folder), "read", pipeline, settings, options, Wanted(picture=bool(drawn)))
    took = {"elapsed_s": time.perf_counter() - start, "processor_s": time.process_time() - start_processor}
    print(json.dumps({**took, "peak_mb": memory_mb(os.getpid(), peak=True)}))
