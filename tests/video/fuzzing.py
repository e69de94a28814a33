"""Damaged clips, and the worker that reads, converts and writes them anew under limits.

`CASES` makes every file on demand, the same in every run; run as a program (`python -m tests.video.fuzzing FOLDER
NAME...`) it goes through the files of a folder, one JSON line before and after each.
"""

import functools
import io
import json
import resource
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tests.fuzzing import Maker, cut, flipped, peak_bytes, shuffled
from tests.video.clips import backdrop, clip, steady

CPU_LIMIT_S = 8
ADDRESS_SPACE_BYTES = 4 << 30


def _scene(i: int) -> np.ndarray:
    picture = backdrop()
    picture[20:60, 20 + i : 60 + i] = 200
    return picture


@functools.cache
def base(name: str) -> bytes:
    """One of the clips that are damaged."""
    quick = {"preset": "ultrafast"}
    how: dict[str, dict] = {
        "mp4": {"sound": "aac", "options": quick},
        "mp4-index-in-front": {"sound": "aac", "options": quick, "muxer_options": {"movflags": "+faststart"}},
        "mp4-fragments": {"options": quick, "muxer_options": {"movflags": "frag_keyframe+empty_moov"}},
        "mov-mjpeg": {"container": "mov", "codec": "mjpeg", "pix_fmt": "yuvj420p", "sound": "pcm_s16le"},
        "hevc": {"codec": "libx265", "options": {**quick, "x265-params": "log-level=none"}},
        "matroska": {"container": "matroska", "options": quick, "sound": "ac3"},
        "webm-vp9": {"container": "webm", "codec": "libvpx-vp9", "options": {"cpu-used": "8"}, "sound": "libopus"},
        "avi-mpeg4": {"container": "avi", "codec": "mpeg4", "sound": "libmp3lame"},
        "transport-stream": {"container": "mpegts", "codec": "mpeg2video", "sound": "mp2"},
        "flv": {"container": "flv", "codec": "flv"},
        "gif": {"container": "gif", "codec": "gif", "pix_fmt": "rgb8"},
        "h264-alone": {"container": "h264", "options": quick},
    }
    return clip(_scene, steady(20), **how[name])


BASES = (
    *("mp4", "mp4-index-in-front", "mp4-fragments", "mov-mjpeg", "hevc", "matroska", "webm-vp9", "avi-mpeg4"),
    *("transport-stream", "flv", "gif", "h264-alone"),
)


def _cases() -> dict[str, Maker]:
    cases: dict[str, Maker] = {}
    for i, name in enumerate(BASES):
        make = functools.partial(base, name)
        cases[name] = make
        for share in (0.3, 0.9):
            cases[f"{name}-cut-{share}"] = functools.partial(cut, make, share)
        for turn in range(4):
            cases[f"{name}-flipped-{turn}"] = functools.partial(flipped, make, 100 * i + turn)
            cases[f"{name}-shuffled-{turn}"] = functools.partial(shuffled, make, 100 * i + turn)
    return cases


CASES = _cases()
"""Every file by its name: the whole clips, and over a hundred damaged ones."""


def read_all(folder: Path, names: Sequence[str]) -> None:
    """Read files in this process, under limits. One that uses more than its processor time ends the process."""
    from fer.errors import MediaError
    from fer.video.encoding import VideoWriter
    from fer.video.reading import VideoFrame, VideoReader

    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE_BYTES, ADDRESS_SPACE_BYTES))
    for name in names:
        data = (folder / name).read_bytes()
        print(json.dumps({"name": name}), flush=True)
        signal.setitimer(signal.ITIMER_PROF, CPU_LIMIT_S)
        start_s = time.process_time()
        outcome: dict[str, object] = {"sentence": None, "frames": 0, "warnings": [], "in_order": True}
        try:
            with VideoReader(data, name) as video:
                picture_of, last_s = video.converter(), -1.0
                with VideoWriter(io.BytesIO(), video.info.picture_wh, video.sound) as writer:
                    for part in video.parts():
                        if isinstance(part, VideoFrame):
                            writer.write(picture_of(part), part.time_s)
                            outcome["frames"] += 1
                            outcome["in_order"] &= part.time_s > last_s
                            last_s = part.time_s
                        else:
                            writer.write_sound(part)
                outcome["warnings"] = video.warnings
        except MediaError as error:
            outcome["sentence"] = str(error)
        signal.setitimer(signal.ITIMER_PROF, 0)
        print(json.dumps({**outcome, "cpu_s": time.process_time() - start_s, "peak_bytes": peak_bytes()}), flush=True)


if __name__ == "__main__":
    read_all(Path(sys.argv[1]), sys.argv[2:])
