"""Results -> the bytes of the formats that the command line and the pages give out: JSON, CSV, Parquet, PNG, ZIP.

Knows nothing about where the bytes go.
"""

import io
import json
import re
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import count
from pathlib import PurePath

import numpy as np

from fer.drawing import annotate
from fer.files import table_to_csv
from fer.media import encode_png
from fer.recording import Remarks, Sample, Span, samples_table
from fer.results import PhotoResult, to_table

FORMATS = ("json", "csv", "parquet")

WORDS = ("file", "emotion", "label", "model", "detector", "error")
"""The columns of the tables that hold text."""

_UNSAFE = re.compile(r'[\x00-\x1f\x7f-\x9f<>:"|?*\u200b-\u200f\u2028-\u202e\u2066-\u2069]')
_DEVICE = re.compile(r"(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9\u00b9\u00b2\u00b3]) *", re.IGNORECASE)
_ANNOTATED = ".annotated.png"
_MAX_NAME_BYTES = 255
_MAX_STEM_BYTES = _MAX_NAME_BYTES - len("-123456789") - len(_ANNOTATED)


def to_bytes(photos: Sequence[PhotoResult], format_name: str) -> bytes:
    """Write results in one of `FORMATS`; JSON holds one object a photo, the tables one row a face (`to_table`)."""
    match format_name:
        case "json":
            return (json.dumps([photo.to_record() for photo in photos], indent=2, ensure_ascii=False) + "\n").encode()
        case "csv":
            return table_to_csv(to_table(photos))
        case "parquet":
            # Words of which none is there would be stored as numbers, and such files could not be stacked.
            return to_table(photos).astype(dict.fromkeys(WORDS, "str")).to_parquet(index=False)
    raise ValueError(f"The format must be one of {', '.join(FORMATS)}, but is {format_name}.")


def describe_recording(
    kind: str,
    started: datetime,
    duration_s: float,
    model: str,
    detector: str,
    classes: Sequence[str],
    nobody: Sequence[Span],
) -> dict[str, object]:
    """What the JSON of a recording says before its samples; in `nobody_s` it was looked and nobody was found."""
    return {
        "kind": kind,
        "started": started.isoformat(timespec="seconds"),
        "duration_s": round(duration_s, 3),
        "model": model,
        "detector": detector,
        "classes": list(classes),
        "nobody_s": [[round(start_s, 3), round(end_s, 3)] for start_s, end_s in nobody],
    }


_NO_REMARKS = Remarks()


def samples_to_bytes(
    samples: Sequence[Sample],
    classes: Sequence[str],
    about: Mapping[str, object],
    format_name: str,
    remarks: Remarks = _NO_REMARKS,
) -> bytes:
    """Write a recording as "csv" (`samples_table`: a row a person and moment) or "json" (the same under `samples`).

    What was written onto it goes along: in CSV the columns `name` (the person's) and `marker` (on the first row of its
    moment or after it, else on the last one; several are joined by " | "), in JSON `notes`, `names` and `markers`.

    Args:
        samples: what was recorded.
        classes: what their probabilities stand for.
        about: what JSON says before the samples: the recording's name, its model and the like.
        format_name: "csv" or "json".
        remarks: what was written onto it.

    Examples:
        >>> from fer.recording import Marker
        >>> sample = Sample(0.0, 1, (0.75, 0.25), (10.0, 20.0, 60.0, 60.0), 0.8, is_unsure=True)
        >>> remarks = Remarks(names={1: "Ann"}, markers=(Marker(0.0, "begins"),))
        >>> print(samples_to_bytes([sample], ("happy", "sad"), {}, "csv", remarks).decode().strip())
        time_s,person,emotion,label,confidence,x,y,w,h,detector_score,happy,sad,name,marker
        0.0,1,happy,unsure,0.75,10.0,20.0,60.0,60.0,0.8,0.75,0.25,Ann,begins
    """
    import pandas as pd  # see to_table

    places = {
        "time_s": 3,
        **dict.fromkeys("xywh", 2),
        "detector_score": 4,
        "confidence": 6,
        **dict.fromkeys(classes, 6),
    }
    table = samples_table(samples, classes).round(places)
    match format_name:
        case "csv":
            marks = [""] * len(table)
            for marker in remarks.markers if len(table) else ():
                row = min(int(table["time_s"].searchsorted(round(marker.time_s, 3))), len(table) - 1)
                marks[row] = " | ".join(filter(None, (marks[row], marker.note or "marker")))
            names = table["person"].map(lambda person: remarks.names.get(person, ""))
            return table_to_csv(table.assign(name=names, marker=marks))
        case "json":
            written = {
                "notes": remarks.notes,
                "names": {str(person): name for person, name in remarks.names.items()},
                "markers": [{"time_s": round(one.time_s, 3), "note": one.note} for one in remarks.markers],
            }
            records = [
                {
                    **{name: row[name] for name in ("time_s", "person", "emotion")},
                    "label": None if pd.isna(row["label"]) else row["label"],
                    "confidence": row["confidence"],
                    "box_xywh": [row[name] for name in "xywh"],
                    "detector_score": row["detector_score"],
                    "probabilities": {name: row[name] for name in classes},
                }
                for row in table.to_dict("records")
            ]
            return (json.dumps({**about, **written, "samples": records}, ensure_ascii=False) + "\n").encode()
    raise ValueError(f"The format must be csv or json, but is {format_name}.")


def annotated_png(image_bgr: np.ndarray, photo: PhotoResult) -> bytes:
    """A photo with its numbered boxes, as PNG; image_bgr is uint8 of shape (height, width, 3)."""
    return encode_png(annotate(image_bgr, photo.faces))


def annotated_names(files: Iterable[str]) -> list[str]:
    """Names for annotated pictures; see `distinct_stems`."""
    return [stem + _ANNOTATED for stem in distinct_stems(files, "photo")]


def distinct_stems(files: Iterable[str], default: str) -> list[str]:
    """The stems of files' names, told apart by a number where two are the same; what is written goes by them.

    Names that differ in case alone are the same, since on many disks one would overwrite the other. A stem too long
    for a name that disks take is cut, so that an ending finds room, and what some system does not take in a name (a
    control sign, a colon, a device's name such as CON) is replaced.

    Args:
        files: the files' names.
        default: stands for a stem that is empty.
    """
    stems: list[str] = []
    taken: set[str] = set()
    numbers: dict[str, int] = {}
    for file in files:
        stem = _shortened(_harmless(PurePath(file.replace("\\", "/")).stem) or default)
        for number in count(numbers.get(stem.casefold(), 1)):
            name = stem if number == 1 else f"{stem}-{number}"
            if name.casefold() not in taken:
                break
        numbers[stem.casefold()] = number + 1
        taken.add(name.casefold())
        stems.append(name)
    return stems


def file_stem(name: str, default: str) -> str:
    """What a file is called that goes by a name which somebody gave; see `distinct_stems`.

    Examples:
        >>> file_stem("Act 1/2: rehearsal", "session")
        'Act 1_2_ rehearsal'
    """
    return _shortened(_harmless(re.sub(r"[/\\]", "_", name)) or default)


def _harmless(stem: str) -> str:
    """A stem that every system takes, and that shows as what it is."""
    kept = _UNSAFE.sub("_", stem).strip(". ")
    return f"_{kept}" if _DEVICE.fullmatch(kept.partition(".")[0]) else kept


def _shortened(stem: str) -> str:
    """A stem that leaves room for what follows it, counted in bytes, as most disks do."""
    stored = stem.encode(errors="surrogateescape")
    return stem if len(stored) <= _MAX_STEM_BYTES else stored[:_MAX_STEM_BYTES].decode(errors="ignore")


def zip_files(named: Iterable[tuple[str, bytes]]) -> bytes:
    """Pack named files into one ZIP; they are pictures, so nothing is compressed again."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for name, data in named:
            archive.writestr(name, data)
    return packed.getvalue()
