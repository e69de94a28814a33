"""What was seen in a video -> the files that spreadsheets, players and observers' programs open.

Knows nothing about where the bytes go. Every format holds what it shares with ours and nothing made up.
"""

import hashlib
import json
import shlex
import shutil
import zipfile
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePath
from types import MappingProxyType
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import quote
from xml.etree import ElementTree

import numpy as np

from fer import __version__, paths
from fer.evaluation.report import load_report
from fer.pipeline import Settings
from fer.recognition import network_digest
from fer.video.looking import VideoResult
from fer.video.summary import Spell, find_spells, summarize
from fer.video.timeline import Timeline

if TYPE_CHECKING:
    import pandas as pd

PICTURE_ENDING = ".annotated.mp4"
ABOUT_ENDING = ".about.json"

_FEX_NAMES = {"angry": "anger", "happy": "happiness", "sad": "sadness"}
"""Where py-feat's word for an expression is another one than ours."""

_EAF_CONSTRAINTS = {
    "Time_Subdivision": "Time subdivision of parent annotation's time interval, no time gaps allowed within this "
    "interval",
    "Symbolic_Subdivision": "Symbolic subdivision of a parent annotation. Annotations refering to the same parent are "
    "ordered",
    "Symbolic_Association": "1-1 association with a parent annotation",
    "Included_In": "Time alignable annotations within the parent annotation's time interval, gaps are allowed",
}
"""The stereotypes of tiers as ELAN itself writes them into every file."""


@dataclass(frozen=True)
class Format:
    """One format that results are written in.

    Attributes:
        ending: of a file's name, added to the video's.
        title: what it is, for lists.
        write: gives the file's bytes.
    """

    ending: str
    title: str
    write: Callable[[VideoResult], bytes]


def _csv(table: "pd.DataFrame", separator: str = ",") -> bytes:
    return table.to_csv(index=False, sep=separator, lineterminator="\n").encode()


def _to_parquet(result: VideoResult) -> bytes:
    return result.timeline.to_table().to_parquet(index=False)


def _to_json(result: VideoResult) -> bytes:
    about = {"video": result.name, "warnings": list(result.warnings)}
    return _json({**about, **summarize(result.timeline).to_record()})


def _json(record: Mapping) -> bytes:
    return (json.dumps(record, indent=2, ensure_ascii=False) + "\n").encode()


def _to_webvtt(result: VideoResult) -> bytes:
    """One cue a spell, in WebVTT (https://www.w3.org/TR/webvtt1/): any player shows them over the video."""
    lines = ["WEBVTT", ""]
    for spell in find_spells(result.timeline):
        start_ms, end_ms = _milliseconds(spell)
        text = f"{spell.name} {spell.label}".replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        lines += [f"{_vtt_time(start_ms)} --> {_vtt_time(end_ms)}", " ".join(text.split()), ""]
    return "\n".join(lines).encode()


def _vtt_time(time_ms: int) -> str:
    seconds, thousandths = divmod(time_ms, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{thousandths:03}"


def _milliseconds(spell: Spell) -> tuple[int, int]:
    """From when until when, at least one millisecond."""
    start_ms = round(spell.start_s * 1000)
    return start_ms, max(start_ms + 1, round(spell.end_s * 1000))


def _to_eaf(result: VideoResult) -> bytes:
    """One tier a person and one annotation a spell, in ELAN's format 3.0 (http://www.mpi.nl/tools/elan/EAFv3.0.xsd)."""
    xsi = "http://www.w3.org/2001/XMLSchema-instance"
    ElementTree.register_namespace("xsi", xsi)
    document = ElementTree.Element(
        "ANNOTATION_DOCUMENT",
        {
            "AUTHOR": "fer",
            "DATE": datetime.now(UTC).isoformat(timespec="seconds"),
            "FORMAT": "3.0",
            "VERSION": "3.0",
            f"{{{xsi}}}noNamespaceSchemaLocation": "http://www.mpi.nl/tools/elan/EAFv3.0.xsd",
        },
    )
    header = ElementTree.SubElement(document, "HEADER", {"MEDIA_FILE": "", "TIME_UNITS": "milliseconds"})
    place = f"./{quote(result.name)}"
    media = {"MEDIA_URL": place, "RELATIVE_MEDIA_URL": place, "MIME_TYPE": "video/mp4"}
    ElementTree.SubElement(header, "MEDIA_DESCRIPTOR", media)
    order = ElementTree.SubElement(document, "TIME_ORDER")
    spells = find_spells(result.timeline)
    number = 0
    for person, tier_id in _told_apart(result.timeline).items():
        attributes = {"TIER_ID": tier_id, "PARTICIPANT": tier_id, "LINGUISTIC_TYPE_REF": "expression"}
        tier = ElementTree.SubElement(document, "TIER", attributes)
        for spell in (spell for spell in spells if spell.person == person):
            number += 1
            slots = {}
            for which, time_ms in enumerate(_milliseconds(spell), start=1):
                slots[f"TIME_SLOT_REF{which}"] = slot = f"ts{2 * number + which - 2}"
                ElementTree.SubElement(order, "TIME_SLOT", {"TIME_SLOT_ID": slot, "TIME_VALUE": str(time_ms)})
            annotation = ElementTree.SubElement(
                ElementTree.SubElement(tier, "ANNOTATION"),
                "ALIGNABLE_ANNOTATION",
                {"ANNOTATION_ID": f"a{number}", **slots},
            )
            ElementTree.SubElement(annotation, "ANNOTATION_VALUE").text = spell.label
    kind = {"LINGUISTIC_TYPE_ID": "expression", "TIME_ALIGNABLE": "true", "GRAPHIC_REFERENCES": "false"}
    ElementTree.SubElement(document, "LINGUISTIC_TYPE", kind)
    for stereotype, description in _EAF_CONSTRAINTS.items():
        ElementTree.SubElement(document, "CONSTRAINT", {"STEREOTYPE": stereotype, "DESCRIPTION": description})
    return ElementTree.tostring(document, encoding="UTF-8", xml_declaration=True) + b"\n"


def _told_apart(timeline: Timeline) -> dict[int, str]:
    """Everyone's name, with the number where two are called the same."""
    names = {person: _printable(timeline.name(person)) for person in timeline.people}
    return {
        person: f"{name} ({person})" if list(names.values()).count(name) > 1 else name for person, name in names.items()
    }


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)


def _to_boris(result: VideoResult) -> bytes:
    """The rows that BORIS takes by "Paste events": time, subject, code, modifier, comment, parted by tabs.

    An expression is a state event there: one row where it begins and one where it ends.
    """
    names = _told_apart(result.timeline)
    rows = []
    for spell in find_spells(result.timeline):
        start_ms, end_ms = _milliseconds(spell)
        rows.append((start_ms, 1, names[spell.person], spell.label, f"confidence {spell.confidence:.2f}"))
        rows.append((end_ms, 0, names[spell.person], spell.label, ""))
    lines = (
        f"{time_ms / 1000:.3f}\t{name}\t{label}\t\t{comment}\n" for time_ms, _, name, label, comment in sorted(rows)
    )
    return "".join(lines).encode()


def _looks(timeline: Timeline) -> tuple[np.ndarray, np.ndarray, "pd.DataFrame"]:
    """A row a face of every frame that was looked at, or one for a frame without any.

    Returns:
        Of every row its frame and its sighting, -1 where there is none; and the sightings' boxes and detector scores,
        missing where there is none.
    """
    import pandas as pd

    own = np.flatnonzero(timeline.looked[timeline.frame])
    alone = np.setdiff1d(np.flatnonzero(timeline.looked), timeline.frame[own])
    frames = np.concatenate([timeline.frame[own], alone])
    sightings = np.concatenate([own, np.full(len(alone), -1)])
    order = np.argsort(frames, kind="stable")
    seen = pd.DataFrame(timeline.boxes_xywh[own].astype(np.float64).round(2), own, list("xywh"))
    seen["score"] = timeline.detector_score[own].astype(np.float64).round(4)
    return frames[order], sightings[order], seen.reindex(sightings[order])


def _to_fex(result: VideoResult) -> bytes:
    """What py-feat's Fex shares with ours; a frame in which nobody was seen has a row without numbers."""
    import pandas as pd

    timeline = result.timeline
    frames, sightings, seen = _looks(timeline)
    probabilities = pd.DataFrame(timeline.probabilities.astype(np.float64).round(6)).reindex(sightings)
    names = {person: timeline.names.get(person, f"Person_{person}") for person in timeline.people}
    seconds = timeline.time_s[frames].astype(int).tolist()
    columns = {
        **{f"FaceRect{title}": seen[side].to_numpy() for title, side in _FEX_SIDES.items()},
        "FaceScore": seen["score"].to_numpy(),
        "frame": frames,
        "approx_time": [f"{second // 60:02}:{second % 60:02}" for second in seconds],
        "Identity": [None if i < 0 else names[int(timeline.person[i])] for i in sightings.tolist()],
        "input": [result.name] * len(frames),
        **{_FEX_NAMES.get(name, name): probabilities[i].to_numpy() for i, name in enumerate(timeline.classes)},
    }
    return _csv(pd.DataFrame(columns))


_FEX_SIDES = {"X": "x", "Y": "y", "Width": "w", "Height": "h"}


def _to_openface(result: VideoResult) -> bytes:
    """What OpenFace's CSV shares with ours, and the box; frames count from 1 and faces from 0.

    Where nobody was seen, success is 0.
    """
    import pandas as pd

    timeline = result.timeline
    frames, sightings, seen = _looks(timeline)
    is_seen = sightings >= 0
    face_ids = np.zeros(len(frames), np.int64)
    face_ids[is_seen] = timeline.person[sightings[is_seen]] - 1
    columns = {
        "frame": frames + 1,
        "face_id": face_ids,
        "timestamp": timeline.time_s[frames].round(3),
        "confidence": seen["score"].fillna(0).to_numpy(),
        "success": is_seen.astype(int),
        **{side: seen[side].to_numpy() for side in "xywh"},
    }
    return _csv(pd.DataFrame(columns))


FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        "csv": Format(".csv", "Table, a row a person and frame", lambda result: _csv(result.timeline.to_table())),
        "parquet": Format(".parquet", "The same table as Parquet", _to_parquet),
        "json": Format(".summary.json", "Shares, spells, chapters, gaps", _to_json),
        "vtt": Format(".vtt", "WebVTT, captions for any player", _to_webvtt),
        "eaf": Format(".eaf", "ELAN, a tier a person", _to_eaf),
        "boris": Format(".boris.tsv", "BORIS, events to paste", _to_boris),
        "fex": Format(".fex.csv", "Columns of py-feat's Fex", _to_fex),
        "openface": Format(".openface.csv", "Columns of OpenFace's CSV", _to_openface),
    }
)
"""The formats by name."""


def digest_file(source: Path | BinaryIO | bytes) -> str:
    """SHA-256 of a video's file, in hex, from its beginning.

    Raises:
        OSError: the file cannot be read.
    """
    if isinstance(source, bytes):
        return hashlib.sha256(source).hexdigest()
    if isinstance(source, Path):
        with source.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    source.seek(0)
    digest = hashlib.sha256()
    while piece := source.read(1 << 20):
        digest.update(piece)
    return digest.hexdigest()


def command(result: VideoResult, settings: Settings, formats: Collection[str] = tuple(FORMATS)) -> str:
    """What to type to read the video again in the same way, in a shell of Unix, beside the video."""
    options = result.options
    words = ["python", "-m", "fer", "video", result.name, "--out", "out"]
    words += [] if options.rate is None else ["--rate", f"{options.rate:g}"]
    words += ["--model", settings.model, "--detector", result.reader.detector, "--averaging", settings.averaging]
    words += ["--min-score", f"{settings.min_score:g}", "--half-life", f"{options.half_life_s:g}"]
    words += ["--long-sides", ",".join(map(str, settings.long_sides))]
    flags = {
        "--no-words": not options.words,
        "--landmarks": options.landmarks,
        "--blur": options.blur,
        "--no-picture": not result.has_picture,
    }
    words += [flag for flag, is_set in flags.items() if is_set]
    return shlex.join([*words, "--formats", ",".join(formats)])


def to_about(
    result: VideoResult, settings: Settings, file_digest: str, formats: Collection[str] = tuple(FORMATS)
) -> bytes:
    """How the results came about, as JSON: file, settings, model with its stamps, warnings, and the command.

    Raises:
        ModelError: the model is damaged.
    """
    folder = paths.find_models().get(result.reader.model)
    evaluations = () if folder is None else load_report(folder).evaluations
    return _json(
        {
            "video": {"name": result.name, "sha256": file_digest, **asdict(result.info)},
            "program": f"fer {__version__}",
            "model": {
                "name": result.reader.model,
                "sha256": None if folder is None else network_digest(folder),
                "stamps": [evaluation.stamp.to_dict() for evaluation in evaluations],
            },
            "detector": {"name": result.reader.detector, "reason": result.reader.detector_reason},
            "settings": {**asdict(settings), **asdict(result.options)},
            "people": {str(person): result.timeline.name(person) for person in result.timeline.people},
            "warnings": list(result.warnings),
            "was_cancelled": result.was_cancelled,
            "elapsed_s": round(result.elapsed_s, 2),
            "command": command(result, settings, formats),
            "note": "An expression is not a feeling.",
        }
    )


def write_zip(
    file: BinaryIO,
    result: VideoResult,
    settings: Settings,
    file_digest: str,
    *,
    picture: BinaryIO | None = None,
    formats: Collection[str] = tuple(FORMATS),
) -> None:
    """Pack everything into one ZIP.

    Args:
        file: takes the ZIP; opened for writing.
        result, settings, file_digest: see `to_about`.
        picture: the annotated video, which is copied from its beginning; left out where None or where there is none.
        formats: names of `FORMATS`.
    """
    stem = PurePath(result.name).stem or "video"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in formats:
            archive.writestr(stem + FORMATS[name].ending, FORMATS[name].write(result))
        archive.writestr(stem + ABOUT_ENDING, to_about(result, settings, file_digest, formats))
        if picture is not None and result.has_picture:
            picture.seek(0)
            entry = zipfile.ZipInfo(stem + PICTURE_ENDING, datetime.now().timetuple()[:6])
            with archive.open(entry, "w", force_zip64=True) as packed:
                shutil.copyfileobj(picture, packed, 1 << 20)
